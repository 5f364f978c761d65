//! What a write takes: where each of its blocks goes, and whether it has to wait for something first.
//!
//! | the block is | then |
//! |---|---|
//! | the volume's own, at some place | it is overwritten there |
//! | that, but its record is in the window, or a first write of it is in flight | the write waits |
//! | nowhere, or shared | it goes to a chunk of the volume's own, and a record says so |
//!
//! Nothing is changed before it is clear that the whole write can go on, so a write that waits leaves no trace.

use std::ops::Range;

use sluice_device::IoError;

use super::super::format::BLOCK_BYTES_32;
use super::super::long::Segment;
use super::super::volume::{Provision, Span};
use super::submit::{chunk_of, mask_of, piece, run_of};
use super::{Engine, MAX_SEGMENTS};
use crate::map::{BlockMask, Chunk, ChunkIndex, Extent, Place, Purpose, WritePlan};

/// Why a write does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocked {
    /// Something has to happen first.
    Wait,
    /// It never will.
    Fail(IoError),
}

/// Stands for a chunk until it is allocated.
const FRESH: Chunk = Chunk(u32::MAX);

impl Engine {
    /// Plans a write of `span` to a volume into `scratch`, allocates what it takes and takes its blocks.
    pub(super) fn plan_write(&mut self, slot: usize, span: Span) -> Result<(), Blocked> {
        self.scratch.clear();
        self.plan_span(slot, span)?;
        self.commit_plan(slot)
    }

    /// Plans a write of `span`, after what is planned already.
    pub(super) fn plan_span(&mut self, slot: usize, span: Span) -> Result<(), Blocked> {
        let blocks = span.blocks();
        let mut at = blocks.start;
        while at < blocks.end {
            let piece = piece(at, blocks.end);
            at = piece.end;
            self.plan_piece(slot, piece, span)?;
        }
        Ok(())
    }

    /// Allocates the chunks of the plan and takes its blocks.
    pub(super) fn commit_plan(&mut self, slot: usize) -> Result<(), Blocked> {
        let first_writes = self.scratch.iter().filter(|segment| segment.first_write).count();
        if first_writes > 0 {
            self.check_room(first_writes)?;
            self.allocate(slot)?;
            self.enter(slot);
        }
        Ok(())
    }

    /// Plans the blocks of one chunk of the volume.
    fn plan_piece(&mut self, slot: usize, piece: Range<u64>, span: Span) -> Result<(), Blocked> {
        let index = ChunkIndex::of(piece.start);
        let volume = self.table.volume(slot);
        let pending = self.pending.get(volume.id(), index);
        if pending.is_some_and(|target| target.is_alone() || target.writes_any(mask_of(&piece))) {
            return Err(Blocked::Wait);
        }
        let mut extents = [Extent::default(); 32];
        let found = self.forest.lookup(&volume.map, piece, &mut extents);
        let from = self.scratch.len();
        for extent in &extents[..found] {
            self.plan_extent(index, extent, span, pending.map(|target| target.chunk))?;
        }
        if self.scratch[from..].iter().any(|segment| segment.first_write) {
            let target = match pending {
                Some(target) => target.chunk,
                None => self.target(slot, index, from)?,
            };
            self.aim(from, target)?;
        }
        Ok(())
    }

    /// Adds the blocks of an extent, to a segment before them if they go with it.
    fn plan_extent(
        &mut self,
        index: ChunkIndex,
        extent: &Extent,
        span: Span,
        pending: Option<Chunk>,
    ) -> Result<(), Blocked> {
        let run = run_of(&(extent.start..extent.start + extent.blocks));
        let (chunk, first_write) = match extent.place {
            Place::Mapped { block, in_place: true } => (chunk_of(block), false),
            // First writes in flight go to the chunk where a snapshot, taken since, sees these blocks.
            Place::Mapped { block, .. } if pending == Some(chunk_of(block)) => return Err(Blocked::Wait),
            Place::Mapped { .. } => {
                let blocks = extent.start..extent.start + extent.blocks;
                let part = span.within(&blocks);
                // The rest of the block is fetched from where others see it: it must have stopped changing.
                let whole = part.bytes() == extent.blocks * u64::from(BLOCK_BYTES_32);
                if !whole && self.is_sharing() {
                    return Err(Blocked::Wait);
                }
                (FRESH, true)
            }
            Place::Hole => (FRESH, true),
        };
        if !first_write && self.window.holds(chunk.0, run.mask()) {
            self.seal.wanted = true;
            return Err(Blocked::Wait);
        }
        if let Some(last) = self.scratch.last_mut()
            && (last.index, last.first_write, last.chunk) == (index, first_write, chunk)
            && last.run.first + last.run.count == run.first
        {
            last.run.count += run.count;
            return Ok(());
        }
        self.scratch.push(Segment { index, run, chunk, first_write, data_crc64: 0, record: 0 });
        Ok(())
    }

