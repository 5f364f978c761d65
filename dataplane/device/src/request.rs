//! What goes into a device and what comes out.

use sluice_hugepages::Buffer;

/// What to do. Each has its NVMe command of the same name (Deallocate: Dataset Management with AD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Op {
    /// Fill the buffer from the blocks.
    Read,
    /// Store the buffer's bytes in the blocks.
    Write {
        /// Complete only once the data survive loss of power.
        fua: bool,
    },
    /// Make the blocks read as zeroes. No buffer.
    WriteZeroes {
        /// Complete only once the zeroes survive loss of power.
        fua: bool,
        /// The space may be given back; the blocks read as zeroes all the same.
        deallocate: bool,
    },
    /// The contents are no longer needed. The blocks then read as zeroes if
    /// [`DeviceInfo::deallocate_reads_zeroes`](crate::DeviceInfo) says so, else as zeroes or as before. No buffer.
    Deallocate,
    /// Make every write that completed before this was submitted survive loss of power. No buffer, no blocks.
    #[default]
    Flush,
}

/// One I/O on its way to the device. Units are device blocks.
#[derive(Debug, Default)]
pub struct Request {
    /// The submitter's name for it; comes back in the completion. The device gives it no meaning.
    pub tag: u32,
    /// What to do.
    pub op: Op,
    /// First block. Flush: 0.
    pub lba: u64,
    /// How many blocks, 1 to the device's limit for `op`. Flush: 0.
    pub blocks: u32,
    /// Read and Write: at least `blocks` blocks long; bytes beyond them stay untouched. Others: ignored and handed
    /// back.
    pub buffer: Option<Buffer>,
}

/// One I/O on its way back.
#[derive(Debug)]
pub struct Completion {
    /// From the request.
    pub tag: u32,
    /// How it went. After an error, a read's buffer and a write's blocks hold anything that may be there: for
    /// blocks that is the old data, the new, or a mix of whole blocks.
    pub result: Result<(), IoError>,
    /// On a successful Read: every byte is zero and the buffer was *not* filled. Whoever consumes the data sends
    /// zeroes from elsewhere.
    pub zeroes: bool,
    /// What the request carried.
    pub buffer: Option<Buffer>,
}

impl Default for Completion {
    /// A place for `poll` to fill.
    fn default() -> Self {
        Self { tag: 0, result: Ok(()), zeroes: false, buffer: None }
    }
}

/// Why an I/O failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum IoError {
    /// Blocks beyond the end.
    #[error("the blocks lie beyond the end of the device")]
    OutOfRange,
    /// No blocks, more than the device's limit for the operation, or a buffer that is missing or too short.
    #[error("the request does not fit the device's block size and limits")]
    Misaligned,
    /// The device cannot do this operation.
    #[error("the device does not support the operation")]
    Unsupported,
    /// The medium gave no valid data: an unrecovered read.
    #[error("the medium cannot be read")]
    Media,
    /// The medium took no data.
    #[error("the medium cannot be written")]
    WriteFault,
    /// The space behind a thin or sparse device is used up.
    #[error("no space is left behind the device")]
    NoSpace,
    /// The blocks may only be read: they are a snapshot's.
    #[error("the volume may not be written")]
    WriteProtected,
    /// The device, or the volume on it, is no longer there.
    #[error("the device is gone")]
    DeviceGone,
    /// Anything else, including a mistake of ours.
    #[error("internal device error")]
    Internal,
}
