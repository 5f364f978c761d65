//! Rate limits: a token bucket in integers, fed by the caller's clock.

const SECOND: u64 = 1_000_000_000;
/// Tokens kept for a late caller, as time: a scheduler's hiccup is made up for, a stall is not.
const DEPTH_NS: u64 = 10_000_000;

/// Spaces I/Os so that on average `rate` start per second.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    interval_ns: u64,
    /// Fractions of a nanosecond that `interval_ns` drops, in 1/rate.
    remainder: u64,
    carried: u64,
    rate: u64,
    /// When the next I/O may start.
    next_ns: u64,
}

impl Pacer {
    /// At most `rate` I/Os per second, `rate >= 1`.
    pub(crate) fn new(rate: u64) -> Self {
        Self { interval_ns: SECOND / rate, remainder: SECOND % rate, carried: 0, rate, next_ns: 0 }
    }

    /// When the next token is there.
    pub(crate) fn next_ns(&self) -> u64 {
        self.next_ns
    }

    /// Takes a token if one is there at `now_ns`.
    pub(crate) fn take(&mut self, now_ns: u64) -> bool {
        self.next_ns = self.next_ns.max(now_ns.saturating_sub(DEPTH_NS.max(self.interval_ns)));
        if self.next_ns > now_ns {
            return false;
        }
        self.next_ns += self.interval_ns;
        self.carried += self.remainder;
        if self.carried >= self.rate {
            self.carried -= self.rate;
            self.next_ns += 1;
        }
        true
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn started(rate: u64, step_ns: u64, seconds: u64) -> u64 {
        let mut pacer = Pacer::new(rate);
        let (mut now, mut count) = (SECOND, 0);
        while pacer.take(now) {} // the bucket is full at the start
        while now < (1 + seconds) * SECOND {
            now += step_ns;
            while pacer.take(now) {
                count += 1;
            }
        }
        count
    }

    #[test]
    fn average_is_exact() {
        for rate in [1, 7, 999, 30_000, 3_000_000] {
            let count = started(rate, 50_000, 10);
            assert!(count.abs_diff(rate * 10) <= 1, "rate {rate}: {count}");
        }
    }

    #[test]
    fn a_stall_is_not_made_up_for() {
        let mut pacer = Pacer::new(1000);
        assert!(pacer.take(SECOND));
        let burst = (0..).take_while(|_| pacer.take(9 * SECOND)).count();
        assert_eq!(burst, 11);
    }
}
