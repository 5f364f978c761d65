//! Volumes as recorded.

use super::{Name, PoolName};

/// When a volume's blocks are taken from its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Provisioning {
    /// As they are written; sizes may add up to more than the pool has.
    #[default]
    Thin,
    /// All at once, so that no write can ever lack room.
    Thick,
}

/// A volume that has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Unique in the cluster.
    pub name: Name,
    /// Whose it is.
    pub app: Name,
    /// Its size.
    pub size_bytes: u64,
    /// When its blocks are taken.
    pub provisioning: Provisioning,
    /// The Min that its application is to have on each of its devices.
    pub min_iops: u32,
    /// Where it lies, one replica each.
    pub pools: Vec<PoolName>,
}
