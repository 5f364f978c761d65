//! Timers of one reactor: few, coarse, cheap to leave alone.
//!
//! A timer fires at most once per arming and is never cancelled: whoever is called checks whether
//! its reason still stands, and arms again for the true deadline if not. A keep-alive timer that is
//! pushed back by every command therefore costs nothing per command.

use sluice_device::Nanos;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Deadlines with a key each; the key says whom to call.
#[derive(Debug)]
pub struct Timers<K: Ord> {
    heap: BinaryHeap<Reverse<(Nanos, K)>>,
}

impl<K: Ord + Copy> Timers<K> {
    /// An empty set with room for `capacity` timers; more may be armed, at the cost of an allocation.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(capacity) }
    }

    /// Arms a timer.
    pub fn arm(&mut self, at: Nanos, key: K) {
        self.heap.push(Reverse((at, key)));
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one timer whose time has come. Call until `None`.
    pub fn expired(&mut self, now: Nanos) -> Option<K> {
        if self.next_deadline()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, key))| key)
    }
}

#[cfg(test)]
mod test {
    use super::Timers;
    use sluice_device::Nanos;

    #[test]
    fn fires_in_order_and_not_one_nanosecond_early() {
        let mut timers = Timers::with_capacity(2);
        timers.arm(Nanos(20), 'b');
        timers.arm(Nanos(10), 'a');
        assert_eq!(timers.expired(Nanos(9)), None);
        assert_eq!(timers.expired(Nanos(10)), Some('a'));
        assert_eq!(timers.next_deadline(), Some(Nanos(20)));
        assert_eq!(timers.expired(Nanos(19)), None);
        assert_eq!(timers.expired(Nanos(20)), Some('b'));
        assert_eq!(timers.next_deadline(), None);
    }
}
