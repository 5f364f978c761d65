//! What is seen of an application: counters that only grow, and two histograms of fixed size.

mod histogram;

pub use histogram::Histogram;

/// Why an application's I/O waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Its turn has not come: the device has no room, or others go first.
    Device,
    /// Its Max, and no burst to go beyond it.
    Max,
    /// Its burst's ceiling.
    Ceiling,
    /// It has credit for a burst, but someone's Min lags.
    BurstCut,
    /// Its bandwidth limit.
    Bandwidth,
    /// Caps of its volumes' own.
    Volume,
}

impl Cause {
    /// Every cause, in the order of [`AppStats::waited_ns`].
    pub const ALL: [Self; 6] =
        [Self::Device, Self::Max, Self::Ceiling, Self::BurstCut, Self::Bandwidth, Self::Volume];
}

/// One application's figures since it was added. Rates are the reader's: subtract two readings.
#[derive(Debug, Clone, Default)]
pub struct AppStats {
    /// I/Os sent to the device.
    pub ios: u64,
    /// Their I/O units: to be compared with Min and Max.
    pub units: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Units that Min paid for.
    pub reserved_units: u64,
    /// Units that burst credit paid for.
    pub burst_units: u64,
    /// Time with I/O queued, by what it waited for, in nanoseconds; in the order of [`Cause::ALL`].
    pub waited_ns: [u64; Cause::ALL.len()],
    /// From arrival to dispatch.
    pub queue_latency: Histogram,
    /// From dispatch to completion.
    pub device_latency: Histogram,
    /// Windows of 100 ms in which it had I/O queued throughout, and a Min.
    pub windows: u64,
    /// Those of them in which it got less than 95 % of its Min.
    pub violations: u64,
    /// I/Os sent against a limit, because a host's timeout came near.
    pub overdue: u64,
}

impl AppStats {
    /// Time with I/O queued that waited for `cause`, in nanoseconds.
    #[must_use]
    pub fn waited_for(&self, cause: Cause) -> u64 {
        self.waited_ns[cause as usize]
    }

    /// Time in which the application's own limits held its I/O back, in nanoseconds.
    #[must_use]
    pub fn throttled_ns(&self) -> u64 {
        self.waited_ns.iter().sum::<u64>() - self.waited_for(Cause::Device)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn waiting_for_the_device_is_not_throttling() {
        let mut stats = AppStats::default();
        for (at, cause) in (1..).zip(Cause::ALL) {
            stats.waited_ns[cause as usize] += at;
        }
        assert_eq!((stats.waited_for(Cause::Device), stats.throttled_ns()), (1, 20));
    }
}
