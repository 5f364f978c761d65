//! What is asked of the cluster for one volume.

use std::collections::{BTreeMap, BTreeSet};

use super::{Domain, Name, PoolName, Provisioning, Selector, Volume};
use crate::Bytes;

/// No volume is larger.
pub const MAX_SIZE_BYTES: u64 = 1 << 48;
/// Sizes are multiples of this.
pub const SIZE_STEP_BYTES: u64 = 1 << 20;
/// Replicas of a volume at most.
pub const MAX_REPLICAS: u8 = 5;
/// The greatest Min of an application.
pub const MAX_MIN_IOPS: u32 = 100_000_000;

/// Where something is accessible from: labels of a node that must all be so. CSI's `Topology.segments`.
pub type Segments = BTreeMap<Name, Name>;

/// CSI's `TopologyRequirement`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Topology {
    /// Every replica lies within one of these; empty: anywhere.
    pub requisite: Vec<Segments>,
    /// The earlier, the better.
    pub preferred: Vec<Segments>,
}

/// Whether volumes are to be in one domain or in different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Where the application's volumes are already; its first volume may go anywhere.
    Together,
    /// Where none of them is.
    Apart,
}

/// Whether something must be or should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Else the pool is refused.
    Required,
    /// Else the pool comes after those where it is so.
    Preferred,
}

/// How a volume lies to the other volumes of its application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affinity {
    /// Together or apart.
    pub relation: Relation,
    /// In what.
    pub domain: Domain,
    /// Must or should.
    pub strength: Strength,
}

/// Where the pod runs that waits for the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its node, which need not have pools. Near ones go first.
    pub node: Name,
    /// The pools must be in the same one of these as the node; `None`: near is enough.
    pub within: Option<Domain>,
}

/// A volume that looks for its place. Begin with [`new`](Self::new) and set what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its name, unique in the cluster.
    pub volume: Name,
    /// Its application.
    pub app: Name,
    /// Its size: a multiple of [`SIZE_STEP_BYTES`].
    pub size_bytes: u64,
    /// When its blocks are taken.
    pub provisioning: Provisioning,
    /// The Min that its application is to have on its device. An application's volumes on one device share the
    /// largest that one of them asks for; each device promises it by itself.
    pub min_iops: u32,
    /// How often it is kept: 1 to [`MAX_REPLICAS`].
    pub replicas: u8,
    /// No two replicas in the same one of these.
    pub spread: Domain,
    /// How it lies to the application's other volumes.
    pub affinities: Vec<Affinity>,
    /// Where it must or should be accessible from.
    pub topology: Topology,
    /// Where its pod runs.
    pub pod: Option<Pod>,
    /// What its device must be, all of it.
    pub media: BTreeSet<Name>,
    /// Labels that its pools must have.
    pub selectors: Vec<Selector>,
    /// Of a clone or a restored snapshot: its source's pools, for it shares blocks with it. Empty: anywhere.
    pub source: Vec<PoolName>,
}

/// A request that no cluster could fulfil.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A size of nothing, too large, or between two steps.
    #[error(
        "a size of {size_bytes} bytes: give a multiple of {}, at most {}",
        Bytes(SIZE_STEP_BYTES),
        Bytes(MAX_SIZE_BYTES)
    )]
    Size {
        /// As given.
        size_bytes: u64,
    },
    /// None, or more than there may be.
    #[error("{replicas} replicas: give 1 to {MAX_REPLICAS}")]
    Replicas {
        /// As given.
        replicas: u8,
    },
    /// A Min above all devices.
    #[error("a Min of {min_iops} IOPS: give at most {MAX_MIN_IOPS}")]
    MinIops {
        /// As given.
        min_iops: u32,
    },
    /// The volume has its place.
    #[error("volume {volume} is recorded already")]
    Recorded {
        /// Its name.
        volume: Name,
    },
    /// The pod's node is not known.
    #[error("the pod's node {node} is not known: register it first, or ask without it")]
    UnknownNode {
        /// Its name.
        node: Name,
    },
    /// A pod runs on a node, not on a device.
    #[error("a pod is on no device: ask for its node, rack, zone or a label instead")]
    PodWithinDevice,
    /// The pod's node has no value of what the volume must share with it.
    #[error("the pod's node {node} has no {domain}: label it, or do not require the same")]
    PodNowhere {
        /// Its name.
        node: Name,
        /// What it lacks.
        domain: Domain,
    },
}

impl Request {
    /// One thin replica, anywhere, without a Min.
    #[must_use]
    pub fn new(volume: &str, app: &str, size_bytes: u64) -> Self {
        Self {
            volume: volume.into(),
            app: app.into(),
            size_bytes,
            provisioning: Provisioning::default(),
            min_iops: 0,
            replicas: 1,
            spread: Domain::Node,
            affinities: Vec::new(),
            topology: Topology::default(),
            pod: None,
            media: BTreeSet::new(),
            selectors: Vec::new(),
            source: Vec::new(),
        }
    }

    /// The volume as it is recorded once it has its place.
    #[must_use]
    pub fn at(&self, pools: Vec<PoolName>) -> Volume {
        Volume {
            name: self.volume.clone(),
            app: self.app.clone(),
            size_bytes: self.size_bytes,
            provisioning: self.provisioning,
            min_iops: self.min_iops,
            pools,
        }
    }

    /// What can be said of it without a cluster.
    pub(crate) fn check(&self) -> Result<(), RequestError> {
        check_size(self.size_bytes)?;
        if !(1..=MAX_REPLICAS).contains(&self.replicas) {
            return Err(RequestError::Replicas { replicas: self.replicas });
        }
        if self.min_iops > MAX_MIN_IOPS {
            return Err(RequestError::MinIops { min_iops: self.min_iops });
        }
        if self.pod.as_ref().is_some_and(|pod| pod.within == Some(Domain::Device)) {
            return Err(RequestError::PodWithinDevice);
        }
        Ok(())
    }
}

/// Whether a volume can have this size.
pub(crate) fn check_size(size_bytes: u64) -> Result<(), RequestError> {
    let fits = (SIZE_STEP_BYTES..=MAX_SIZE_BYTES).contains(&size_bytes);
    if fits && size_bytes.is_multiple_of(SIZE_STEP_BYTES) {
        Ok(())
    } else {
        Err(RequestError::Size { size_bytes })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn limits_stand_where_they_are_told() {
        let mut request = Request::new("data", "shop", SIZE_STEP_BYTES);
        assert_eq!(request.check(), Ok(()));
        for (size_bytes, good) in [
            (0, false),
            (SIZE_STEP_BYTES + 512, false),
            (MAX_SIZE_BYTES, true),
            (MAX_SIZE_BYTES + SIZE_STEP_BYTES, false),
        ] {
            assert_eq!(check_size(size_bytes).is_ok(), good, "{size_bytes}");
        }
        for (replicas, good) in [(0, false), (1, true), (MAX_REPLICAS, true), (MAX_REPLICAS + 1, false)] {
            request.replicas = replicas;
            assert_eq!(request.check().is_ok(), good, "{replicas} replicas");
        }
        request.replicas = 1;
        for (min_iops, good) in [(MAX_MIN_IOPS, true), (MAX_MIN_IOPS + 1, false)] {
            request.min_iops = min_iops;
            assert_eq!(request.check().is_ok(), good, "{min_iops} IOPS");
        }
    }
}
