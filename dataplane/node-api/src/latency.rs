//! What can be read from a latency histogram as it travels: totals, percentiles, and the part since an earlier look.
//!
//! Invariants of a well-formed histogram: both lists are of one length, bounds ascend strictly, no count is 0. A
//! longer list is cut to the shorter one, so that a foreign node's mistake cannot panic a caller.

use std::collections::BTreeMap;

use crate::v1::LatencyHistogram;

/// A share of all commands, in millionths: 990 000 is the 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerMillion(
    /// 0 to 1 000 000.
    pub u32,
);

impl PerMillion {
    /// Half of all commands.
    pub const P50: PerMillion = PerMillion(500_000);
    /// 99 of 100.
    pub const P99: PerMillion = PerMillion(990_000);
    /// 999 of 1000.
    pub const P99_9: PerMillion = PerMillion(999_000);
}

impl LatencyHistogram {
    /// From buckets in ascending order of their bound.
    pub fn from_buckets(buckets: impl IntoIterator<Item = (u64, u64)>) -> LatencyHistogram {
        let (highest_ns, count) = buckets.into_iter().filter(|(_, count)| *count != 0).unzip();
        LatencyHistogram { highest_ns, count }
    }

    /// Pairs of bound in nanoseconds and count, ascending.
    pub fn buckets(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> + Clone + '_ {
        self.highest_ns.iter().copied().zip(self.count.iter().copied())
    }

    /// Commands counted.
    pub fn total(&self) -> u64 {
        self.buckets().fold(0, |total, (_, count)| total.saturating_add(count))
    }

    /// A latency in nanoseconds that at least this share of the commands did not exceed; `None` if it is empty.
    pub fn value_at(&self, share: PerMillion) -> Option<u64> {
        let rank = (u128::from(self.total()) * u128::from(share.0)).div_ceil(1_000_000).max(1);
        let mut seen = 0;
        let reaches = |(_, count): &(u64, u64)| {
            seen += u128::from(*count);
            seen >= rank
        };
        self.buckets().find(reaches).map(|(bound, _)| bound)
    }

    /// The upper bound of the slowest command's bucket, in nanoseconds; `None` if it is empty.
    pub fn max(&self) -> Option<u64> {
        self.highest_ns.last().copied()
    }

    /// What was counted since `earlier`, a histogram of the same source. If the source was restarted in between, all.
    #[must_use]
    pub fn since(&self, earlier: &LatencyHistogram) -> LatencyHistogram {
        let before: BTreeMap<u64, u64> = earlier.buckets().collect();
        let left = |(bound, count): (u64, u64)| {
            let count = count.checked_sub(before.get(&bound).copied().unwrap_or(0))?;
            Some((bound, count))
        };
        let all: Option<Vec<_>> = self.buckets().map(left).collect();
        all.map_or_else(|| self.clone(), LatencyHistogram::from_buckets)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &LatencyHistogram) -> LatencyHistogram {
        let mut sum: BTreeMap<u64, u64> = self.buckets().collect();
        for (bound, count) in other.buckets() {
            *sum.entry(bound).or_default() += count;
        }
        LatencyHistogram::from_buckets(sum)
    }
}

#[cfg(test)]
mod test {
    use super::PerMillion;
    use crate::v1::LatencyHistogram;

    fn histogram(buckets: &[(u64, u64)]) -> LatencyHistogram {
        LatencyHistogram::from_buckets(buckets.iter().copied())
    }

    #[test]
    fn percentiles_stand_on_the_bucket_that_reaches_the_rank() {
        let h = histogram(&[(10, 50), (20, 49), (1000, 1)]);
        assert_eq!(h.total(), 100);
        let table =
            [(0, 10), (500_000, 10), (500_001, 20), (990_000, 20), (990_001, 1000), (1_000_000, 1000)];
        for (share, value) in table {
            assert_eq!(h.value_at(PerMillion(share)), Some(value), "{share}");
        }
        assert_eq!(h.max(), Some(1000));
    }

    #[test]
    fn an_empty_histogram_has_no_percentile() {
        let h = histogram(&[(10, 0)]);
        assert_eq!(h, LatencyHistogram::default());
        assert_eq!((h.value_at(PerMillion::P50), h.max(), h.total()), (None, None, 0));
    }

    #[test]
    fn the_difference_drops_what_did_not_move() {
        let earlier = histogram(&[(10, 5), (20, 1)]);
        let later = histogram(&[(10, 5), (20, 4), (30, 2)]);
        assert_eq!(later.since(&earlier), histogram(&[(20, 3), (30, 2)]));
        assert_eq!(earlier.plus(&later.since(&earlier)), later);
    }

    #[test]
    fn a_restarted_source_counts_whole() {
        let earlier = histogram(&[(10, 5)]);
        let later = histogram(&[(10, 2), (20, 4)]);
        assert_eq!(later.since(&earlier), later);
    }

    #[test]
    fn lists_of_unequal_length_do_no_harm() {
        let h = LatencyHistogram { highest_ns: vec![10, 20], count: vec![3] };
        assert_eq!((h.total(), h.value_at(PerMillion(1_000_000))), (3, Some(10)));
    }
}
