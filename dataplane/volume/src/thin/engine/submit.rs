//! The short way: reads and overwrites of blocks that lie in one piece and are the volume's own. One lookup, one
//! request, no state but a counter and the tag.

use std::ops::Range;

use sluice_device::{IoError, Nanos, Op, Request};

use super::super::format::CHUNK_BLOCKS;
use super::super::tag::Tag;
use super::super::volume::{Gate, Role, Span, Volume};
use super::plan::Blocked;
use super::{Engine, HostFlush};
use crate::map::{Chunk, ChunkIndex, Extent, Place};
use crate::{PoolState, VolumeIo};

/// How an I/O began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// It is on its way, or done.
    Yes,
    /// It has to wait until something happens.
    No,
    /// It failed.
    Failed(IoError),
}

impl From<Blocked> for Begun {
    fn from(blocked: Blocked) -> Self {
        match blocked {
            Blocked::Wait => Self::No,
            Blocked::Fail(error) => Self::Failed(error),
        }
    }
}

impl Engine {
    /// Takes I/Os from the front of `ios`, and their buffers out of them; returns how many.
    pub(crate) fn submit(&mut self, now: Nanos, ios: &mut [VolumeIo]) -> usize {
        let count = ios.len().min(self.depth - self.accepted - self.ready.len());
        self.accepted += count;
        if count > 0 {
            self.background.last_io = now;
        }
        for io in &mut ios[..count] {
            let io = VolumeIo { buffer: io.buffer.take(), ..*io };
            self.take(now, io);
        }
        count
    }

    /// Begins an I/O, parks it or fails it.
    fn take(&mut self, now: Nanos, mut io: VolumeIo) {
        match self.begin(now, &mut io) {
            Begun::Yes => {}
            Begun::No => self.parked.push_back(io),
            Begun::Failed(error) => {
                self.accepted -= 1;
                self.push_ready(io.tag, Err(error), false, io.buffer.take());
            }
        }
    }

    /// Plans the parked I/Os anew if something happened since.
    pub(super) fn retry_parked(&mut self, now: Nanos) {
        if !std::mem::take(&mut self.wake) {
            return;
        }
        for _ in 0..self.parked.len() {
            let Some(io) = self.parked.pop_front() else { break };
            self.take(now, io);
        }
    }

    fn begin(&mut self, now: Nanos, io: &mut VolumeIo) -> Begun {
        let (gate, span) = match self.admit(io) {
            Ok(admitted) => admitted,
            Err(error) => return Begun::Failed(error),
        };
        match io.op {
            Op::Flush => self.begin_flush(io),
            _ if gate == Gate::HoldAll => Begun::No,
            Op::Read => self.begin_read(now, io, span),
            _ if gate == Gate::HoldWrites => Begun::No,
            _ if self.state != PoolState::Open => Begun::Failed(IoError::WriteFault),
            Op::Write { fua } => self.begin_write(now, io, span, fua),
            Op::WriteZeroes { fua, .. } => self.begin_zero(now, io, span, fua, true),
            Op::Deallocate => self.begin_zero(now, io, span, false, false),
        }
    }

    /// Checks an I/O against its volume.
    fn admit(&self, io: &VolumeIo) -> Result<(Gate, Span), IoError> {
        let volume = self.table.get(io.volume).filter(|_| self.serving).ok_or(IoError::DeviceGone)?;
        if io.tag >= VolumeIo::TAG_END {
            return Err(IoError::Internal);
        }
        if volume.gate == Gate::Shut {
            return Err(IoError::DeviceGone);
        }
        if io.op == Op::Flush {
            return Ok((volume.gate, Span::default()));
        }
        if io.op != Op::Read && volume.record.role == Role::Snapshot {
            return Err(IoError::WriteProtected);
        }
        let span = span_of(volume, io)?;
        self.check_length(io, span).map(|()| (volume.gate, span))
    }

    /// Checks the limits that [`limits`](super::super::ThinPool::limits) tells, and the buffer.
    fn check_length(&self, io: &VolumeIo, span: Span) -> Result<(), IoError> {
        let transfer = matches!(io.op, Op::Read | Op::Write { .. });
        let limit = if transfer { self.max_transfer_bytes } else { super::zero::LONGEST_BYTES };
        let held = io.buffer.as_ref().map_or(0, |buffer| buffer.len() as u64);
        if span.is_empty() || span.bytes() > limit || transfer && held < span.bytes() {
            return Err(IoError::Misaligned);
        }
        Ok(())
    }

    fn begin_flush(&mut self, io: &mut VolumeIo) -> Begun {
        if self.state != PoolState::Open {
            return Begun::Failed(IoError::WriteFault);
        }
        let ticket = self.flusher.ticket();
        self.host_flushes.push_back(HostFlush { tag: io.tag, ticket, buffer: io.buffer.take() });
        Begun::Yes
    }

