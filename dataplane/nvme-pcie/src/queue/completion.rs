//! The completion queue: written by the controller, read by us.
//!
//! An entry is new if its phase tag is the one expected; the controller turns the tag round with each pass over the
//! ring. Tag, status and command identifier share one dword, which the bus writes whole, so one load with acquire
//! tells all that an I/O command's completion has to say.

use std::sync::atomic::Ordering;

use sluice_nvme::cqe::CQE_BYTES;
use sluice_nvme::status::Status;

use super::{Ring, Shared};

/// Of dword 3 (command identifier, phase tag, status) in an entry.
const DWORD3: u64 = 12;

/// A completion queue entry, copied out of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Command identifier, as the controller gives it: not to be trusted.
    pub(crate) cid: u16,
    pub(crate) status: Status,
    /// Dword 0, the result of some admin commands.
    pub(crate) result: u32,
}

/// Our end of a completion queue.
#[derive(Debug)]
pub(crate) struct CompletionQueue {
    ring: Ring,
    /// Where the next entry is expected.
    head: u16,
    /// Its phase tag when it is there.
    phase: bool,
}

impl CompletionQueue {
    /// The queue over memory that is zero.
    pub(crate) fn new(ring: Ring) -> Self {
        Self { ring, head: 0, phase: true }
    }

    /// Where the next entry is expected: the value for the head doorbell.
    #[inline]
    pub(crate) fn head(&self) -> u16 {
        self.head
    }

    /// Whether [`next`](Self::next) would yield an entry.
    #[inline]
    pub(crate) fn has_next(&self, memory: &impl Shared) -> bool {
        self.new_dword3(memory).is_some()
    }

    /// Takes the next entry, if the controller has written it.
    #[inline]
    pub(crate) fn next(&mut self, memory: &impl Shared) -> Option<Entry> {
        let dword3 = self.new_dword3(memory)?;
        let [cid_low, cid_high, status_low, status_high] = dword3.to_le_bytes();
        let entry = Entry {
            cid: u16::from_le_bytes([cid_low, cid_high]),
            status: Status::from_cqe_field(u16::from_le_bytes([status_low, status_high])),
            result: memory.load32(self.place(), Ordering::Relaxed),
        };
        self.head = self.ring.next(self.head);
        self.phase ^= self.head == 0;
        Some(entry)
    }

    #[inline]
    fn new_dword3(&self, memory: &impl Shared) -> Option<u32> {
        let dword3 = memory.load32(self.place() + DWORD3, Ordering::Acquire);
        ((dword3 >> 16 & 1 == 1) == self.phase).then_some(dword3)
    }

    #[inline]
    fn place(&self) -> u64 {
        self.ring.offset + u64::from(self.head) * CQE_BYTES as u64
    }
}
