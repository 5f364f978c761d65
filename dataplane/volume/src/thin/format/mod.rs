//! What of a thin pool is on its device: format version 2, told to the byte in `docs/volume-format.md`.
//!
//! ```text
//!   bytes from the device's start
//!   0            256 KiB   512 KiB       768 KiB   1 MiB                                              end
//!   ├ superblock ─┼─ marks ─┼ superblock ─┼─ marks ─┼─ journal ─┼─ chunk ─┼─ chunk ─┼─ ... ─┼─ < 128 KiB ─┤
//! ```
//!
//! Every structure is one block of 4096 bytes with the same [`Head`]; one file each, but for the records, which
//! share journal blocks, and the nodes' contents, which span pages.

pub(crate) mod app;
pub(crate) mod app_page;
pub(crate) mod catalog;
pub(crate) mod entry;
pub(crate) mod head;
pub(crate) mod hosts;
pub(crate) mod index;
pub(crate) mod interior;
pub(crate) mod journal;
pub(crate) mod leaf;
pub(crate) mod mark;
pub(crate) mod node;
pub(crate) mod page_ref;
pub(crate) mod record;
pub(crate) mod superblock;
mod text;

use crc_fast::CrcAlgorithm;

pub(crate) use head::{Damage, Head, Kind};
pub(crate) use page_ref::PageRef;

/// The format this release writes and reads. Version 1 was linear slices, and was never released.
pub const FORMAT_VERSION: u32 = 2;

/// Unit of metadata, of validity and of addresses.
pub(crate) const BLOCK_BYTES: usize = 4096;

/// [`BLOCK_BYTES`] where lengths of device I/O are counted.
pub(crate) const BLOCK_BYTES_32: u32 = 4096;

/// Blocks of a chunk.
pub(crate) const CHUNK_BLOCKS: u32 = 32;

/// Unit of allocation and copy-on-write.
pub(crate) const CHUNK_BYTES: u64 = CHUNK_BLOCKS as u64 * BLOCK_BYTES as u64;

/// Where the journal begins: the first MiB is superblocks' and marks'.
pub(crate) const JOURNAL_BLOCK: u64 = 256;

/// What tells a pool from anything else is in these bytes at the start of the device.
pub const HEAD_BYTES: u64 = JOURNAL_BLOCK * BLOCK_BYTES as u64;

/// Where the two copies of the superblock are.
pub(crate) const SUPERBLOCKS: [u64; 2] = [0, 128];

/// Where the marks are: two pairs, each with one member in either half of the first MiB.
pub(crate) const MARKS: [[u64; 2]; 2] = [[64, 192], [80, 208]];

/// What tells whether a block's data were written: CRC-64/NVME of the bytes.
///
/// 64 bits, because on a mismatch that goes unseen a lost write would show bytes of the chunk's earlier owner.
pub(crate) fn data_checksum(data: &[u8]) -> u64 {
    crc_fast::checksum(CrcAlgorithm::Crc64Nvme, data)
}

#[cfg(test)]
mod test;
