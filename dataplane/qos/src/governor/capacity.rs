//! What the device does when it has all it could, and the rate it is held to.
//!
//! The rate keeps a device that takes writes into its cache at any speed from being filled far beyond what it can
//! write down: half as much again as it was last found to do, more as long as it shows no strain. After a stall the
//! rate grows slowly for a second, because the cache is empty again and would hide the next one.

use sluice_device::Nanos;

use super::DeviceProfile;
use super::latency::Verdict;
use crate::structure::Bucket;

/// How long the device is watched for one figure.
const WATCH_NS: u64 = 100_000_000;
/// How much unused rate may be made up for.
const RATE_DEPTH_NS: u64 = 5_000_000;
/// How long after a stall the rate grows slowly.
const CAUTION_NS: u64 = 1_000_000_000;

/// Capacity and rate, in device cost.
#[derive(Debug)]
pub(super) struct Capacity {
    per_s: Option<u64>,
    /// The least and most that is believed of the device.
    plausible: (u64, u64),
    rate: Bucket,
    rate_set: bool,
    rate_short: bool,
    refilled: Nanos,
    watch: Watch,
    stalled_at: Option<Nanos>,
}

/// What was seen since a point in time.
#[derive(Debug, Clone, Copy)]
struct Watch {
    since: Nanos,
    cost_done: u64,
    /// There was room and nothing to fill it.
    had_room: bool,
}

impl Capacity {
    pub(super) fn new(profile: Option<&DeviceProfile>) -> Self {
        let plausible = profile.map_or((1, 1 << 40), |profile| {
            ((profile.worst_cost_per_s / 64).max(1), profile.worst_cost_per_s.saturating_mul(64))
        });
        Self {
            per_s: profile.map(|profile| profile.worst_cost_per_s),
            plausible,
            rate: Bucket::default(),
            rate_set: false,
            rate_short: false,
            refilled: Nanos::ZERO,
            watch: Watch { since: Nanos::ZERO, cost_done: 0, had_room: true },
            stalled_at: None,
        }
    }

    #[inline]
    pub(super) fn has_rate(&self) -> bool {
        !self.rate_set || self.rate.has_tokens()
    }

    pub(super) fn wait_ns(&self) -> u64 {
        if self.rate_set { self.rate.wait_ns() } else { 0 }
    }

    #[inline]
    pub(super) fn refill(&mut self, now: Nanos) {
        let elapsed_ns = now.0.saturating_sub(self.refilled.0);
        self.refilled = now;
        if self.rate_set {
            self.rate.refill(elapsed_ns);
        }
    }

    #[inline]
    pub(super) fn dispatched(&mut self, cost: u32) {
        if self.rate_set {
            self.rate.debit(cost);
        }
    }

    #[inline]
    pub(super) fn completed(&mut self, cost: u32) {
        self.watch.cost_done += u64::from(cost);
    }

    #[inline]
    pub(super) fn had_room(&mut self) {
        self.watch.had_room = true;
    }

    #[inline]
    pub(super) fn rate_was_short(&mut self) {
        self.rate_short = true;
    }

    /// Follows a verdict: a device without strain that lacks rate gets more of it, a strained one less.
    pub(super) fn judge(&mut self, verdict: Verdict, now: Nanos) {
        if verdict.stalled {
            self.stalled_at = Some(now);
        }
        let rate = self.rate.rate();
        if verdict.congested {
            self.set_rate(rate - rate / 16);
        } else if self.rate_short {
            let cautious = self.stalled_at.is_some_and(|at| now.0.saturating_sub(at.0) < CAUTION_NS);
            self.set_rate(rate + if cautious { rate / 256 } else { rate / 8 });
            self.rate_short = false;
        }
    }

    /// Takes a figure if it is time.
    pub(super) fn review(&mut self, now: Nanos) {
        let elapsed_ns = now.0.saturating_sub(self.watch.since.0);
        if elapsed_ns < WATCH_NS {
            return;
        }
        let done = self.watch.cost_done.saturating_mul(1_000_000_000) / elapsed_ns;
        let known = self.per_s.unwrap_or(0);
        if done > known || self.per_s.is_none() && !self.watch.had_room {
            self.per_s = Some(done);
        } else if !self.watch.had_room {
            self.per_s = Some(known - (known - done) / 4);
        }
        self.per_s = self.per_s.filter(|per_s| *per_s > 0);
        self.watch = Watch { since: now, cost_done: 0, had_room: false };
        self.set_rate(self.rate.rate());
    }

    /// Another rate, not below the capacity and a half, within what is believed of the device.
    fn set_rate(&mut self, cost_per_s: u64) {
        let Some(per_s) = self.per_s else { return };
        let (least, most) = self.plausible;
        let headroom = per_s.saturating_add(per_s / 2);
        self.rate.retune(cost_per_s.max(headroom).clamp(least, most), RATE_DEPTH_NS);
        self.rate_set = true;
    }

    pub(super) fn cost_per_s(&self) -> Option<u64> {
        self.per_s
    }

    pub(super) fn rate_cost_per_s(&self) -> Option<u64> {
        self.rate_set.then(|| self.rate.rate())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const MS: u64 = 1_000_000;

    /// One watch of 100 ms in which `cost` was done.
    fn watch(capacity: &mut Capacity, number: u64, cost: u32, had_room: bool) {
        capacity.completed(cost);
        if had_room {
            capacity.had_room();
        }
        capacity.review(Nanos(number * 100 * MS));
    }

    #[test]
    fn only_a_device_that_was_kept_busy_tells_its_capacity() {
        let mut capacity = Capacity::new(None);
        watch(&mut capacity, 1, 1000, false);
        assert_eq!(capacity.cost_per_s(), Some(10_000));
        watch(&mut capacity, 2, 200, true);
        assert_eq!(capacity.cost_per_s(), Some(10_000));
        watch(&mut capacity, 3, 200, false);
        assert_eq!(capacity.cost_per_s(), Some(8000));
        watch(&mut capacity, 4, 2000, true);
        assert_eq!(capacity.cost_per_s(), Some(20_000));
    }

    #[test]
    fn the_rate_stays_above_capacity_and_within_belief() {
        let mut capacity = Capacity::new(None);
        assert!(capacity.has_rate() && capacity.wait_ns() == 0);
        watch(&mut capacity, 1, 1_000_000, false);
        assert_eq!(capacity.rate_cost_per_s(), Some(15_000_000));
        for number in 2..20 {
            watch(&mut capacity, number, 1_000_000, false);
        }
        assert!(capacity.rate_cost_per_s() >= Some(15_000_000));
        capacity.refill(Nanos(3000 * MS));
        (0..1000).for_each(|_| capacity.dispatched(1024));
        assert!(!capacity.has_rate() && capacity.wait_ns() > 0);
    }
}
