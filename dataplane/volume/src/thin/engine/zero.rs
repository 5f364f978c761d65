//! Write Zeroes and Deallocate: whole blocks are unmapped, at once and by one record whatever their number; parts of
//! blocks are written with zeroes, or left alone by Deallocate.

use std::ops::Range;

use sluice_device::{Nanos, Op};

use super::super::format::record::{Record, Unmap};
use super::super::format::{BLOCK_BYTES_32, CHUNK_BLOCKS};
use super::super::long::Kind;
use super::super::volume::Span;
use super::Engine;
use super::plan::Blocked;
use super::submit::{Begun, chunk_of, mask_of, piece};
use crate::VolumeIo;
use crate::map::{ChunkIndex, Extent, Place};

/// The longest: 1 GiB takes 16 leaves out of a map and looks into two.
pub(crate) const LONGEST_BYTES: u64 = 1 << 30;

impl Engine {
    /// Makes a span read as zeroes, all of it if `exact`, else its whole blocks.
    pub(super) fn begin_zero(
        &mut self,
        now: Nanos,
        io: &mut VolumeIo,
        span: Span,
        fua: bool,
        exact: bool,
    ) -> Begun {
        if !self.longs.has_room() {
            return Begun::No;
        }
        let slot = io.volume.slot();
        self.scratch.clear();
        let whole = match self.plan_zero(slot, span, exact) {
            Ok(whole) => whole,
            Err(blocked) => return blocked.into(),
        };
        if whole.is_empty() && self.scratch.is_empty() {
            self.accepted -= 1;
            self.push_ready(io.tag, Ok(()), false, io.buffer.take());
            return Begun::Yes;
        }
        self.seal.note(now);
        let ends = !self.scratch.is_empty();
        let at = self.take_long(io, span, Kind::Zero, fua);
        if ends {
            // One after the other: what is unmapped may be all that keeps the chunk that the ends go to.
            self.longs.get_mut(at).rest = whole;
        } else {
            self.longs.get_mut(at).record = self.unmap(slot, whole);
        }
        self.step_write(at);
        Begun::Yes
    }

    /// What is left of an I/O whose ends are written; it goes the way of all that wait.
    pub(super) fn rest(&mut self, at: u32) -> Option<VolumeIo> {
        let long = self.longs.get_mut(at);
        let rest = std::mem::take(&mut long.rest);
        let (tag, fua, buffer) = (long.tag, long.fua, long.buffer.take());
        if rest.is_empty() || long.error.is_some() {
            long.buffer = buffer;
            return None;
        }
        let record = &self.table.volume(long.slot).record;
        let ratio = u64::from(BLOCK_BYTES_32 / record.block_size.bytes());
        let blocks = u32::try_from((rest.end - rest.start) * ratio).expect("part of an I/O");
        let op = Op::WriteZeroes { fua, deallocate: true };
        Some(VolumeIo { tag, volume: record.index, op, lba: rest.start * ratio, blocks, buffer })
    }

    /// Plans the writes at the ends; returns the blocks to unmap.
    fn plan_zero(&mut self, slot: usize, span: Span, exact: bool) -> Result<Range<u64>, Blocked> {
        let mut whole = span.whole_blocks();
        if whole.is_empty() {
            whole = whole.start..whole.start;
        } else if self.is_hole(slot, whole.clone()) {
            whole.end = whole.start;
        } else {
            self.check_unmap(slot, &whole)?;
        }
        if exact {
            self.plan_ends(slot, span)?;
        }
        self.commit_plan(slot)?;
        Ok(whole)
    }

    /// Plans zeroes for those parts of blocks that are somewhere.
    fn plan_ends(&mut self, slot: usize, span: Span) -> Result<(), Blocked> {
        let (touched, whole) = (span.blocks(), span.whole_blocks());
        let ends = if whole.is_empty() {
            [touched.start..touched.start + 1, touched.end - 1..touched.end]
        } else {
            [touched.start..whole.start, whole.end..touched.end]
        };
        let one_block = whole.is_empty() && touched.end - touched.start == 1;
        for blocks in ends.into_iter().skip(usize::from(one_block)) {
            let part = span.within(&blocks);
            if !part.is_empty() && !self.is_hole(slot, blocks) {
                self.plan_span(slot, part)?;
            }
        }
        Ok(())
    }

    fn is_hole(&self, slot: usize, blocks: Range<u64>) -> bool {
        let mut extents = [Extent::default(); 1];
        let length = blocks.end - blocks.start;
        let _one = self.forest.lookup(&self.table.volume(slot).map, blocks, &mut extents);
        extents[0].place == Place::Hole && extents[0].blocks == length
    }

    /// Whether blocks can be unmapped now: no first write is on its way to a chunk of theirs.
    fn check_unmap(&self, slot: usize, whole: &Range<u64>) -> Result<(), Blocked> {
        let indices = ChunkIndex::of(whole.start).0..ChunkIndex::of(whole.end - 1).0 + 1;
        if !self.pending.is_empty() && self.pending.any_within(self.table.volume(slot).id(), indices) {
            return Err(Blocked::Wait);
        }
        self.check_room(1)
    }

    /// Unmaps blocks and records it; returns the record.
    fn unmap(&mut self, slot: usize, blocks: Range<u64>) -> u64 {
        for at in [blocks.start, blocks.end - 1] {
            let chunk = ChunkIndex::of(at).first_block();
            let within = chunk.max(blocks.start)..(chunk + u64::from(CHUNK_BLOCKS)).min(blocks.end);
            self.leave_alone(slot, within);
        }
        self.hold();
        let volume = self.table.volume_mut(slot);
        self.forest.apply_unmap(&mut volume.map, blocks.clone());
        self.background.note_change();
        let unmap = Unmap { map: volume.id(), start: blocks.start, end: blocks.end };
        self.journal.append(Record::Unmap(unmap))
    }

    /// Puts blocks of one chunk of the volume, about to be unmapped, into the window: their chunk may stay the
    /// volume's, and must not take new data for them before nobody writes the old and no crash brings them back.
    fn leave_alone(&mut self, slot: usize, blocks: Range<u64>) {
        let mut extents = [Extent::default(); 32];
        let found = self.forest.lookup(&self.table.volume(slot).map, blocks, &mut extents);
        for extent in &extents[..found] {
            if let Place::Mapped { block, .. } = extent.place {
                let blocks = piece(extent.start, extent.start + extent.blocks);
                self.window.add(chunk_of(block).0, mask_of(&blocks));
            }
        }
    }
}
