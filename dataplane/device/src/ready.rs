//! Completions that wait for `poll`: the queue of the devices that answer at once.

use std::collections::VecDeque;

use crate::Completion;

/// A first-in first-out queue of at most `queue_depth` completions; it never allocates after `new`.
#[derive(Debug)]
pub struct Ready {
    queue: VecDeque<Completion>,
    depth: usize,
}

impl Ready {
    /// Room for `depth` completions.
    #[must_use]
    pub fn new(depth: u32) -> Self {
        Self { queue: VecDeque::with_capacity(depth as usize), depth: depth as usize }
    }

    /// How many more fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.depth - self.queue.len()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Appends a completion.
    ///
    /// # Panics
    /// If there is no [`room`](Self::room): `submit` accepts no more requests than that.
    pub fn push(&mut self, completion: Completion) {
        assert!(self.queue.len() < self.depth, "a completion for each place");
        self.queue.push_back(completion);
    }

    /// Moves the oldest completions to the front of `out`; returns how many.
    pub fn drain_into(&mut self, out: &mut [Completion]) -> usize {
        let count = out.len().min(self.queue.len());
        for (place, completion) in out.iter_mut().zip(self.queue.drain(..count)) {
            *place = completion;
        }
        count
    }
}
