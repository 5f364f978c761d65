//! When the device gives less than all Mins together.
//!
//! Reserved service goes before all other. If applications that Min pays for are still left over, round after round,
//! then the device delivers nothing but Mins and not enough of them. What it delivers over what is due is the scale
//! that all Mins get: everyone loses the same part, instead of whoever comes last losing all.
//!
//! A device that stops for a moment is another matter: it makes good what it missed, so no promise need be cut. Hence two
//! looks, 100 ms apart, must find it short, and the better one counts.

use sluice_device::Nanos;

use super::Scheduler;
use crate::event::Event;

/// Reserved I/O left over for so long: bursts are cut.
const CUT_AFTER_NS: u64 = 1_000_000;
/// And stay cut for so long after it was last so.
const CUT_FOR_NS: u64 = 10_000_000;
/// Left over for so long: the device is looked at.
const SHORT_AFTER_NS: u64 = 50_000_000;
/// Between two rounds more than this does not count: then it was the reactor that stood still, or all of the device.
const ROUND_NS: u64 = 5_000_000;

/// All of every Min.
pub(super) const WHOLE: u32 = 1000;
/// Nothing is scaled below this: a device that does less is as good as gone.
const LEAST: u32 = 1;

/// Whether Mins lag.
#[derive(Debug)]
pub(super) struct Lag {
    /// The last round left reserved I/O over, and ended then.
    left_at: Option<Nanos>,
    /// For how long every round has.
    left_ns: u64,
    /// What the device delivered in the last review, if it was short of Mins then.
    short: Option<u64>,
    /// Whether a round has left some over since the last review.
    seen: bool,
    cut_until: Nanos,
    /// Thousandths that are left of every Min.
    pub(super) scale_permille: u32,
    /// Units that Mins have paid for.
    pub(super) reserved_units: u64,
    reviewed_units: u64,
}

impl Lag {
    pub(super) fn new(now: Nanos) -> Self {
        let (reserved_units, reviewed_units) = (0, 0);
        Self {
            left_at: None,
            left_ns: 0,
            short: None,
            seen: false,
            cut_until: now,
            scale_permille: WHOLE,
            reserved_units,
            reviewed_units,
        }
    }

    #[inline]
    pub(super) fn allows_bursts(&self, now: Nanos) -> bool {
        now >= self.cut_until
    }

    #[inline]
    pub(super) fn round_ended(&mut self, now: Nanos, reserved_left: bool) {
        if !reserved_left {
            (self.left_at, self.left_ns) = (None, 0);
            return;
        }
        let before = self.left_at.replace(now).unwrap_or(now);
        self.left_ns += now.0.saturating_sub(before.0).min(ROUND_NS);
        if self.left_ns >= CUT_AFTER_NS {
            self.cut_until = now + Nanos(CUT_FOR_NS);
            self.seen = true;
        }
    }

    /// Whether Mins lag now: throughput goes before latency then.
    pub(super) fn is_seen(&self, now: Nanos) -> bool {
        !self.allows_bursts(now)
    }

    fn lasts(&self) -> bool {
        self.left_ns >= SHORT_AFTER_NS
    }
}

impl Scheduler {
    /// Compares what Mins got since the last review with what they should have.
    pub(super) fn review_lag(&mut self, now: Nanos, since: Nanos) {
        let units = self.lag.reserved_units - self.lag.reviewed_units;
        self.lag.reviewed_units = self.lag.reserved_units;
        let seen = std::mem::take(&mut self.lag.seen);
        let before = self.lag.short.take();
        if self.lag.lasts() {
            let delivered_iops = units.saturating_mul(1_000_000_000) / (now.0 - since.0).max(1);
            self.note_short(now, before, delivered_iops);
        } else if !seen && self.lag.scale_permille < WHOLE {
            self.restore_a_part(now);
        }
    }

    /// Scales Mins to what was delivered, the better of two reviews.
    fn note_short(&mut self, now: Nanos, before: Option<u64>, delivered_iops: u64) {
        let asking = (0u32..).zip(&self.accounts).filter(|(index, _)| self.wants_min(*index));
        let demanded_iops: u64 = asking.map(|(_, account)| u64::from(account.qos().min_iops())).sum();
        let better_iops = delivered_iops.max(before.unwrap_or(0));
        // A little below what was delivered, so that arrears shrink and weights get something too.
        let scale = better_iops.saturating_mul(980) / demanded_iops.max(1);
        let permille = u32::try_from(scale).unwrap_or(WHOLE).max(LEAST);
        if permille >= self.lag.scale_permille {
            return;
        }
        self.lag.short = Some(delivered_iops);
        if before.is_some() {
            self.set_scale(now, permille);
            self.events.push(Event::MinsScaled { permille, delivered_iops: better_iops, demanded_iops });
        }
    }

    fn restore_a_part(&mut self, now: Nanos) {
        let permille = (self.lag.scale_permille + self.lag.scale_permille.div_ceil(16)).min(WHOLE);
        self.set_scale(now, permille);
        if permille == WHOLE {
            self.events.push(Event::MinsRestored);
        }
    }

    /// What can be promised: of what calibration found, the part that the device keeps now.
    pub(super) fn note_guaranteed(&mut self) {
        let scale = u64::from(self.lag.scale_permille);
        let kept = self.config.guaranteed_iops().map(|iops| iops * scale / u64::from(WHOLE));
        self.admission.set_guaranteed(kept);
    }

    fn set_scale(&mut self, now: Nanos, permille: u32) {
        self.lag.scale_permille = permille;
        self.note_guaranteed();
        for index in 0..u32::try_from(self.apps.len()).unwrap_or(u32::MAX) {
            let qos = self.accounts[index as usize].qos();
            if qos.min_iops() > 0 {
                self.apps[index as usize].retune_min(now, &qos, permille);
                self.settle(index, now);
            }
        }
    }
}
