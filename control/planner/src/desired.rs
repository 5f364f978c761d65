//! What is to be, as recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sluice_placement::{Name, PoolName};

/// Whether something is to be there. What is to go stays recorded until it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Intent {
    /// It is to be there.
    #[default]
    Present,
    /// It is to go.
    Deleted,
}

/// Which hosts may connect to a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// These, by NQN; none: the volume is not published.
    Hosts(BTreeSet<Name>),
    /// Every host.
    AnyHost,
}

impl Access {
    /// No host at all.
    #[must_use]
    pub fn none() -> Self {
        Self::Hosts(BTreeSet::new())
    }

    /// Whether the volume is published at all.
    #[must_use]
    pub fn is_published(&self) -> bool {
        *self != Self::none()
    }

    /// Whether every host that may connect under `other` may connect under this as well.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AnyHost, _) => true,
            (Self::Hosts(_), Self::AnyHost) => false,
            (Self::Hosts(ours), Self::Hosts(theirs)) => theirs.is_subset(ours),
        }
    }
}

/// A snapshot's name is unique among those of its volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotName {
    /// The volume.
    pub volume: Name,
    /// The snapshot.
    pub snapshot: Name,
}

impl fmt::Display for SnapshotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.volume, self.snapshot)
    }
}

/// What a clone is made from; always in the clone's own pool.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A volume as it is when the clone is made.
    Volume(Name),
    /// A snapshot.
    Snapshot(SnapshotName),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Volume(volume) => f.write_str(volume),
            Self::Snapshot(snapshot) => snapshot.fmt(f),
        }
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Where it lies.
    pub pool: PoolName,
    /// Whose it is.
    pub app: Name,
    /// Its size; what is larger than its source grows once it is cloned.
    pub size_bytes: u64,
    /// Its block size.
    pub block_size: u32,
    /// Its room is set aside.
    pub thick: bool,
    /// What it is cloned from; `None`: it begins with zeroes.
    pub source: Option<Source>,
    /// Which hosts may connect.
    pub access: Access,
    /// As its node gave it, once that is known.
    pub uuid: Option<Name>,
    /// Whether it is to be there.
    pub intent: Intent,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSpec {
    /// Where its volume lies.
    pub pool: PoolName,
    /// Those of one group are taken at one moment; they lie in one pool.
    pub group: Option<Name>,
    /// As its node gave it, once that is known.
    pub uuid: Option<Name>,
    /// Whether it is to be there.
    pub intent: Intent,
}

/// What an application is promised on each device that holds a volume of it. See the node's `AppQos` for the ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qos {
    /// Guaranteed I/O units per second.
    pub min_iops: u32,
    /// Never exceeded but by a burst.
    pub max_iops: Option<u32>,
    /// Ceiling of a burst.
    pub burst_iops: Option<u32>,
    /// How long saved credit lasts at the ceiling, in seconds.
    pub burst_credit_s: u32,
    /// Share of what is left when all Mins are met.
    pub weight: u32,
    /// Never exceeded, reads and writes together.
    pub max_bytes_per_s: Option<u64>,
    /// Goes first among what Min guarantees.
    pub low_latency: bool,
}

impl Default for Qos {
    fn default() -> Self {
        Self {
            min_iops: 0,
            max_iops: None,
            burst_iops: None,
            burst_credit_s: 0,
            weight: 100,
            max_bytes_per_s: None,
            low_latency: false,
        }
    }
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppSpec {
    /// What it is promised.
    pub qos: Qos,
    /// Whether it is to be there. It goes once it has no volumes.
    pub intent: Intent,
}

/// Everything that is to be, or to go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desired {
    /// All pools of the cluster, whether or not they answer.
    pub pools: BTreeSet<PoolName>,
    /// Applications by name. One that only volumes name has no promise.
    pub apps: BTreeMap<Name, AppSpec>,
    /// Volumes by name.
    pub volumes: BTreeMap<Name, VolumeSpec>,
    /// Snapshots by name.
    pub snapshots: BTreeMap<SnapshotName, SnapshotSpec>,
}
