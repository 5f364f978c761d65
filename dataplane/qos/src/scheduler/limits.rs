//! An application's limits: Max, the burst beyond it, bandwidth.
//!
//! ```text
//!   rate Max ──► max bucket ──overflow──► credit ◄─ at most (ceiling - Max) * credit seconds
//!                    │                       │
//!                    └─ pays first ──────────┴─ pays when the bucket is empty, unless bursts are cut
//!   rate ceiling ──► ceiling bucket: must have tokens too
//!   rate bytes ────► bandwidth bucket: must have tokens too
//! ```
//!
//! Invariants, for every span `t`: what passes is at most `Max * t + 5 ms of Max + one I/O`, with a burst `credit + one
//! I/O` more, and at most `ceiling * t + 5 ms of ceiling + one I/O`.

use crate::model::QosSpec;
use crate::stats::Cause;
use crate::structure::{Bucket, PER_UNIT};

/// How long a limit saves up what it does not let through: enough for a reactor that wakes late, and half a per cent
/// of a second's Max.
pub(super) const LIMIT_DEPTH_NS: u64 = 5_000_000;

/// How soon to look again whether bursts are still cut.
const BURST_RETRY_NS: u64 = 1_000_000;

const MAX: u8 = 1;
const BURST: u8 = 2;
const BANDWIDTH: u8 = 4;

/// What holds an application back, and how long yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) cause: Cause,
    pub(super) wait_ns: u64,
}

/// The limits that are set and what is left in each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    max: Bucket,
    ceiling: Bucket,
    credit: i64,
    credit_depth: i64,
    bandwidth: Bucket,
    set: u8,
}

impl Limits {
    /// With the first 5 ms to spend, and no credit: that is earned.
    pub(super) fn new(qos: &QosSpec) -> Self {
        let mut limits = Self::default();
        limits.retune(qos);
        limits
    }

    /// Other limits; debts and credit stay, as far as the new ones hold them.
    pub(super) fn retune(&mut self, qos: &QosSpec) {
        let burst = qos.burst.zip(qos.max_iops).filter(|(burst, max_iops)| burst.iops > *max_iops);
        let fresh = self.set;
        self.set = 0;
        if let Some(max_iops) = qos.max_iops {
            self.set |= MAX;
            self.max.retune(u64::from(max_iops), LIMIT_DEPTH_NS);
        }
        if let Some((burst, _)) = burst {
            self.set |= BURST;
            self.ceiling.retune(u64::from(burst.iops), LIMIT_DEPTH_NS);
        }
        if let Some(bytes_per_s) = qos.max_bytes_per_s {
            self.set |= BANDWIDTH;
            self.bandwidth.retune(bytes_per_s, LIMIT_DEPTH_NS);
        }
        let units = burst.map_or(0, |(burst, max_iops)| burst.credit_units(max_iops));
        self.credit_depth = i64::try_from(units).unwrap_or(i64::MAX).saturating_mul(PER_UNIT);
        self.credit = self.credit.min(self.credit_depth);
        self.start_unused(fresh);
    }

    /// A limit that was not set before owes nothing from an earlier life.
    fn start_unused(&mut self, before: u8) {
        for (bit, bucket) in
            [(MAX, &mut self.max), (BURST, &mut self.ceiling), (BANDWIDTH, &mut self.bandwidth)]
        {
            if before & bit == 0 {
                *bucket = Bucket::new(bucket.rate(), LIMIT_DEPTH_NS);
            }
        }
    }

    #[inline]
    pub(super) fn refill(&mut self, elapsed_ns: u64) {
        if self.set == 0 {
            return;
        }
        let unused = self.max.refill(elapsed_ns);
        if self.set & BURST != 0 {
            self.credit = self.credit.saturating_add(unused).min(self.credit_depth);
            self.ceiling.refill(elapsed_ns);
        }
        if self.set & BANDWIDTH != 0 {
            self.bandwidth.refill(elapsed_ns);
        }
    }

    /// Whether an I/O may pass, with credit only if `burst`.
    #[inline]
    pub(super) fn check(&self, burst: bool) -> Result<(), Held> {
        if self.set == 0 { Ok(()) } else { self.check_set(burst) }
    }

    fn check_set(&self, burst: bool) -> Result<(), Held> {
        if self.set & MAX != 0 && !self.max.has_tokens() {
            let wait_ns = self.max.wait_ns();
            if self.credit <= 0 {
                return Err(Held { cause: Cause::Max, wait_ns });
            }
            if !burst {
                return Err(Held { cause: Cause::BurstCut, wait_ns: wait_ns.min(BURST_RETRY_NS) });
            }
        }
        if self.set & BURST != 0 && !self.ceiling.has_tokens() {
            return Err(Held { cause: Cause::Ceiling, wait_ns: self.ceiling.wait_ns() });
        }
        if self.set & BANDWIDTH != 0 && !self.bandwidth.has_tokens() {
            return Err(Held { cause: Cause::Bandwidth, wait_ns: self.bandwidth.wait_ns() });
        }
        Ok(())
    }

    /// Lets an I/O pass; whether credit paid for it.
    #[inline]
    pub(super) fn debit(&mut self, units: u16, bytes: u32) -> bool {
        if self.set == 0 {
            return false;
        }
        let units = u32::from(units);
        let burst = self.set & BURST != 0 && !self.max.has_tokens() && self.credit > 0;
        if burst {
            self.credit -= i64::from(units) * PER_UNIT;
        } else if self.set & MAX != 0 {
            self.max.debit(units);
        }
        if self.set & BURST != 0 {
            self.ceiling.debit(units);
        }
        if self.set & BANDWIDTH != 0 {
            self.bandwidth.debit(bytes);
        }
        burst
    }
}

#[cfg(test)]
mod test;
