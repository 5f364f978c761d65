//! Many flushes, one sync.
//!
//! A Flush must cover the writes that completed before it was submitted. A sync that is already running may have
//! begun earlier than that, so what arrives meanwhile waits for the next one, and all that wait share it. At most
//! one sync is in the kernel, whatever the number of volumes that flush.

/// The slots whose requests want a sync. It never allocates after `new`.
#[derive(Debug)]
pub(crate) struct Syncs {
    running: Vec<u32>,
    waiting: Vec<u32>,
}

impl Syncs {
    /// Room for `depth` slots.
    pub(crate) fn new(depth: u32) -> Self {
        let room = || Vec::with_capacity(depth as usize);
        Self { running: room(), waiting: room() }
    }

    /// Adds a slot; true: the caller is to start a sync.
    #[must_use]
    pub(crate) fn join(&mut self, slot: u32) -> bool {
        self.waiting.push(slot);
        self.start()
    }

    /// The next slot whose sync has ended, until there is none; then [`start`](Self::start) is due.
    pub(crate) fn next_ended(&mut self) -> Option<u32> {
        self.running.pop()
    }

    /// Makes those that wait the running ones, unless a sync runs; true: the caller is to start one.
    #[must_use]
    pub(crate) fn start(&mut self) -> bool {
        if !self.running.is_empty() || self.waiting.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.running, &mut self.waiting);
        true
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn what_comes_during_a_sync_shares_the_next() {
        let mut syncs = Syncs::new(4);
        assert!(syncs.join(1), "the first starts a sync");
        assert!(!syncs.join(2) && !syncs.join(3), "later ones wait");
        assert_eq!((syncs.next_ended(), syncs.next_ended()), (Some(1), None));
        assert!(syncs.start(), "one sync for both");
        assert!(!syncs.start() && !syncs.join(4));
        let mut ended = [syncs.next_ended(), syncs.next_ended(), syncs.next_ended()];
        ended.sort_unstable();
        assert_eq!(ended, [None, Some(2), Some(3)]);
        assert!(syncs.start());
    }
}
