//! Latencies in logarithmic buckets, in an array.
//!
//! Four buckets per power of two from 1 us to 68 s: a bucket is a quarter of its power wide, so a percentile read from
//! it is at most 25 % too high. Recording is a handful of instructions and touches one cache line.

use sluice_device::Nanos;

/// Below 2^10 ns everything is in the first bucket.
const FIRST_POWER: u32 = 10;
/// From 2^36 ns on everything is in the last.
const LAST_POWER: u32 = 36;
const STEPS_LOG2: u32 = 2;
const BUCKETS: usize = (((LAST_POWER - FIRST_POWER) << STEPS_LOG2) + 2) as usize;

/// Counts of latencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl Histogram {
    /// Counts one.
    #[inline]
    pub fn record(&mut self, latency: Nanos) {
        self.counts[bucket(latency.0)] += 1;
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// A latency that so many of a thousand do not exceed; the upper end of its bucket. Zero if nothing was counted.
    #[must_use]
    pub fn permille(&self, permille: u32) -> Nanos {
        let wanted = (self.count() * u64::from(permille)).div_ceil(1000).max(1);
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        reached.map_or(Nanos::ZERO, upper)
    }

    /// Adds another's counts: for a device, or an application on several.
    pub fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Every bucket as its upper end, not included, and its count; the last one has no end.
    pub fn buckets(&self) -> impl Iterator<Item = (Nanos, u64)> {
        self.counts.iter().enumerate().map(|(at, count)| (upper(at), *count))
    }
}

#[inline]
fn bucket(ns: u64) -> usize {
    if ns < 1 << FIRST_POWER {
        return 0;
    }
    let power = 63 - ns.leading_zeros();
    if power >= LAST_POWER {
        return BUCKETS - 1;
    }
    let step = (ns >> (power - STEPS_LOG2)) & ((1 << STEPS_LOG2) - 1);
    (((power - FIRST_POWER) << STEPS_LOG2) as usize) + usize::try_from(step).expect("below 4") + 1
}

fn upper(bucket: usize) -> Nanos {
    let at = u32::try_from(bucket).expect("few buckets");
    if bucket == BUCKETS - 1 {
        return Nanos(u64::MAX);
    }
    let (power, step) = (FIRST_POWER + (at >> STEPS_LOG2), u64::from(at & ((1 << STEPS_LOG2) - 1)));
    Nanos(((1 << STEPS_LOG2) + step) << (power - STEPS_LOG2))
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn every_latency_is_below_its_buckets_end_and_not_below_the_one_before() {
        assert_eq!(bucket(0), 0);
        for power in 0..63 {
            for ns in [(1u64 << power) - 1, 1 << power, (1 << power) + 1, (1 << power) + (1 << power >> 1)] {
                let at = bucket(ns);
                assert!(ns < upper(at).0, "{ns} in bucket {at}");
                assert!(at == 0 || ns >= upper(at - 1).0, "{ns} in bucket {at}");
            }
        }
        assert_eq!((bucket(u64::MAX), upper(0)), (BUCKETS - 1, Nanos(1024)));
    }

    #[test]
    fn percentiles_are_at_most_a_quarter_too_high() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.permille(500), Nanos::ZERO);
        (1..=1000).for_each(|number| histogram.record(Nanos(number * 10_000)));
        for permille in [1, 500, 990, 999, 1000] {
            let (read, exact) = (histogram.permille(permille).0, u64::from(permille) * 10_000);
            assert!(read >= exact && read * 4 <= exact * 5, "{permille}: {read} for {exact}");
        }
    }

    #[test]
    fn histograms_add_up() {
        let (mut sum, mut other) = (Histogram::default(), Histogram::default());
        sum.record(Nanos(5));
        other.record(Nanos(5_000_000));
        sum.add(&other);
        assert_eq!((sum.count(), sum.buckets().filter(|(_, count)| *count == 1).count()), (2, 2));
    }
}
