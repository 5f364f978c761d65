//! What is, as nodes tell.

use std::collections::BTreeMap;

use sluice_placement::{Name, PoolName};

use crate::desired::{Access, Qos};

/// A volume on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedVolume {
    /// Given by the node when it was made.
    pub uuid: Name,
    /// Whose it is.
    pub app: Name,
    /// Its size.
    pub size_bytes: u64,
    /// Its block size.
    pub block_size: u32,
    /// Which hosts may connect.
    pub access: Access,
}

/// A snapshot on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedSnapshot {
    /// Its name among its volume's.
    pub snapshot: Name,
    /// Its volume; `None` if that is gone.
    pub volume: Option<Name>,
}

/// A pool that answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservedPool {
    /// By name, which is unique on the node.
    pub volumes: BTreeMap<Name, ObservedVolume>,
    /// By UUID: a snapshot's name goes with its volume.
    pub snapshots: BTreeMap<Name, ObservedSnapshot>,
    /// Applications whose QoS was set, with it.
    pub apps: BTreeMap<Name, Qos>,
}

/// All pools that answered: a node does for all its pools that are open, or for none. What one that did not answer holds is not known, so nothing is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// By name.
    pub pools: BTreeMap<PoolName, ObservedPool>,
}

impl Observed {
    /// The pool of a node in which there is a volume of this name.
    pub(crate) fn find(&self, node: &Name, volume: &Name) -> Option<&PoolName> {
        let first = PoolName { node: node.clone(), pool: "".into() };
        let mut of_node = self.pools.range(first..).take_while(|(name, _)| name.node == *node);
        of_node.find(|(_, pool)| pool.volumes.contains_key(volume)).map(|(name, _)| name)
    }
}
