//! The engine's own buffers: taken once, so that nothing it must do can fail for want of memory.
//!
//! | purpose | small | large |
//! |---|---|---|
//! | journal blocks in flight | 8 | |
//! | marks: both places of one | 2 | |
//! | pages of a checkpoint in flight, or its superblock | 8 | |
//! | blocks to be completed before they are written, old contents | 8 | |
//! | parts of I/Os that are not in one piece, merges | | 4 |
//!
//! A part holds at most one buffer of each kind and gives it back when it is done; nobody holds one and waits for
//! another's, so whoever waits for a buffer gets one.

use sluice_device::{Buffer, Pool};

use super::format::{BLOCK_BYTES_32, CHUNK_BYTES};
use super::journal::FLIGHTS;
use crate::VolumeError;

/// Pages that a checkpoint writes at a time.
pub(crate) const CHECKPOINT_FLIGHTS: usize = 8;
const MARKS: usize = 2;
const COMPLETIONS: usize = 8;
const LARGE: usize = 4;

/// One kind: all buffers are alike.
#[derive(Debug)]
pub(crate) struct Shelf {
    buffers: Vec<Buffer>,
    length: u32,
}

impl Shelf {
    fn new(pool: &Pool, count: usize, length: u32) -> Result<Self, VolumeError> {
        let buffers: Option<Vec<Buffer>> = (0..count).map(|_| pool.take(length)).collect();
        let buffers = buffers.ok_or(VolumeError::NoBuffer { needed_bytes: length })?;
        Ok(Self { buffers, length })
    }

    /// Takes one, if any is there.
    pub(crate) fn take(&mut self) -> Option<Buffer> {
        self.buffers.pop()
    }

    /// Gives one back.
    pub(crate) fn give(&mut self, mut buffer: Buffer) {
        buffer.set_len(self.length);
        self.buffers.push(buffer);
    }

    /// Length of each, in bytes.
    pub(crate) fn length(&self) -> u32 {
        self.length
    }
}

/// See the module's table.
#[derive(Debug)]
pub(crate) struct Buffers {
    pub(crate) journal: Shelf,
    pub(crate) marks: Shelf,
    pub(crate) checkpoint: Shelf,
    pub(crate) small: Shelf,
    pub(crate) large: Shelf,
}

impl Buffers {
    /// Takes them from the device's pool. Large ones are as large as a chunk, or as the pool's and the device's
    /// largest transfer are.
    pub(crate) fn new(pool: &Pool, max_transfer_bytes: u32) -> Result<Self, VolumeError> {
        let chunk_bytes = u32::try_from(CHUNK_BYTES).expect("128 KiB");
        let largest =
            chunk_bytes.min(pool.largest()).min(max_transfer_bytes) / BLOCK_BYTES_32 * BLOCK_BYTES_32;
        if largest == 0 {
            return Err(VolumeError::NoBuffer { needed_bytes: BLOCK_BYTES_32 });
        }
        Ok(Self {
            large: Shelf::new(pool, LARGE, largest)?,
            journal: Shelf::new(pool, FLIGHTS, BLOCK_BYTES_32)?,
            marks: Shelf::new(pool, MARKS, BLOCK_BYTES_32)?,
            checkpoint: Shelf::new(pool, CHECKPOINT_FLIGHTS, BLOCK_BYTES_32)?,
            small: Shelf::new(pool, COMPLETIONS, BLOCK_BYTES_32)?,
        })
    }
}
