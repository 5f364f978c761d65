//! Work on the side: settling and reclaiming what was dropped, and bringing blocks together.
//!
//! A merge copies, run by run, the blocks of one chunk of a volume that live in several chunks into one of them. Each
//! run is a first write like a host's, with a record and all. Nobody else writes there meanwhile, and what was being
//! written there in place when it began is over before the first run is read.

use sluice_device::{IoError, Nanos, Op, Request};

use super::super::format::BLOCK_BYTES_32;
use super::super::long::{Kind, Segment};
use super::super::volume::{Gate, Role, Span};
use super::Engine;
use super::plan::Blocked;
use super::submit::{chunk_of, run_of};
use crate::VolumeIo;
use crate::map::{Chunk, ChunkIndex, Extent, Hold, MergeScope, Place, Purpose};

/// Nodes taken apart, drops settled and steps of a search per turn: some microseconds each.
const RECLAIM_NODES: usize = 4;
const SETTLE_DROPS: usize = 512;
const SCAN_STEPS: usize = 64;

/// Hosts are quiet when nothing came for so long: a host with one I/O at a time is not.
const QUIET: Nanos = Nanos(10_000_000);

/// A merge under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merging {
    slot: usize,
    map: u32,
    index: ChunkIndex,
    into: Chunk,
    /// What was in flight when it began.
    io: u64,
    /// A run is being copied.
    copying: bool,
    /// A write waits for it.
    requested: bool,
}

/// What goes on, and what there may be to do.
#[derive(Debug, Default)]
pub(crate) struct Background {
    merging: Option<Merging>,
    /// A merge that failed, for the write that waits for it.
    failed: Option<(u32, ChunkIndex, IoError)>,
    /// Drops up to this seal may be carried out.
    settle: Option<u64>,
    /// A write waits for space that a checkpoint may bring.
    pub(super) starving: bool,
    /// Where the search for merges goes on; `None`: nothing has changed since all was searched.
    scan: Option<(usize, ChunkIndex)>,
    /// When the last I/O of a host came.
    pub(super) last_io: Nanos,
}

impl Background {
    /// A map has changed: there may be something to merge.
    pub(super) fn note_change(&mut self) {
        self.scan.get_or_insert((0, ChunkIndex(0)));
    }

    /// What was dropped before the seal may be carried out.
    pub(super) fn settle_up_to(&mut self, seal: u64, held: usize) {
        if held > 0 {
            self.settle = Some(seal);
        }
    }

    /// Drops about to be carried out: nothing to seal.
    pub(super) fn settling(&self) -> usize {
        if self.settle.is_some() { usize::MAX } else { 0 }
    }

    /// Whether a write waits for a merge.
    fn is_requested(&self) -> bool {
        self.merging.is_some_and(|merging| merging.requested)
    }

    /// Whether a merge of a volume is under way.
    pub(super) fn is_merging(&self, map: u32) -> bool {
        self.merging.is_some_and(|merging| merging.map == map)
    }
}

impl Engine {
    /// Sends a request of work on the side, or puts it in line.
    pub(super) fn send_aside(&mut self, request: Request) {
        let awaited = self.is_side_awaited();
        self.outbox.extend(self.side.push(request, awaited));
    }

    /// Lets what is in line go if a host waits for it by now.
    pub(super) fn advance_side(&mut self) {
        if self.is_side_awaited() {
            self.outbox.extend(self.side.drain());
        }
    }

    /// Whether a host's write waits for work on the side: it would wait for its own turn.
    fn is_side_awaited(&self) -> bool {
        let background = &self.background;
        background.starving || background.is_requested() || self.journal.is_full() || self.is_too_dirty()
    }

    /// Whether there is something to do on the side that needs nothing but time.
    pub(super) fn has_background(&self) -> bool {
        let open = self.state == crate::PoolState::Open;
        open && (self.background.settle.is_some() || self.forest.is_reclaiming())
    }

    /// When the search for merges may go on, if nothing comes until then.
    pub(super) fn merge_deadline(&self) -> Option<Nanos> {
        let idle = self.background.scan.is_some() && self.background.merging.is_none();
        let open = self.state == crate::PoolState::Open && self.serving;
        if !idle || !open || self.journal.is_half_full() || self.is_too_dirty() {
            return None;
        }
        let fill = self.forest.space().fill();
        if fill.available() < fill.total / 16 {
            return Some(Nanos::ZERO);
        }
        (self.accepted == 0).then_some(self.background.last_io + QUIET)
    }

    /// A turn of everything on the side.
    pub(super) fn advance_background(&mut self, now: Nanos) {
        if let Some(seal) = self.background.settle {
            let reached = Hold { record: seal, io: seal };
            if self.forest.settle(reached, SETTLE_DROPS) < SETTLE_DROPS {
                self.background.settle = None;
            }
            self.background.note_change();
            self.wake = true;
        }
        if self.forest.is_reclaiming() {
            self.forest.reclaim(RECLAIM_NODES);
            self.wake = true;
        }
        match self.background.merging {
            None if self.merge_deadline().is_some_and(|due| due <= now) => self.scan(),
            Some(merging) if !merging.copying && self.drains.is_drained(merging.io) => {
                self.next_run(now, merging)
            }
            _ => {}
        }
    }

