//! A volume's I/O.

use sluice_device::{Buffer, Op};

use crate::VolumeIndex;

/// One I/O to a volume. Units are the volume's blocks; otherwise as [`sluice_device::Request`].
#[derive(Debug, Default)]
pub struct VolumeIo {
    /// The submitter's name for it, below [`VolumeIo::TAG_END`]; comes back in the completion.
    pub tag: u32,
    /// The volume.
    pub volume: VolumeIndex,
    /// What to do.
    pub op: Op,
    /// First block. Flush: 0.
    pub lba: u64,
    /// How many blocks. Flush: 0.
    pub blocks: u32,
    /// As [`sluice_device::Request::buffer`].
    pub buffer: Option<Buffer>,
}

impl VolumeIo {
    /// Tags from here on are the pool's own.
    pub const TAG_END: u32 = 1 << 30;
}
