//! The submission queue: written by us, read by the controller.

use sluice_nvme::sqe::{SQE_BYTES, Sqe};
use zerocopy::IntoBytes;

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
        let (words, _) = entry.as_bytes().as_chunks::<8>();
        for (index, word) in (0..).zip(words) {
            memory.store64(place + 8 * index, u64::from_le_bytes(*word));
        }
        self.tail = self.ring.next(self.tail);
    }
}
