//! The heart of a job, independent of how its I/O travels: what to do next, what came back, whether it is right.
//!
//! A link (TCP connection or local device) asks [`Load::next`] for work until it says `None`, and reports
//! [`Load::data`] and [`Load::complete`]. Invariant: a change of a block is in flight or lost with its connection
//! exactly as long as the expectation table calls the block busy.

use sluice_device::IoError;
use sluice_nvme::status::Status;

use crate::engine::lane::Lane;
use crate::engine::pace::Pacer;
use crate::engine::sweep::Sweep;
use crate::expect::{Change, Expectations};
use crate::geometry::Geometry;
use crate::num::{index32, len32};
use crate::stamp::{Content, inspect, remains};
use crate::stats::{Counters, Tally};
use crate::workload::{Access, AccessOp};

/// Wrong blocks that are described; the others are only counted.
const DESCRIBED: u64 = 16;
/// Fresh accesses drawn before waiting for a busy block.
const REDRAWS: u32 = 4;

/// Why an I/O failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IoFailure {
    /// The controller's answer.
    #[error("status {0}")]
    Status(Status),
    /// A local device's answer.
    #[error("{0}")]
    Device(#[from] IoError),
}

/// Nothing can be done with the target any more: it broke the protocol, or stays away.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("the target answered command {0}, which was not outstanding")]
    Unknown(u16),
    #[error("the target sent read data at offset {offset} of command {cid}, {expected} was next")]
    Data { cid: u16, offset: u32, expected: u32 },
    #[error("the target completed read command {cid} after {received} of {length} bytes")]
    Short { cid: u16, received: u32, length: u32 },
    #[error("the namespace changed its size or format while the connection was away")]
    Changed,
    #[error("no connection again in time: {0}")]
    GivenUp(String),
}

/// Where accesses come from.
pub(crate) enum Source {
    /// Nowhere: draining.
    Nothing,
    /// The lanes' generators, at most `left` more.
    Pattern { left: u64 },
    /// One pass.
    Sweep(Sweep),
}

/// One job's share of a thread.
pub(crate) struct Load {
    pub(crate) geometry: Geometry,
    pub(crate) source: Source,
    pub(crate) pacer: Option<Pacer>,
    /// `Some` in verify mode.
    pub(crate) table: Option<Expectations>,
    /// What a deallocation leaves behind.
    pub(crate) trim: Change,
    pub(crate) tally: Box<Tally>,
    pub(crate) counters: Counters,
    /// Descriptions of wrong blocks, until they are collected.
    pub(crate) wrong: Vec<String>,
    pub(crate) first_error: Option<String>,
    /// I/Os in flight or lost.
    pub(crate) outstanding: usize,
}

impl Load {
    /// Nothing to do yet.
    pub(crate) fn new(
        geometry: Geometry,
        pacer: Option<Pacer>,
        table: Option<Expectations>,
        trim: Change,
    ) -> Self {
        Self {
            geometry,
            source: Source::Nothing,
            pacer,
            table,
            trim,
            tally: Box::default(),
            counters: Counters::default(),
            wrong: Vec::new(),
            first_error: None,
            outstanding: 0,
        }
    }

    /// Whether the source has nothing more to give and everything given is done.
    pub(crate) fn is_exhausted(&self) -> bool {
        let dry = match &self.source {
            Source::Nothing | Source::Pattern { left: 0 } => true,
            Source::Pattern { .. } => false,
            Source::Sweep(sweep) => sweep.is_done(),
        };
        dry && self.outstanding == 0
    }

    fn change(&self, op: AccessOp) -> Option<Change> {
        match op {
            AccessOp::Read => None,
            AccessOp::Write => Some(Change::Write),
            AccessOp::WriteZeroes => Some(Change::Zero),
            AccessOp::Deallocate => Some(self.trim),
        }
    }

