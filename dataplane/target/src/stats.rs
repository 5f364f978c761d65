//! What was done, for whom and how fast: counted per connection, summed per volume when asked.
//!
//! A connection counts alone; a volume's figures are those of its connections, open and closed, so an
//! I/O is counted once. Latency runs from the round that took the command off the socket to the round
//! that put its response into the transmit queue.

use hdrhistogram::Histogram;
use sluice_device::Nanos;

/// Smallest latency told apart, in nanoseconds. With two digits, buckets are 1 % wide from 13 us on.
const LOWEST_NS: u64 = 64;
/// Largest latency told apart, in nanoseconds; hosts give up after 30 s.
const HIGHEST_NS: u64 = 60_000_000_000;
/// Significant decimal digits of a latency. A histogram takes about 30 KiB.
const DIGITS: u8 = 2;

/// Figures of one kind of command.
#[derive(Clone, Debug)]
pub struct OpStats {
    /// Commands completed with success.
    pub count: u64,
    /// Bytes they moved, deallocated or zeroed; none for Flush.
    pub bytes: u64,
    /// Their latencies, in nanoseconds.
    pub latency_ns: Histogram<u64>,
    /// A latency waiting to be recorded, and how often it occurred: all completions of one batch that
    /// began in one batch share it, so the histogram is touched once for them all.
    run: (u64, u64),
}

impl Default for OpStats {
    fn default() -> Self {
        let latency_ns = Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS)
            .expect("the bounds are constants that the histogram accepts");
        Self { count: 0, bytes: 0, latency_ns, run: (0, 0) }
    }
}

impl OpStats {
    fn record(&mut self, bytes: u64, latency_ns: u64) {
        self.count += 1;
        self.bytes += bytes;
        if self.run.0 == latency_ns {
            self.run.1 += 1;
        } else {
            self.settle();
            self.run = (latency_ns, 1);
        }
    }

    fn settle(&mut self) {
        let (latency_ns, times) = std::mem::take(&mut self.run);
        if times > 0 {
            let value = latency_ns.clamp(LOWEST_NS, HIGHEST_NS);
            let _ = self.latency_ns.record_n(value, times);
        }
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.settle();
        let _ = self.latency_ns.add(&other.latency_ns);
        if other.run.1 > 0 {
            self.run = other.run;
            self.settle();
        }
    }
}

/// What an I/O command is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Read.
    Read,
    /// Write.
    Write,
    /// Flush, Write Zeroes, Dataset Management, Compare.
    Other,
}

/// Figures of a connection or a volume, since it was opened or since the daemon started.
#[derive(Clone, Debug, Default)]
pub struct IoStats {
    /// Reads.
    pub read: OpStats,
    /// Writes.
    pub write: OpStats,
    /// All other I/O commands.
    pub other: OpStats,
    /// I/O commands completed with an error.
    pub errors: u64,
}

impl IoStats {
    /// Counts one successful command.
    pub(crate) fn record(&mut self, kind: Kind, bytes: u64, started: Nanos, now: Nanos) {
        let latency_ns = now.0.saturating_sub(started.0);
        let op = match kind {
            Kind::Read => &mut self.read,
            Kind::Write => &mut self.write,
            Kind::Other => &mut self.other,
        };
        op.record(bytes, latency_ns);
    }

    /// Adds another's figures to these.
    pub fn add(&mut self, other: &Self) {
        self.read.add(&other.read);
        self.write.add(&other.write);
        self.other.add(&other.other);
        self.errors += other.errors;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn runs_of_equal_latency_are_all_recorded() {
        let mut stats = IoStats::default();
        for _ in 0..5 {
            stats.record(Kind::Read, 4096, Nanos(0), Nanos(10_000));
        }
        stats.record(Kind::Read, 4096, Nanos(0), Nanos(20_000));
        stats.record(Kind::Write, 512, Nanos(0), Nanos(u64::MAX));
        let mut sum = IoStats::default();
        sum.add(&stats);
        sum.add(&stats);
        assert_eq!((sum.read.count, sum.read.bytes, sum.write.count), (12, 12 * 4096, 2));
        assert_eq!((sum.read.latency_ns.len(), sum.write.latency_ns.len()), (12, 2));
        let median = sum.read.latency_ns.value_at_quantile(0.5);
        assert!((9_900..=10_100).contains(&median), "{median}");
        assert!(sum.write.latency_ns.max() >= HIGHEST_NS);
    }
}
