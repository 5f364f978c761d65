//! One step of a control operation: a run of requests of one kind.

use std::ops::Range;

use sluice_device::{Completion, IoError, Op, Request};

use super::data::CONTROL_TAG;
use super::metadata::{Metadata, shorter};
use crate::format::{COPY_BYTES, copy_offset_bytes};

/// Zeroing and freeing keep this many requests in flight: enough to hide a device's latency, few enough to leave
/// its queue to the volumes.
const CLEARS_IN_FLIGHT: u32 = 4;

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Wait until the I/O of the epoch before is back.
    Drain,
    /// Make an extent's blocks zero.
    Zero,
    /// Tell the device that an extent's contents are not needed; as far as it goes.
    Free,
    /// Make what was written durable.
    Flush,
    /// Read a copy of the superblock.
    Read {
        /// 0 or 1.
        copy: u32,
    },
    /// Write a copy of the superblock.
    Write {
        /// 0 or 1.
        copy: u32,
    },
}

/// A step under way.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) kind: Kind,
    /// What is left to submit, in device blocks; for a Flush, `0..1` stands for the one request.
    left: Range<u64>,
    in_flight: u32,
    pub(super) error: Option<IoError>,
}

impl Step {
    /// A step over `blocks` of the device (Zero, Free), of a copy (Read, Write), or over nothing.
    pub(super) fn new(kind: Kind, blocks: Range<u64>) -> Self {
        let left = match kind {
            Kind::Drain => 0..0,
            Kind::Flush => 0..1,
            Kind::Zero | Kind::Free | Kind::Read { .. } | Kind::Write { .. } => blocks,
        };
        Self { kind, left, in_flight: 0, error: None }
    }

    /// Whether `next_request` would yield one.
    pub(super) fn wants_to_submit(&self) -> bool {
        let width = if matches!(self.kind, Kind::Zero | Kind::Free) { CLEARS_IN_FLIGHT } else { 1 };
        !self.left.is_empty() && self.error.is_none() && self.in_flight < width
    }

    /// Whether the step is done or has failed, with none of its requests left on the device.
    pub(super) fn is_over(&self, drained: bool) -> bool {
        let submitted = self.left.is_empty() || self.error.is_some();
        submitted && self.in_flight == 0 && (drained || self.kind != Kind::Drain)
    }

    /// The next request, if one is due.
    pub(super) fn next_request(&mut self, metadata: &mut Metadata) -> Option<Request> {
        if !self.wants_to_submit() {
            return None;
        }
        let request = match self.kind {
            Kind::Drain => return None,
            Kind::Flush => self.flush(),
            Kind::Zero => {
                let op = Op::WriteZeroes { fua: false, deallocate: true };
                self.clear(op, metadata.max_write_zeroes_blocks)
            }
            Kind::Free => self.clear(Op::Deallocate, metadata.max_deallocate_blocks),
            Kind::Read { copy } => self.transfer(Op::Read, copy, metadata),
            Kind::Write { copy } => self.transfer(Op::Write { fua: false }, copy, metadata),
        };
        self.in_flight += 1;
        Some(request)
    }

    fn flush(&mut self) -> Request {
        self.left = 0..0;
        Request { tag: CONTROL_TAG, ..Request::default() }
    }

    /// A device without the operation (limit 0) gets one request all the same, and says so.
    fn clear(&mut self, op: Op, limit: u32) -> Request {
        let (lba, blocks) = (self.left.start, shorter(self.left.end - self.left.start, limit.max(1)));
        self.left.start += u64::from(blocks);
        Request { tag: CONTROL_TAG, op, lba, blocks, buffer: None }
    }

    fn transfer(&mut self, op: Op, copy: u32, metadata: &mut Metadata) -> Request {
        let from = self.left.start;
        let (blocks, buffer) = metadata.next_piece(from, self.left.end, op != Op::Read);
        self.left.start += u64::from(blocks);
        let lba = copy_offset_bytes(copy) / u64::from(metadata.block_size) + from;
        debug_assert!(self.left.end * u64::from(metadata.block_size) <= COPY_BYTES as u64);
        Request { tag: CONTROL_TAG, op, lba, blocks, buffer: Some(buffer) }
    }

    /// Takes a completion of one of its requests.
    pub(super) fn complete(&mut self, completion: Completion, metadata: &mut Metadata) {
        self.in_flight -= 1;
        if let Some(buffer) = completion.buffer {
            metadata.return_buffer(buffer);
        }
        match completion.result {
            Ok(()) if matches!(self.kind, Kind::Read { .. }) => metadata.store_piece(completion.zeroes),
            Ok(()) => {}
            Err(error) => self.error = Some(error),
        }
    }
}
