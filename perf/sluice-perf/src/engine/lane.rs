//! The I/Os of one queue: which slot holds which access, and what a read needs until it is proved.
//!
//! A slot's index is the command identifier. Slots are either free, in flight, or lost with their connection and
//! waiting to be sent again. All memory is allocated when the lane is made.

use crate::num::{index, index32};
use crate::workload::{Access, AccessOp, Generator};

/// One I/O.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) access: Access,
    /// When it was first sent; kept over a reconnection, so the outage shows in its latency.
    pub(crate) begun_ns: u64,
    /// When it was last sent.
    pub(crate) sent_ns: u64,
    /// Bytes of a read that have arrived.
    pub(crate) received: u32,
    /// False for free and lost slots.
    pub(crate) in_flight: bool,
}

const IDLE: Slot = Slot {
    access: Access { op: AccessOp::Read, lba: 0, blocks: 1 },
    begun_ns: 0,
    sent_ns: 0,
    received: 0,
    in_flight: false,
};

/// The slots of one queue.
pub(crate) struct Lane {
    pub(crate) slots: Vec<Slot>,
    free: Vec<u16>,
    lost: Vec<u16>,
    pub(crate) generator: Generator,
    /// An access that was drawn but met a busy block.
    pub(crate) deferred: Option<Access>,
    /// `largest` floors per slot; empty unless verifying.
    floors: Vec<u32>,
    /// One block per slot, for blocks that arrive in pieces; empty unless verifying.
    pieces: Vec<u8>,
    /// Blocks of the largest access.
    largest: usize,
    block_bytes: usize,
}

impl Lane {
    /// A lane of `depth` slots. `largest`: blocks of the longest read that will be verified, 0 for none.
    pub(crate) fn new(depth: u16, generator: Generator, largest: u32, block_bytes: u32) -> Self {
        let slots = usize::from(depth);
        let (largest, block_bytes) = (index32(largest), index32(block_bytes));
        let piece_bytes = if largest > 0 { block_bytes } else { 0 };
        Self {
            slots: vec![IDLE; slots],
            free: (0..depth).rev().collect(),
            lost: Vec::with_capacity(slots),
            generator,
            deferred: None,
            floors: vec![0; slots * largest],
            pieces: vec![0; slots * piece_bytes],
            largest,
            block_bytes,
        }
    }

    /// A free slot, if there is one; it stays free until [`Lane::start`].
    pub(crate) fn next_free(&self) -> Option<u16> {
        self.free.last().copied()
    }

    /// Puts `access` into the slot that [`Lane::next_free`] named.
    ///
    /// # Panics
    /// If no slot is free.
    pub(crate) fn start(&mut self, access: Access, now_ns: u64) -> u16 {
        let slot = self.free.pop().expect("a free slot");
        self.slots[usize::from(slot)] =
            Slot { access, begun_ns: now_ns, sent_ns: now_ns, received: 0, in_flight: true };
        slot
    }

    /// Takes a slot out of use; false if nothing was in flight under this index.
    #[must_use]
    pub(crate) fn finish(&mut self, slot: u16) -> bool {
        let known = self.slots.get_mut(usize::from(slot)).filter(|s| s.in_flight);
        let Some(entry) = known else { return false };
        entry.in_flight = false;
        self.free.push(slot);
        true
    }

    /// The connection is gone: what was in flight must be sent again.
    pub(crate) fn lose(&mut self) {
        for (slot, entry) in (0..).zip(&mut self.slots) {
            if entry.in_flight {
                entry.in_flight = false;
                entry.received = 0;
                self.lost.push(slot);
            }
        }
    }

    /// The next lost slot, now in flight again.
    pub(crate) fn restart(&mut self, now_ns: u64) -> Option<u16> {
        let slot = self.lost.pop()?;
        let entry = &mut self.slots[usize::from(slot)];
        entry.in_flight = true;
        entry.sent_ns = now_ns;
        Some(slot)
    }

    /// When the oldest I/O in flight was sent.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        self.slots.iter().filter(|s| s.in_flight).map(|s| s.sent_ns).min()
    }

    /// Place for the floors of a read of `blocks` blocks.
    pub(crate) fn floors_mut(&mut self, slot: u16, blocks: u32) -> &mut [u32] {
        let start = usize::from(slot) * self.largest;
        &mut self.floors[start..start + index32(blocks)]
    }

    /// The floor of one block of a read.
    pub(crate) fn floor(&self, slot: u16, block: u64) -> u32 {
        self.floors[usize::from(slot) * self.largest + index(block)]
    }

    /// The slot's place for a block in pieces.
    pub(crate) fn piece_mut(&mut self, slot: u16) -> &mut [u8] {
        let start = usize::from(slot) * self.block_bytes;
        &mut self.pieces[start..start + self.block_bytes]
    }

    /// As [`Lane::piece_mut`], to look at.
    pub(crate) fn piece(&self, slot: u16) -> &[u8] {
        let start = usize::from(slot) * self.block_bytes;
        &self.pieces[start..start + self.block_bytes]
    }
}
