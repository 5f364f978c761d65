//! The superblock's bytes on their way to and from the device.
//!
//! One image of a copy on the heap, one buffer for DMA; copies travel through it piece by piece.

use std::ops::Range;

use sluice_device::{Buffer, DeviceInfo, Pool};

use crate::VolumeError;
use crate::format::{COPY_BYTES, Found, decode, encode};
use crate::table::Table;

/// Longest piece: short enough not to hold up volume I/O on the device.
const PIECE_BYTES: u32 = 64 << 10;

/// The image, the buffer and the device's shape.
#[derive(Debug)]
pub(super) struct Metadata {
    image: Box<[u8]>,
    /// `None` while it travels.
    buffer: Option<Buffer>,
    /// The part of the image that travels.
    piece: Range<usize>,
    /// Pieces are this long but the last.
    piece_blocks: u32,
    pub(super) block_size: u32,
    pub(super) device_bytes: u64,
    pub(super) max_write_zeroes_blocks: u32,
    pub(super) max_deallocate_blocks: u32,
}

impl Metadata {
    /// Takes the buffer.
    pub(super) fn new(info: &DeviceInfo, buffers: &Pool) -> Result<Self, VolumeError> {
        let needed_bytes = info.block_size;
        let longest_blocks = PIECE_BYTES.min(buffers.largest()) / info.block_size;
        let piece_blocks = longest_blocks.min(info.max_transfer_blocks);
        let buffer = if piece_blocks > 0 { buffers.take(piece_blocks * info.block_size) } else { None };
        Ok(Self {
            image: vec![0; COPY_BYTES].into(),
            buffer: Some(buffer.ok_or(VolumeError::NoBuffer { needed_bytes })?),
            piece: 0..0,
            piece_blocks,
            block_size: info.block_size,
            device_bytes: info.size_bytes(),
            max_write_zeroes_blocks: info.max_write_zeroes_blocks,
            max_deallocate_blocks: info.max_deallocate_blocks,
        })
    }

    /// Makes the image copy `copy` of `table`; returns its length in blocks.
    pub(super) fn encode(&mut self, table: &Table, copy: u32) -> u64 {
        let used = encode(table, copy, &mut self.image);
        (used as u64).div_ceil(u64::from(self.block_size))
    }

    /// What the image, read as copy `copy`, holds.
    pub(super) fn decode(&self, copy: u32) -> Found {
        decode(&self.image, copy)
    }

    /// Blocks of a whole copy.
    pub(super) fn copy_blocks(&self) -> u64 {
        COPY_BYTES as u64 / u64::from(self.block_size)
    }

    /// The next piece of `from..end`, in blocks of the image, with the buffer to carry it; filled if `write`.
    pub(super) fn next_piece(&mut self, from: u64, end: u64, write: bool) -> (u32, Buffer) {
        let mut buffer = self.buffer.take().expect("a piece goes once the one before is back");
        let blocks = shorter(end - from, self.piece_blocks);
        let start = usize::try_from(from * u64::from(self.block_size)).expect("within the image");
        self.piece = start..start + (blocks * self.block_size) as usize;
        if write {
            buffer[..self.piece.len()].copy_from_slice(&self.image[self.piece.clone()]);
        }
        (blocks, buffer)
    }

    /// Takes the buffer back.
    pub(super) fn return_buffer(&mut self, buffer: Buffer) {
        self.buffer = Some(buffer);
    }

    /// Moves the piece that was just read into the image.
    pub(super) fn store_piece(&mut self, zeroes: bool) {
        let place = &mut self.image[self.piece.clone()];
        match &self.buffer {
            Some(buffer) if !zeroes => place.copy_from_slice(&buffer[..place.len()]),
            _ => place.fill(0),
        }
    }
}

/// The shorter of two lengths.
pub(super) fn shorter(blocks: u64, limit: u32) -> u32 {
    u32::try_from(blocks).map_or(limit, |blocks| blocks.min(limit))
}
