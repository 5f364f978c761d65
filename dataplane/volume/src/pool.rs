//! What a pool's owner asks of it and is told.

use uuid::Uuid;

/// How to format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatOptions {
    /// Names the pool.
    pub uuid: Uuid,
    /// Overwrite whatever the device holds, a pool of any version included.
    pub force: bool,
}

/// Whether the pool serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolState {
    /// Not opened: every volume I/O fails.
    Closed,
    /// All is well.
    Open,
    /// Volumes are read, but something that makes changes certain has failed: no change until opened anew.
    Suspended,
}

/// The longest I/O of each kind, in blocks of the volume; 0: unsupported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeLimits {
    /// Read and Write.
    pub max_transfer_blocks: u32,
    /// Write Zeroes.
    pub max_write_zeroes_blocks: u32,
    /// Deallocate.
    pub max_deallocate_blocks: u32,
}
