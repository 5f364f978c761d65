//! Timers, one per node, on a wheel of ticks.
//!
//! Arming, cancelling and firing take a constant few steps whatever the number of timers. A timer fires with the first
//! tick that begins at or after its time: never early, late by less than a tick, which buckets forgive. Beyond the
//! horizon of 67 ms it fires early instead, and whoever gets it arms it again.

use sluice_device::Nanos;

use super::Lists;

/// 16.4 us: what a timer may be late, and what makes a busy bucket's wakings come in batches.
const TICK_SHIFT: u32 = 14;
const SLOTS: u32 = 4096;
const MASK: u64 = SLOTS as u64 - 1;
const WORDS: usize = SLOTS as usize / 64;

/// Timers of a fixed number of nodes.
#[derive(Debug)]
pub(crate) struct Wheel {
    lists: Lists,
    /// A bit per slot with a timer in it; in `summary` a bit per word with a bit in it.
    filled: [u64; WORDS],
    summary: u64,
    /// All ticks up to this one have fired.
    tick: u64,
}

impl Wheel {
    /// No timer armed.
    pub(crate) fn new(nodes: u32) -> Self {
        Self { lists: Lists::new(nodes, SLOTS), filled: [0; WORDS], summary: 0, tick: 0 }
    }

    /// Sets the timer of a node that has none to `at`.
    pub(crate) fn arm(&mut self, node: u32, at: Nanos) {
        let due = at.0.saturating_add((1 << TICK_SHIFT) - 1) >> TICK_SHIFT;
        let due = due.clamp(self.tick + 1, self.tick + MASK);
        let slot = slot_of(due);
        self.lists.push_back(slot, node);
        self.filled[(slot / 64) as usize] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    /// Takes back a node's timer, if it has one.
    pub(crate) fn cancel(&mut self, node: u32) {
        if let Some(slot) = self.lists.unlink(node).filter(|slot| *slot < SLOTS) {
            self.clear(slot);
        }
    }

    /// A node whose timer is due and now off; call until there is none.
    pub(crate) fn fire(&mut self, now: Nanos) -> Option<u32> {
        let now_tick = now.0 >> TICK_SHIFT;
        // After a long sleep all that is armed is due, and the ticks between need not be walked through.
        self.tick = self.tick.max(now_tick.saturating_sub(u64::from(SLOTS)));
        match self.next_tick() {
            Some(due) if due <= now_tick => {
                // The tick itself is not over: it may hold more.
                self.tick = due - 1;
                let node = self.lists.front(slot_of(due)).expect("a filled slot has a timer");
                self.cancel(node);
                Some(node)
            }
            _ => {
                self.tick = self.tick.max(now_tick);
                None
            }
        }
    }

    /// When the next timer fires.
    pub(crate) fn next(&self) -> Option<Nanos> {
        self.next_tick().map(|tick| Nanos(tick << TICK_SHIFT))
    }

    fn clear(&mut self, slot: u32) {
        let word = (slot / 64) as usize;
        self.filled[word] &= !(1 << (slot % 64));
        if self.filled[word] == 0 {
            self.summary &= !(1 << word);
        }
    }

    /// The first tick after `tick` whose slot is filled.
    #[inline]
    fn next_tick(&self) -> Option<u64> {
        if self.summary == 0 {
            return None;
        }
        let first = self.tick + 1;
        let start = slot_of(first);
        let (word, bit) = (start / 64, start % 64);
        let here = self.filled[word as usize] >> bit;
        if here != 0 {
            return Some(first + u64::from(here.trailing_zeros()));
        }
        // The words after this one in order, and this one again as the last, for the bits below.
        let ahead = self.summary.rotate_right(word + 1).trailing_zeros() + 1;
        let found = self.filled[((word + ahead) as usize) % WORDS];
        Some(first + u64::from(ahead * 64 + found.trailing_zeros() - bit))
    }
}

fn slot_of(tick: u64) -> u32 {
    u32::try_from(tick & MASK).expect("below the number of slots")
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const TICK: u64 = 1 << TICK_SHIFT;
    const HORIZON: u64 = TICK * MASK;

    fn fired(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        let mut nodes: Vec<u32> = std::iter::from_fn(|| wheel.fire(Nanos(now))).collect();
        nodes.sort_unstable();
        nodes
    }

    #[test]
    fn a_timer_fires_with_its_tick_and_not_before() {
        let mut wheel = Wheel::new(3);
        wheel.arm(0, Nanos(TICK));
        wheel.arm(1, Nanos(TICK + 1));
        wheel.arm(2, Nanos(5 * TICK));
        wheel.cancel(2);
        wheel.cancel(2);
        assert_eq!(wheel.next(), Some(Nanos(TICK)));
        assert_eq!(fired(&mut wheel, TICK - 1), [0; 0]);
        assert_eq!(fired(&mut wheel, TICK), [0]);
        assert_eq!((wheel.next(), fired(&mut wheel, 2 * TICK - 1)), (Some(Nanos(2 * TICK)), vec![]));
        assert_eq!((fired(&mut wheel, 2 * TICK), wheel.next()), (vec![1], None));
    }

    #[test]
    fn beyond_the_horizon_it_fires_early() {
        let mut wheel = Wheel::new(1);
        wheel.arm(0, Nanos(u64::MAX));
        assert_eq!(wheel.next(), Some(Nanos(HORIZON)));
        assert_eq!(fired(&mut wheel, HORIZON), [0]);
    }

    #[test]
    fn a_long_sleep_is_not_walked_through() {
        let mut wheel = Wheel::new(2);
        wheel.arm(0, Nanos(TICK));
        wheel.arm(1, Nanos(HORIZON));
        let later = 1 << 61;
        assert_eq!(wheel.fire(Nanos(later)), Some(0));
        // Armed anew in the middle of it.
        wheel.arm(0, Nanos(later + TICK));
        let mut fired = 0;
        while let Some(node) = wheel.fire(Nanos(later)) {
            fired += 1;
            if node == 0 {
                wheel.arm(0, Nanos(later + TICK));
            }
        }
        assert!(fired <= 4, "{fired}");
        assert_eq!(wheel.next(), Some(Nanos(later + TICK)));
    }

    proptest! {
        #[test]
        fn behaves_like_a_sorted_map(ops in prop::collection::vec((0u32..40, 0u64..HORIZON / 2, 0u64..TICK * 300), 0..200)) {
            let mut wheel = Wheel::new(40);
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            let mut now = 0;
            for (node, wait, step) in ops {
                if model.remove(&node).is_some() {
                    wheel.cancel(node);
                } else {
                    wheel.arm(node, Nanos(now + wait + 1));
                    model.insert(node, (now + wait + 1).next_multiple_of(TICK));
                }
                prop_assert_eq!(wheel.next().map(|at| at.0), model.values().min().copied());
                now += step;
                let due: Vec<u32> = model.iter().filter(|(_, at)| **at <= now).map(|(node, _)| *node).collect();
                model.retain(|_, at| *at > now);
                prop_assert_eq!(fired(&mut wheel, now), due);
            }
        }
    }
}
