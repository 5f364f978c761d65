//! The I/O queue pairs of a device, as they are between two resets.
//!
//! A request's slot says which pair it goes through: the pairs are a power of two, and the slot's lowest bits name one.
//! Slots are taken from a stack, so a shallow queue uses few pairs and a deep one all of them alike.

use sluice_hugepages::DmaMemory;
use sluice_nvme::sqe::Sqe;

use crate::controller::qid;
use crate::hardware::Hardware;
use crate::layout::Layout;
use crate::queue::{CompletionQueue, Doorbell, Entry, SubmissionQueue};

/// One pair.
#[derive(Debug)]
struct QueuePair {
    submission: SubmissionQueue,
    completion: CompletionQueue,
    tail: Doorbell,
    head: Doorbell,
}

impl QueuePair {
    fn new(layout: &Layout, pair: u16, dstrd: u8, shadow: bool) -> Self {
        let doorbell = |index: u16| Doorbell::new(index, dstrd, shadow.then(|| Layout::shadow(index, dstrd)));
        Self {
            submission: SubmissionQueue::new(layout.submission(pair)),
            completion: CompletionQueue::new(layout.completion(pair)),
            tail: doorbell(2 * qid(pair)),
            head: doorbell(2 * qid(pair) + 1),
        }
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Pairs {
    all: Box<[QueuePair]>,
    mask: u16,
}

impl Pairs {
    /// So many pairs, a power of two, all queues empty. `shadow`: the controller has taken the shadow doorbells.
    pub(super) fn new(layout: &Layout, pairs: u16, dstrd: u8, shadow: bool) -> Self {
        assert!(pairs.is_power_of_two(), "{pairs} queue pairs");
        let all = (0..pairs).map(|pair| QueuePair::new(layout, pair, dstrd, shadow)).collect();
        Self { all, mask: pairs - 1 }
    }

    /// How many there are.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// The pair of a slot.
    #[inline]
    pub(super) fn of(&self, index: u16) -> u16 {
        index & self.mask
    }

    /// Writes a slot's entry. The controller learns of it with [`ring_tails`](Self::ring_tails).
    ///
    /// # Safety
    /// As for [`SubmissionQueue::push`]; there are fewer slots than entries in any queue.
    #[inline]
    pub(super) unsafe fn push(&mut self, index: u16, memory: &DmaMemory, entry: &Sqe) {
        let pair = usize::from(self.of(index));
        // SAFETY: forwarded to the caller.
        unsafe { self.all[pair].submission.push(memory, entry) };
    }

    /// Tells the controller of all new entries, once for each queue that has any.
    #[inline]
    pub(super) fn ring_tails(&mut self, hardware: &impl Hardware, memory: &DmaMemory) {
        for pair in &mut self.all {
            let tail = pair.submission.tail();
            if tail != pair.tail.rung() {
                pair.tail.ring(hardware, memory, tail);
            }
        }
    }

    /// Whether a completion is there.
    pub(super) fn have_next(&self, memory: &DmaMemory) -> bool {
        self.all.iter().any(|pair| pair.completion.has_next(memory))
    }

    /// Takes the next completion of one pair.
    #[inline]
    pub(super) fn next(&mut self, pair: usize, memory: &DmaMemory) -> Option<Entry> {
        self.all[pair].completion.next(memory)
    }

    /// Gives the controller back what was taken of one pair's completions.
    #[inline]
    pub(super) fn ring_head(&mut self, pair: usize, hardware: &impl Hardware, memory: &DmaMemory) {
        let pair = &mut self.all[pair];
        let head = pair.completion.head();
        if head != pair.head.rung() {
            pair.head.ring(hardware, memory, head);
        }
    }
}