    #[inline]
    fn begin_read(&mut self, now: Nanos, io: &mut VolumeIo, span: Span) -> Begun {
        let map = &self.table.volume(io.volume.slot()).map;
        let mut extents = [Extent::default(); 2];
        match (self.forest.lookup(map, span.blocks(), &mut extents), extents[0].place) {
            (1, Place::Hole) => {
                self.accepted -= 1;
                self.push_ready(io.tag, Ok(()), true, io.buffer.take());
                Begun::Yes
            }
            (1, Place::Mapped { block, .. }) => self.send_short(io, span, block),
            _ => self.begin_long_read(now, io, span),
        }
    }

    #[inline]
    fn begin_write(&mut self, now: Nanos, io: &mut VolumeIo, span: Span, fua: bool) -> Begun {
        let map = &self.table.volume(io.volume.slot()).map;
        let mut extents = [Extent::default(); 2];
        let blocks = span.blocks();
        if let (1, Place::Mapped { block, in_place: true }) =
            (self.forest.lookup(map, blocks.clone(), &mut extents), extents[0].place)
            && (!fua || self.fua)
        {
            if self.is_quiet() || self.may_overwrite(io.volume.slot(), &blocks, block) {
                return self.send_short(io, span, block);
            }
            return Begun::No;
        }
        self.begin_long_write(now, io, span, fua)
    }

    /// Whether no block anywhere has to be left alone.
    #[inline]
    fn is_quiet(&self) -> bool {
        self.window.is_empty() && self.pending.is_empty()
    }

    /// Whether blocks of a volume, which lie from `block` on on the device, may be written where they are.
    pub(super) fn may_overwrite(&mut self, slot: usize, blocks: &Range<u64>, block: u64) -> bool {
        let map = self.table.volume(slot).id();
        let (mut at, mut block) = (blocks.start, block);
        while at < blocks.end {
            let piece = piece(at, blocks.end);
            let (index, mask) = (ChunkIndex::of(at), mask_of(&piece));
            if self.window.holds(chunk_of(block).0, mask) {
                self.seal.wanted = true;
                return false;
            }
            if self.pending.get(map, index).is_some_and(|target| target.writes_any(mask)) {
                return false;
            }
            block += piece.end - at;
            at = piece.end;
        }
        true
    }

    fn send_short(&mut self, io: &mut VolumeIo, span: Span, block: u64) -> Begun {
        let tag = Tag::short(io.tag, self.drains.enter());
        let request = self.request(tag, io.op, block, span);
        self.outbox.push(Request { buffer: io.buffer.take(), ..request });
        Begun::Yes
    }

    /// A request for the bytes of `span`, the first of whose blocks is `block` on the device.
    pub(super) fn request(&self, tag: u32, op: Op, block: u64, span: Span) -> Request {
        let device_block = u64::from(self.geometry.device_block_size);
        let within = span.start % u64::from(super::super::format::BLOCK_BYTES_32);
        let lba = self.geometry.lba(block) + within / device_block;
        let blocks = u32::try_from(span.bytes() / device_block).expect("checked against the limit");
        Request { tag, op, lba, blocks, buffer: None }
    }
}

/// The bytes of the volume that an I/O is about.
fn span_of(volume: &Volume, io: &VolumeIo) -> Result<Span, IoError> {
    match io.lba.checked_add(u64::from(io.blocks)) {
        Some(end) if end <= volume.record.blocks => {
            let block_size = u64::from(volume.record.block_size.bytes());
            Ok(Span { start: io.lba * block_size, end: end * block_size })
        }
        _ => Err(IoError::OutOfRange),
    }
}

/// The blocks from `at` on, up to `end`, that are in one chunk of the volume.
pub(super) fn piece(at: u64, end: u64) -> Range<u64> {
    at..end.min(ChunkIndex::of(at).first_block() + u64::from(CHUNK_BLOCKS))
}

/// A bit per block of a piece.
pub(super) fn mask_of(piece: &Range<u64>) -> u32 {
    run_of(piece).mask()
}

/// A piece as a run within its chunk.
pub(super) fn run_of(piece: &Range<u64>) -> super::super::format::record::Run {
    let narrow = |number: u64| u8::try_from(number).expect("within a chunk");
    let first = narrow(piece.start % u64::from(CHUNK_BLOCKS));
    super::super::format::record::Run { first, count: narrow(piece.end - piece.start) }
}

/// The chunk of the device that a block is in.
pub(super) fn chunk_of(block: u64) -> Chunk {
    Chunk(u32::try_from(block / u64::from(CHUNK_BLOCKS)).expect("within the device"))
}
