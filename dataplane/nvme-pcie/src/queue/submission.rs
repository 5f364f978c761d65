//! The submission queue: written by us, read by the controller.

use sluice_nvme::sqe::{SQE_BYTES, Sqe};
use zerocopy::little_endian::U64;

use super::{Ring, Shared};

/// Our end of a submission queue.
#[derive(Debug)]
pub(crate) struct SubmissionQueue {
    ring: Ring,
    /// Where the next entry goes.
    tail: u16,
}

impl SubmissionQueue {
    pub(crate) fn new(ring: Ring) -> Self {
        Self { ring, tail: 0 }
    }

    /// Where the next entry goes: the value for the tail doorbell.
    #[inline]
    pub(crate) fn tail(&self) -> u16 {
        self.tail
    }

    /// Writes an entry. The controller learns of it with the tail doorbell.
    ///
    /// # Safety
    /// The memory that `entry` points the controller at stays its own, neither freed nor borrowed, until the command
    /// has completed or the controller is disabled. Fewer than `entries - 1` commands are outstanding.
    #[inline]
    pub(crate) unsafe fn push(&mut self, memory: &impl Shared, entry: &Sqe) {
        let place = self.ring.offset + u64::from(self.tail) * SQE_BYTES as u64;
        let words: [U64; 8] = zerocopy::transmute!(*entry);
        memory.store_line(place, words.map(U64::get));
        self.tail = self.ring.next(self.tail);
    }
}