    /// Searches for something to merge.
    fn scan(&mut self) {
        let Some((slot, from)) = self.background.scan else { return };
        let Some(entry) = self.table.slots().get(slot) else {
            self.background.scan = None;
            return;
        };
        let volume = entry.as_ref().filter(|volume| volume.gate == Gate::Open);
        let volume = volume.filter(|volume| volume.record.role == Role::Volume);
        let Some(volume) = volume else {
            self.background.scan = Some((slot + 1, ChunkIndex(0)));
            return;
        };
        let scan = self.forest.next_merge(&volume.map, from, MergeScope::Layered, SCAN_STEPS);
        self.background.scan = Some(scan.next.map_or((slot + 1, ChunkIndex(0)), |next| (slot, next)));
        if let Some(merge) = scan.found {
            let _waits = self.begin_merge(slot, merge.index, false);
        }
    }

    /// Asks for the merge that a write has to wait for.
    pub(super) fn request_merge(&mut self, slot: usize, index: ChunkIndex) -> Blocked {
        let map = self.table.volume(slot).id();
        match self.background.failed {
            Some((failed, at, error)) if (failed, at) == (map, index) => {
                self.background.failed = None;
                Blocked::Fail(error)
            }
            _ => self.begin_merge(slot, index, true),
        }
    }

    /// Begins a merge if nothing is in its way.
    fn begin_merge(&mut self, slot: usize, index: ChunkIndex, requested: bool) -> Blocked {
        let volume = self.table.volume(slot);
        let map = volume.id();
        let busy = self.background.merging.is_some() || self.pending.get(map, index).is_some();
        let Some(merge) = self.forest.merge_of(&volume.map, index).filter(|_| !busy) else {
            return Blocked::Wait;
        };
        if let Err(blocked) = self.check_room(1) {
            return blocked;
        }
        let into = match merge.into {
            Some(chunk) if self.window.holds(chunk.0, merge.copy.0) => {
                self.seal.wanted = true;
                return Blocked::Wait;
            }
            Some(chunk) => chunk,
            None => match self.forest.space_mut().allocate(Purpose::Data) {
                Ok(chunk) => chunk,
                Err(_) => return Blocked::Fail(IoError::NoSpace),
            },
        };
        self.pending.enter_alone((map, index.0), into, merge.into.is_none());
        let io = self.drains.ticket();
        self.background.merging = Some(Merging { slot, map, index, into, io, copying: false, requested });
        Blocked::Wait
    }

    /// Copies the next run of blocks that are elsewhere, or ends the merge.
    fn next_run(&mut self, now: Nanos, merging: Merging) {
        if !self.longs.has_room() || self.check_room(1).is_err() {
            return;
        }
        let map = &self.table.volume(merging.slot).map;
        let first = merging.index.first_block();
        let blocks = first..(first + crate::map::CHUNK_BLOCKS).min(map.blocks());
        let mut extents = [Extent::default(); 32];
        let found = self.forest.lookup(map, blocks, &mut extents);
        let elsewhere = |extent: &&Extent| match extent.place {
            Place::Mapped { block, .. } => chunk_of(block) != merging.into,
            Place::Hole => false,
        };
        let Some(extent) = extents[..found].iter().find(elsewhere).copied() else {
            return self.end_merge(merging);
        };
        let longest = u64::from(self.buffers.large.length() / BLOCK_BYTES_32);
        let blocks = extent.start..extent.start + extent.blocks.min(longest);
        let run = run_of(&blocks);
        self.window.add(merging.into.0, run.mask());
        self.seal.note(now);
        let segment = Segment {
            index: merging.index,
            run,
            chunk: merging.into,
            first_write: true,
            data_crc64: 0,
            record: 0,
        };
        self.scratch.clear();
        self.scratch.push(segment);
        let bytes = u64::from(BLOCK_BYTES_32);
        let span = Span { start: blocks.start * bytes, end: blocks.end * bytes };
        let volume = self.table.volume(merging.slot).record.index;
        let mut io = VolumeIo { tag: 0, volume, op: Op::Flush, lba: 0, blocks: 0, buffer: None };
        self.background.merging = Some(Merging { copying: true, ..merging });
        let at = self.take_long(&mut io, span, Kind::Merge, false);
        self.step_write(at);
    }

    /// A run is where it belongs now, or could not be copied.
    pub(super) fn merged_run(&mut self, at: u32, result: Result<(), IoError>) {
        self.longs.get_mut(at).segments.clear();
        let mut merging = self.background.merging.take().expect("a run belongs to a merge");
        merging.copying = false;
        match result {
            Ok(()) => {
                self.pending.applied((merging.map, merging.index.0));
                self.background.merging = Some(merging);
                // More runs need no waiting: nobody writes here in place.
                self.wake = true;
            }
            Err(error) => {
                if merging.requested {
                    self.background.failed = Some((merging.map, merging.index, error));
                }
                self.end_merge(merging);
            }
        }
    }

    fn end_merge(&mut self, merging: Merging) {
        self.background.merging = None;
        if let Some(chunk) = self.pending.leave((merging.map, merging.index.0), u32::MAX) {
            self.forest.space_mut().give_back(chunk, Purpose::Data);
        }
        self.wake = true;
    }
}
