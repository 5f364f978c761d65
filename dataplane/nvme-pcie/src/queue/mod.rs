//! The two rings of a queue pair and their doorbells (NVMe Base section 3.3, NVMe over PCIe Transport section 3.1).
//!
//! ```text
//!            push              ring                         CQE with the new phase tag
//!  Sqe ---> SQ[tail] ---> tail doorbell ---> controller ---> CQ[head] ---> next ---> head doorbell
//! ```
//! Invariant: commands outstanding `<= entries - 1`. So the submission ring cannot be overrun, whatever the
//! controller has fetched, and neither can the completion ring; no head pointer has to be looked at.

mod completion;
mod doorbell;
mod submission;
#[cfg(test)]
mod test;

use std::sync::atomic::Ordering;

use sluice_hugepages::DmaMemory;

pub(crate) use completion::{CompletionQueue, Entry};
pub(crate) use doorbell::{Doorbell, Shadow};
pub(crate) use submission::SubmissionQueue;

/// Memory shared with a controller, word by word; offsets in bytes, aligned.
pub(crate) trait Shared {
    /// Reads four bytes.
    fn load32(&self, offset: u64, order: Ordering) -> u32;
    /// Writes four bytes.
    fn store32(&self, offset: u64, value: u32, order: Ordering);
    /// Writes eight bytes, in no order with others.
    fn store64(&self, offset: u64, value: u64);

    /// Writes eight times eight bytes, in no order.
    fn store_line(&self, offset: u64, words: [u64; 8]) {
        (0..).zip(words).for_each(|(index, word)| self.store64(offset + 8 * index, word));
    }
}

impl Shared for DmaMemory {
    #[inline]
    fn load32(&self, offset: u64, order: Ordering) -> u32 {
        DmaMemory::load32(self, offset, order)
    }

    #[inline]
    fn store32(&self, offset: u64, value: u32, order: Ordering) {
        DmaMemory::store32(self, offset, value, order);
    }

    #[inline]
    fn store64(&self, offset: u64, value: u64) {
        DmaMemory::store64(self, offset, value);
    }

    #[inline]
    fn store_line(&self, offset: u64, words: [u64; 8]) {
        DmaMemory::store_line(self, offset, words);
    }
}

/// Where a ring lies and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ring {
    /// Of the first entry in the shared memory, in bytes.
    pub(crate) offset: u64,
    /// At least 2.
    pub(crate) entries: u16,
}

impl Ring {
    /// The index after `index`.
    #[inline]
    fn next(self, index: u16) -> u16 {
        if index + 1 == self.entries { 0 } else { index + 1 }
    }
}