    /// The chunk for first writes at a place.
    fn target(&mut self, slot: usize, index: ChunkIndex, from: usize) -> Result<Chunk, Blocked> {
        let first_writes = self.scratch[from..].iter().filter(|segment| segment.first_write);
        let mask = first_writes.fold(0, |mask, segment| mask | segment.run.mask());
        let map = &self.table.volume(slot).map;
        match self.forest.plan_write(map, index, BlockMask(mask)) {
            WritePlan::Join(chunk) => Ok(chunk),
            WritePlan::Fill if self.forest.merge_of(map, index).is_some() => {
                Err(self.request_merge(slot, index))
            }
            WritePlan::Fresh | WritePlan::Fill => Ok(FRESH),
            WritePlan::InPlace => unreachable!("blocks that are in place are not first writes"),
        }
    }

    /// Sends the first writes from segment `from` on to `target`, unless blocks there must be left alone.
    fn aim(&mut self, from: usize, target: Chunk) -> Result<(), Blocked> {
        for segment in self.scratch[from..].iter_mut().filter(|segment| segment.first_write) {
            segment.chunk = target;
            if self.window.holds(target.0, segment.run.mask()) {
                self.seal.wanted = true;
                return Err(Blocked::Wait);
            }
        }
        Ok(())
    }

    /// Whether records can be taken: what waits for a checkpoint waits here, before it has changed anything.
    pub(super) fn check_room(&self, records: usize) -> Result<(), Blocked> {
        let full = self.journal.is_full() || self.is_too_dirty();
        let many = self.segments > 0 && self.segments + records > MAX_SEGMENTS;
        if full || many { Err(Blocked::Wait) } else { Ok(()) }
    }

    /// Gives every first write that needs one its chunk; all of them or none.
    fn allocate(&mut self, slot: usize) -> Result<(), Blocked> {
        let mut before: Option<(ChunkIndex, Chunk)> = None;
        for at in 0..self.scratch.len() {
            let segment = self.scratch[at];
            if !segment.first_write || segment.chunk != FRESH {
                continue;
            }
            let chunk = match before {
                Some((index, chunk)) if index == segment.index => chunk,
                _ => match self.allocate_one(slot) {
                    Some(chunk) => chunk,
                    None => {
                        self.unallocate(at);
                        return Err(self.no_space());
                    }
                },
            };
            before = Some((segment.index, chunk));
            self.scratch[at].chunk = chunk;
            self.scratch[at].record = ALLOCATED;
        }
        Ok(())
    }

    /// A chunk for a volume: what other volumes are promised is not for it, what metadata needs for none.
    fn allocate_one(&mut self, slot: usize) -> Option<Chunk> {
        let promised = self.promised_chunks();
        let thick = self.table.volume(slot).record.provision == Provision::Thick;
        let own = if thick { self.promised_to(slot) } else { 0 };
        let others = u32::try_from(promised - own.min(promised)).unwrap_or(u32::MAX);
        let space = self.forest.space_mut();
        space.set_reserve(self.geometry.reserve_chunks().saturating_add(others));
        space.allocate(Purpose::Data).ok()
    }

    /// Gives back what a plan that cannot be carried out has allocated before segment `end`.
    fn unallocate(&mut self, end: usize) {
        let mut before = None;
        for segment in self.scratch[..end].iter().filter(|segment| segment.record == ALLOCATED) {
            if before != Some(segment.index) {
                self.forest.space_mut().give_back(segment.chunk, Purpose::Data);
            }
            before = Some(segment.index);
        }
    }

    /// Takes the plan's blocks: from now on they are in flight.
    fn enter(&mut self, slot: usize) {
        let map = self.table.volume(slot).id();
        for segment in self.scratch.iter_mut().filter(|segment| segment.first_write) {
            let fresh = std::mem::take(&mut segment.record) == ALLOCATED;
            let mask = segment.run.mask();
            self.pending.enter((map, segment.index.0), segment.chunk, fresh, mask);
            self.window.add(segment.chunk.0, mask);
            self.segments += 1;
        }
    }

    /// Chunks that thick volumes are still promised.
    pub(crate) fn promised_chunks(&self) -> u64 {
        self.table.thick.iter().map(|slot| self.promised_to(*slot as usize)).sum()
    }

    fn promised_to(&self, slot: usize) -> u64 {
        let Some(volume) = &self.table.slots()[slot] else { return 0 };
        volume.promised_chunks(self.forest.usage(&volume.map).chunks)
    }

    /// What a write that found no space does: as long as space is on its way, it waits.
    fn no_space(&mut self) -> Blocked {
        let coming = self.forest.held() > 0 || self.forest.is_reclaiming() || self.checkpoint.is_running();
        if coming {
            self.background.starving = true;
            self.seal.wanted = true;
            return Blocked::Wait;
        }
        Blocked::Fail(IoError::NoSpace)
    }
}

/// Stands in a segment's record number while its chunk is only allocated.
const ALLOCATED: u64 = u64::MAX;
