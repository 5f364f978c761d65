//! What observing shows: facts to record, and findings for people.

use std::fmt;

use sluice_placement::{Name, PoolName};

use crate::desired::{SnapshotName, Source};

/// Something to record. Recording it again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The volume is there, and this is its UUID. From now on it may be published and is never created again.
    VolumeCreated {
        /// The volume.
        volume: Name,
        /// Its UUID.
        uuid: Name,
    },
    /// The snapshot was taken.
    SnapshotTaken {
        /// The snapshot.
        snapshot: SnapshotName,
        /// Its UUID.
        uuid: Name,
    },
    /// The volume that was to go is gone: forget it.
    VolumeGone {
        /// The volume.
        volume: Name,
    },
    /// The snapshot that was to go is gone: forget it.
    SnapshotGone {
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// The application that was to go is set nowhere and has no volumes: forget it.
    AppGone {
        /// The application.
        app: Name,
    },
}

/// What keeps a volume on a node from being the one that is desired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// It is another one of the same name.
    Uuid {
        /// That of the one which is there.
        observed: Name,
    },
    /// It belongs to somebody else.
    App {
        /// Whose it is.
        observed: Name,
    },
    /// Its block size is another.
    BlockSize {
        /// What it is.
        observed: u32,
    },
    /// It lies in another pool of the node.
    Pool {
        /// Which.
        observed: PoolName,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uuid { observed } => write!(f, "it has UUID {observed}"),
            Self::App { observed } => write!(f, "it belongs to app {observed}"),
            Self::BlockSize { observed } => write!(f, "its block size is {observed}"),
            Self::Pool { observed } => write!(f, "it lies in pool {observed}"),
        }
    }
}

/// Something that no action puts right. It stays a finding until somebody does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// What the pool holds is not known.
    #[error("pool {pool} does not answer: what is desired there waits")]
    NoAnswer {
        /// The pool.
        pool: PoolName,
    },
    /// A volume that nobody recorded.
    #[error("volume {volume} ({uuid}) in pool {pool} is an orphan: adopt it, or delete it on its node")]
    OrphanVolume {
        /// Where it is.
        pool: PoolName,
        /// Its name.
        volume: Name,
        /// Its UUID.
        uuid: Name,
    },
    /// A snapshot that nobody recorded.
    #[error("snapshot {snapshot} ({uuid}) in pool {pool} is an orphan: adopt it, or delete it on its node")]
    OrphanSnapshot {
        /// Where it is.
        pool: PoolName,
        /// Its name.
        snapshot: Name,
        /// Its UUID.
        uuid: Name,
    },
    /// A promise to an application that nobody recorded.
    #[error("app {app} in pool {pool} is an orphan: adopt it, or remove it on its node")]
    OrphanApp {
        /// Where it is.
        pool: PoolName,
        /// Its name.
        app: Name,
    },
    /// A volume that was there and is not.
    #[error("volume {volume} ({uuid}) is not in pool {pool} any more: restore it, or delete it")]
    LostVolume {
        /// Where it was.
        pool: PoolName,
        /// Its name.
        volume: Name,
        /// Its UUID.
        uuid: Name,
    },
    /// A snapshot that was there and is not.
    #[error("snapshot {snapshot} ({uuid}) is not in pool {pool} any more: delete it")]
    LostSnapshot {
        /// Where it was.
        pool: PoolName,
        /// Its name.
        snapshot: SnapshotName,
        /// Its UUID.
        uuid: Name,
    },
    /// The node has another volume of this name.
    #[error("volume {volume} is not the one on its node: {mismatch}")]
    Conflict {
        /// The volume.
        volume: Name,
        /// In what they differ.
        mismatch: Mismatch,
    },
    /// Volumes do not shrink.
    #[error("volume {volume} has {observed_bytes} bytes and does not shrink to {desired_bytes}")]
    Larger {
        /// The volume.
        volume: Name,
        /// What it has.
        observed_bytes: u64,
        /// What it is to have.
        desired_bytes: u64,
    },
    /// A clone whose source is not there and will not be.
    #[error("volume {volume} cannot be cloned: {origin} is not in pool {pool}")]
    NoSource {
        /// Where both are to be.
        pool: PoolName,
        /// The clone.
        volume: Name,
        /// Its source.
        origin: Source,
    },
    /// A snapshot of a volume that is not there and will not be.
    #[error("snapshot {snapshot} cannot be taken: its volume is not in pool {pool}")]
    NoVolume {
        /// Where it is to be.
        pool: PoolName,
        /// The snapshot.
        snapshot: SnapshotName,
    },
    /// Part of a group is there: the rest would be of another moment.
    #[error("snapshot group {group} is not whole: delete it and take another")]
    TornGroup {
        /// The group.
        group: Name,
    },
    /// Something cannot be deleted yet.
    #[error("{origin} stays until {volume} is cloned from it")]
    Held {
        /// What is to go.
        origin: Source,
        /// What waits for it.
        volume: Name,
    },
}