    /// The slot of the next I/O to send on `lane`, or `None` if there is none now.
    pub(crate) fn next(&mut self, lane: &mut Lane, now_ns: u64) -> Option<u16> {
        let slot = match lane.restart(now_ns) {
            Some(slot) => {
                self.counters.reissued += 1;
                slot
            }
            None => {
                lane.next_free()?;
                let access = self.draw(lane, now_ns)?;
                self.outstanding += 1;
                lane.start(access, now_ns)
            }
        };
        self.note_floors(lane, slot);
        Some(slot)
    }

    /// Remembers what a read may return at the least.
    fn note_floors(&mut self, lane: &mut Lane, slot: u16) {
        let access = lane.slots[usize::from(slot)].access;
        if let (Some(table), AccessOp::Read) = (&self.table, access.op) {
            table.floors(access.lba, lane.floors_mut(slot, access.blocks));
        }
    }

    fn draw(&mut self, lane: &mut Lane, now_ns: u64) -> Option<Access> {
        match &mut self.source {
            Source::Nothing => None,
            Source::Sweep(sweep) => {
                let access = sweep.draw()?;
                let free = self.reserve(access);
                assert!(free, "a pass meets no other I/O");
                Some(access)
            }
            Source::Pattern { left } => {
                if lane.deferred.is_none() {
                    if *left == 0 || !self.pacer.as_mut().is_none_or(|pacer| pacer.take(now_ns)) {
                        return None;
                    }
                    *left -= 1;
                }
                self.draw_free(lane)
            }
        }
    }

    /// Draws until an access meets no busy block; the last one that did is kept for later.
    fn draw_free(&mut self, lane: &mut Lane) -> Option<Access> {
        for _ in 0..REDRAWS {
            let access = lane.deferred.take().unwrap_or_else(|| lane.generator.draw());
            if self.reserve(access) {
                return Some(access);
            }
            lane.deferred = Some(lane.generator.draw());
        }
        None
    }

    fn reserve(&mut self, access: Access) -> bool {
        match (self.change(access.op), &mut self.table) {
            (Some(change), Some(table)) => table.begin(access.lba, access.blocks, change),
            _ => true,
        }
    }

    /// Whether write data must be stamped.
    pub(crate) fn stamps(&self) -> bool {
        self.table.is_some()
    }

    /// Writes the data of a write into `buffer`, in verify mode only.
    pub(crate) fn stamp(&self, access: Access, buffer: &mut [u8]) {
        let Some(table) = &self.table else { return };
        let blocks = buffer.chunks_exact_mut(index32(self.geometry.block_bytes));
        for (lba, block) in (access.lba..).zip(blocks) {
            table.stamp(lba).write(block);
        }
    }

    /// `bytes` of a read arrived, `offset` bytes into its data.
    pub(crate) fn data(
        &mut self,
        lane: &mut Lane,
        cid: u16,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let slot = lane.slots.get_mut(usize::from(cid)).filter(|s| s.in_flight);
        let slot = slot.ok_or(Violation::Unknown(cid))?;
        let length = len32(self.geometry.length(slot.access.blocks));
        let end = offset.saturating_add(len32(bytes.len()));
        if slot.access.op != AccessOp::Read || offset != slot.received || end > length {
            return Err(Violation::Data { cid, offset, expected: slot.received });
        }
        slot.received = end;
        if self.table.is_some() {
            self.prove(lane, cid, offset, bytes);
        }
        Ok(())
    }

    /// A local read found nothing but zeroes.
    pub(crate) fn zeroes(&mut self, lane: &mut Lane, cid: u16) {
        let slot = &mut lane.slots[usize::from(cid)];
        slot.received = len32(self.geometry.length(slot.access.blocks));
        let blocks = u64::from(slot.access.blocks);
        if self.table.is_some() {
            (0..blocks).for_each(|block| self.judge(lane, cid, block, Content::Zeroes, &[]));
        }
    }

