//! Counting what a job does.
//!
//! A worker fills one [`Tally`] per job and hands it over at every tick; whoever collects merges tallies into totals
//! and into the time series. Recording is a few additions and one histogram increment: no allocation.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::workload::AccessOp;

/// Latencies are recorded from 1 ns to this bound, in nanoseconds, with three significant digits; longer ones count
/// as the bound.
pub const LONGEST_LATENCY: u64 = 600_000_000_000;

/// A latency histogram, in nanoseconds.
///
/// # Panics
/// Never: the bounds are constant and valid.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_LATENCY, 3).expect("constant bounds")
}

/// One kind of operation.
#[derive(Clone, Debug)]
pub struct OpTally {
    /// Completed I/Os.
    pub ios: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their latencies in nanoseconds, from the batch they were submitted in to the batch they completed in.
    pub latency: Histogram<u64>,
}

impl Default for OpTally {
    fn default() -> Self {
        Self { ios: 0, bytes: 0, latency: histogram() }
    }
}

impl OpTally {
    fn record(&mut self, bytes: u64, latency_ns: u64) {
        self.ios += 1;
        self.bytes += bytes;
        self.latency.saturating_record(latency_ns);
    }

    fn merge(&mut self, other: &Self) {
        self.ios += other.ios;
        self.bytes += other.bytes;
        self.latency.add(&other.latency).expect("equal bounds");
    }

    fn clear(&mut self) {
        self.ios = 0;
        self.bytes = 0;
        self.latency.reset();
    }
}

/// Everything measured over a span of time.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Reads.
    pub reads: OpTally,
    /// Writes.
    pub writes: OpTally,
    /// Deallocations and Write Zeroes.
    pub clears: OpTally,
}

impl Tally {
    /// Counts one completed I/O.
    pub fn record(&mut self, op: AccessOp, bytes: u64, latency_ns: u64) {
        match op {
            AccessOp::Read => self.reads.record(bytes, latency_ns),
            AccessOp::Write => self.writes.record(bytes, latency_ns),
            AccessOp::Deallocate | AccessOp::WriteZeroes => self.clears.record(bytes, latency_ns),
        }
    }

    /// Adds what another tally counted.
    pub fn merge(&mut self, other: &Self) {
        self.reads.merge(&other.reads);
        self.writes.merge(&other.writes);
        self.clears.merge(&other.clears);
    }

    /// Back to nothing, keeping the memory.
    pub fn clear(&mut self) {
        self.reads.clear();
        self.writes.clear();
        self.clears.clear();
    }

    /// I/Os of all kinds.
    #[must_use]
    pub fn ios(&self) -> u64 {
        self.reads.ios + self.writes.ios + self.clears.ios
    }

    /// Bytes read and written; cleared blocks move none.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.reads.bytes + self.writes.bytes
    }

    /// Latencies of all kinds together.
    #[must_use]
    pub fn latency(&self) -> Histogram<u64> {
        let mut all = self.reads.latency.clone();
        all.add(&self.writes.latency).expect("equal bounds");
        all.add(&self.clears.latency).expect("equal bounds");
        all
    }
}

/// Rates and latencies of a span, for displays and the time series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// I/Os per second, all kinds.
    pub iops: f64,
    /// Reads per second.
    pub read_iops: f64,
    /// Writes per second.
    pub write_iops: f64,
    /// Bytes read and written per second.
    pub bytes_per_second: f64,
    /// Median latency, all kinds.
    pub p50_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
}

impl Rates {
    /// The rates of a tally taken over `span`; all zero for an empty span.
    #[must_use]
    pub fn of(tally: &Tally, span: Duration) -> Self {
        if span.is_zero() {
            return Self::default();
        }
        let per_second = |count: u64| count as f64 / span.as_secs_f64();
        let latency = tally.latency();
        Self {
            iops: per_second(tally.ios()),
            read_iops: per_second(tally.reads.ios),
            write_iops: per_second(tally.writes.ios),
            bytes_per_second: per_second(tally.bytes()),
            p50_ns: latency.value_at_quantile(0.5),
            p99_ns: latency.value_at_quantile(0.99),
            p999_ns: latency.value_at_quantile(0.999),
        }
    }
}

/// Counters of verify mode and of trouble. Totals since the start of the job, warm-up included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Blocks of acknowledged writes that carried a stamp.
    pub blocks_written: u64,
    /// Blocks of acknowledged deallocations and Write Zeroes.
    pub blocks_cleared: u64,
    /// Blocks read and compared with what they must hold.
    pub blocks_verified: u64,
    /// Blocks that held something else.
    pub blocks_wrong: u64,
    /// I/Os that failed with a status or errno.
    pub errors: u64,
    /// Times the connections were lost.
    pub disconnects: u64,
    /// I/Os sent again after a reconnection.
    pub reissued: u64,
}

impl Counters {
    /// Adds those of another part of the job.
    pub fn merge(&mut self, other: &Self) {
        self.blocks_written += other.blocks_written;
        self.blocks_cleared += other.blocks_cleared;
        self.blocks_verified += other.blocks_verified;
        self.blocks_wrong += other.blocks_wrong;
        self.errors += other.errors;
        self.disconnects += other.disconnects;
        self.reissued += other.reissued;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn tallies_merge_and_clear() {
        let (mut a, mut b) = (Tally::default(), Tally::default());
        a.record(AccessOp::Read, 4096, 1_000);
        b.record(AccessOp::Write, 512, 3_000);
        b.record(AccessOp::Deallocate, 512, u64::MAX);
        a.merge(&b);
        assert_eq!((a.ios(), a.bytes(), a.latency().len()), (3, 4608, 3));
        a.clear();
        assert_eq!((a.ios(), a.bytes(), a.latency().len()), (0, 0, 0));
    }

    #[test]
    fn rates_are_per_second() {
        let mut tally = Tally::default();
        for _ in 0..100 {
            tally.record(AccessOp::Read, 4096, 2_000);
        }
        let rates = Rates::of(&tally, Duration::from_millis(500));
        assert!((rates.iops - 200.0).abs() < 1e-9);
        assert!((rates.bytes_per_second - 819_200.0).abs() < 1e-6);
        assert!((2_000..2_010).contains(&rates.p99_ns));
        assert_eq!(Rates::of(&tally, Duration::ZERO), Rates::default());
    }
}
