//! Token buckets without rounding.
//!
//! A unit is 10^9 tokens, so that at a rate of `r` units a second a nanosecond earns exactly `r` tokens: nothing is
//! rounded, so no rate drifts, neither in an hour nor at 10 million IOPS. (Tags in floating point do: at today's date
//! the step of a double is 238 ns, and a limit of 10 million IOPS is none.)
//!
//! A bucket with any token lets one I/O pass and goes into debt for the rest of it. So it never has to know the next
//! I/O's size, and in every span `t` what passes stays below `rate * t + depth + one I/O`.

/// Tokens per unit.
pub(crate) const PER_UNIT: i64 = 1_000_000_000;

/// Tokens, earned at a rate up to a depth.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bucket {
    tokens: i64,
    /// Units per second, or tokens per nanosecond.
    rate: u64,
    depth: i64,
}

impl Bucket {
    /// A full bucket that holds what `depth_ns` earn.
    pub(crate) fn new(rate: u64, depth_ns: u64) -> Self {
        let depth = earned(rate, depth_ns);
        Self { tokens: depth, rate, depth }
    }

    /// Earns for `elapsed_ns`; returns what did not fit.
    #[inline]
    pub(crate) fn refill(&mut self, elapsed_ns: u64) -> i64 {
        let level = self.tokens.saturating_add(earned(self.rate, elapsed_ns));
        self.tokens = level.min(self.depth);
        // Only a bucket in debt can saturate, and then by less than its depth.
        level.saturating_sub(self.tokens)
    }

    /// Whether an I/O may pass.
    #[inline]
    pub(crate) fn has_tokens(&self) -> bool {
        self.tokens > 0
    }

    /// Lets an I/O of `units` pass.
    #[inline]
    pub(crate) fn debit(&mut self, units: u32) {
        self.tokens -= i64::from(units) * PER_UNIT;
    }

    /// How long until an I/O may pass; the end of time if the bucket earns nothing.
    pub(crate) fn wait_ns(&self) -> u64 {
        if self.has_tokens() {
            return 0;
        }
        self.tokens.unsigned_abs().checked_div(self.rate).map_or(u64::MAX, |whole| whole + 1)
    }

    /// Another rate and depth. Debts stay, savings are cut to the new depth.
    pub(crate) fn retune(&mut self, rate: u64, depth_ns: u64) {
        (self.rate, self.depth) = (rate, earned(rate, depth_ns));
        self.cut_to(self.depth);
    }

    /// Forgets savings above `tokens`.
    #[inline]
    pub(crate) fn cut_to(&mut self, tokens: i64) {
        self.tokens = self.tokens.min(tokens);
    }

    /// Units per second.
    pub(crate) fn rate(&self) -> u64 {
        self.rate
    }
}

#[inline]
fn earned(rate: u64, ns: u64) -> i64 {
    i64::try_from(rate.saturating_mul(ns)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_rate_is_exact_over_any_steps() {
        // A day at 9,999,991 IOPS in steps of 777 us: what passes is the rate, to the I/O.
        let mut bucket = Bucket::new(9_999_991, 5_000_000);
        let (step_ns, steps) = (777_000, 86_400_000_000_000 / 777_000);
        let mut passed = 0u64;
        let at_start = u64::try_from(bucket.tokens).unwrap();
        for _ in 0..steps {
            bucket.refill(step_ns);
            let units = u32::try_from(bucket.tokens / PER_UNIT).unwrap();
            bucket.debit(units);
            passed += u64::from(units);
        }
        let earned = u128::from(step_ns * steps) * 9_999_991 + u128::from(at_start);
        let lost = u128::from(at_start); // The first step found the bucket full.
        let rest = u128::try_from(bucket.tokens).unwrap();
        assert!(u128::from(passed) * 1_000_000_000 + rest <= earned);
        assert!(u128::from(passed) * 1_000_000_000 + rest + lost + 777_000 * 9_999_991 >= earned);
    }

    #[test]
    fn the_wait_ends_with_the_first_token_and_not_before() {
        for rate in [1, 3, 999, 1_000_000_000] {
            let mut bucket = Bucket::new(rate, 1);
            bucket.debit(1);
            let wait_ns = bucket.wait_ns();
            let mut early = bucket;
            early.refill(wait_ns - 1);
            assert!(!early.has_tokens(), "rate {rate}");
            bucket.refill(wait_ns);
            assert!(bucket.has_tokens() && bucket.wait_ns() == 0, "rate {rate}");
        }
        assert_eq!(Bucket::default().wait_ns(), u64::MAX);
    }

    #[test]
    fn what_does_not_fit_is_handed_on() {
        let mut bucket = Bucket::new(1000, 5);
        assert_eq!(bucket.refill(7), 7000);
        bucket.debit(1);
        assert_eq!(bucket.refill(1_000_000), 5000 - PER_UNIT + 1_000_000_000 - 5000);
        assert_eq!(Bucket::new(u64::MAX, u64::MAX).refill(u64::MAX), 0);
    }

    #[test]
    fn retuning_keeps_debts_and_cuts_savings() {
        let mut saving = Bucket::new(1000, 1_000_000);
        saving.retune(10, 1000);
        assert_eq!((saving.tokens, saving.rate()), (10_000, 10));
        saving.debit(1);
        let owed = saving.tokens;
        saving.retune(1000, 1_000_000);
        assert_eq!(saving.tokens, owed);
    }
}