    /// Proves whole blocks where they lie; a block in pieces is put together in the slot's own place first.
    fn prove(&mut self, lane: &mut Lane, cid: u16, offset: u32, bytes: &[u8]) {
        let size = index32(self.geometry.block_bytes);
        let (mut at, mut rest) = (index32(offset), bytes);
        let inside = at % size;
        if inside > 0 {
            let (head, tail) = rest.split_at(rest.len().min(size - inside));
            lane.piece_mut(cid)[inside..inside + head.len()].copy_from_slice(head);
            at += head.len();
            rest = tail;
            if at.is_multiple_of(size) {
                let content = inspect(lane.piece(cid));
                let piece =
                    if matches!(content, Content::Damaged) { lane.piece(cid).to_vec() } else { vec![] };
                self.judge(lane, cid, block_number(at, size) - 1, content, &piece);
            }
        }
        let mut blocks = rest.chunks_exact(size);
        for block in blocks.by_ref() {
            self.judge(lane, cid, block_number(at, size), inspect(block), block);
            at += size;
        }
        let tail = blocks.remainder();
        lane.piece_mut(cid)[..tail.len()].copy_from_slice(tail);
    }

    /// Compares one block of a read with the table.
    fn judge(&mut self, lane: &Lane, cid: u16, block: u64, content: Content, bytes: &[u8]) {
        let Some(table) = &self.table else { return };
        let lba = lane.slots[usize::from(cid)].access.lba + block;
        self.counters.blocks_verified += 1;
        if let Err(fault) = table.check(lba, lane.floor(cid, block), content) {
            self.counters.blocks_wrong += 1;
            if self.counters.blocks_wrong <= DESCRIBED {
                self.wrong.push(format!("LBA {lba}: {fault}{}", describe(bytes, content)));
            }
        }
    }

    /// An I/O is done.
    pub(crate) fn complete(
        &mut self,
        lane: &mut Lane,
        cid: u16,
        result: Result<(), IoFailure>,
        now_ns: u64,
    ) -> Result<(), Violation> {
        let slot = lane.slots.get(usize::from(cid)).copied().ok_or(Violation::Unknown(cid))?;
        if !lane.finish(cid) {
            return Err(Violation::Unknown(cid));
        }
        self.outstanding -= 1;
        let access = slot.access;
        match result {
            Err(failure) => self.fail(access, failure),
            Ok(()) => {
                let length = len32(self.geometry.length(access.blocks));
                if access.op == AccessOp::Read && slot.received != length {
                    return Err(Violation::Short { cid, received: slot.received, length });
                }
                self.succeed(access);
                self.tally.record(access.op, u64::from(length), now_ns.saturating_sub(slot.begun_ns));
            }
        }
        Ok(())
    }

    fn succeed(&mut self, access: Access) {
        let Some(change) = self.change(access.op) else { return };
        let Some(table) = &mut self.table else { return };
        table.acknowledge(access.lba, access.blocks, change);
        let blocks = u64::from(access.blocks);
        match change {
            Change::Write => self.counters.blocks_written += blocks,
            Change::Zero | Change::MayZero => self.counters.blocks_cleared += blocks,
        }
    }

    fn fail(&mut self, access: Access, failure: IoFailure) {
        self.counters.errors += 1;
        let Access { op, lba, blocks } = access;
        self.first_error.get_or_insert_with(|| format!("{op:?} of {blocks} blocks at LBA {lba}: {failure}"));
        if let (true, Some(table)) = (op.modifies(), &mut self.table) {
            table.abandon(lba, blocks);
        }
    }
}

/// The block that begins `at` bytes into an access.
fn block_number(at: usize, block_bytes: usize) -> u64 {
    u64::from(len32(at / block_bytes))
}

/// What a damaged block still shows: whose it was, and from where it differs from that stamp.
fn describe(bytes: &[u8], content: Content) -> String {
    let Some(stamp) = remains(bytes).filter(|_| content == Content::Damaged) else {
        return String::new();
    };
    let at = stamp.first_difference(bytes).unwrap_or(bytes.len());
    format!(
        " (claims LBA {}, generation {}, seed {:#018x}; differs from that from byte {at} on)",
        stamp.lba, stamp.generation, stamp.seed
    )
}

#[cfg(test)]
mod test;
