//! What nodes are asked to do: the calls of `sluice.node.v1`.

use std::collections::BTreeMap;
use std::fmt;

use sluice_placement::{Name, PoolName};

use crate::desired::{Access, Qos, SnapshotName, Source};
use crate::finding::{Fact, Finding};

/// One call. Each is idempotent by name, so one whose answer was lost may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Sets what an application is promised on the pool's device.
    SetApp {
        /// The application.
        app: Name,
        /// What it is promised.
        qos: Qos,
    },
    /// Forgets an application that has no volume in the pool any more.
    RemoveApp {
        /// The application.
        app: Name,
    },
    /// Creates a volume of zeroes.
    CreateVolume {
        /// Its name.
        volume: Name,
        /// Whose it is.
        app: Name,
        /// Its size.
        size_bytes: u64,
        /// Its block size.
        block_size: u32,
        /// Its room is set aside.
        thick: bool,
    },
    /// Makes a volume with the contents of another or of a snapshot, and of its size.
    CloneVolume {
        /// Its name.
        volume: Name,
        /// Whose it is.
        app: Name,
        /// What it is made from.
        source: Source,
        /// The same by UUID, where that is known: a snapshot may have outlived its volume.
        source_uuid: Option<Name>,
        /// Its room is set aside.
        thick: bool,
    },
    /// Makes a volume larger.
    ResizeVolume {
        /// The volume.
        volume: Name,
        /// Its size from then on.
        size_bytes: u64,
    },
    /// Lets hosts connect, or others as well.
    PublishVolume {
        /// The volume.
        volume: Name,
        /// The hosts.
        access: Access,
    },
    /// Lets no host connect, and disconnects those that are.
    UnpublishVolume {
        /// The volume.
        volume: Name,
    },
    /// Takes snapshots, all at one moment or none.
    CreateSnapshots {
        /// One, or a group: of several volumes of the pool.
        snapshots: Vec<SnapshotName>,
    },
    /// Deletes a snapshot.
    DeleteSnapshot {
        /// Its name, while it had a volume.
        snapshot: SnapshotName,
        /// Which it is.
        uuid: Name,
    },
    /// Deletes a volume.
    DeleteVolume {
        /// Its name.
        volume: Name,
        /// Which it is: whoever calls the node makes sure that it still is.
        uuid: Name,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetApp { app, qos } => write!(f, "set app {app} to a Min of {} IOPS", qos.min_iops),
            Self::RemoveApp { app } => write!(f, "remove app {app}"),
            Self::CreateVolume { volume, size_bytes, .. } => {
                write!(f, "create volume {volume} of {size_bytes} bytes")
            }
            Self::CloneVolume { volume, source, .. } => write!(f, "clone volume {volume} from {source}"),
            Self::ResizeVolume { volume, size_bytes } => {
                write!(f, "resize volume {volume} to {size_bytes} bytes")
            }
            Self::PublishVolume { volume, access: Access::AnyHost } => {
                write!(f, "publish volume {volume} to any host")
            }
            Self::PublishVolume { volume, access: Access::Hosts(hosts) } => {
                write!(f, "publish volume {volume} to {} hosts", hosts.len())
            }
            Self::UnpublishVolume { volume } => write!(f, "unpublish volume {volume}"),
            Self::CreateSnapshots { snapshots } => {
                let names: Vec<String> = snapshots.iter().map(ToString::to_string).collect();
                write!(f, "take snapshots {}", names.join(", "))
            }
            Self::DeleteSnapshot { snapshot, uuid } => write!(f, "delete snapshot {snapshot} ({uuid})"),
            Self::DeleteVolume { volume, uuid } => write!(f, "delete volume {volume} ({uuid})"),
        }
    }
}

/// An action and what must have succeeded before it may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// Earlier steps of the same pool, by index. If one fails, this one is left for the next plan.
    pub needs: Vec<usize>,
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Steps by pool; pools without any are left out. Run in this order, or any that keeps to `needs`.
    pub pools: BTreeMap<PoolName, Vec<Step>>,
    /// What was learned and is to be recorded before the next plan.
    pub facts: Vec<Fact>,
    /// What this cannot put right.
    pub findings: Vec<Finding>,
}

impl Plan {
    /// Whether all is as desired, as far as it can be.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.pools.is_empty() && self.facts.is_empty()
    }
}
