//! What the scheduler keeps of an application and of a volume.

use sluice_device::Nanos;

use super::limits::{LIMIT_DEPTH_NS, Limits};
use crate::model::{LatencyClass, Qos, VolumeQos};
use crate::stats::Cause;
use crate::structure::{Bucket, PER_UNIT, Queue, TagHeap};

/// How much Min is made good later to an application whose I/O waits.
pub(super) const MIN_DEPTH_NS: u64 = 100_000_000;
/// How much Min an application has at once when it wakes. It also bridges the gaps of one that keeps a single I/O
/// outstanding, and would otherwise lose a little of its Min between any two.
const MIN_IDLE_NS: i64 = 5_000_000;
const MIN_IDLE_UNITS: i64 = 2;
/// What Min earns in this time is served in one go before the next application's Min.
const VISIT_NS: i64 = 1_000_000;

/// Virtual time that a unit of cost takes at weight 1.
const VIRTUAL_SCALE: u32 = 1 << 20;

/// Where an application stands; at most one of the reserved list and the timers has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Place {
    /// Nothing to dispatch.
    #[default]
    Idle,
    /// On a reserved list: Min pays for its next I/O.
    Reserved,
    /// Weights only, until a timer says that Min pays again.
    UntilMin,
    /// Weights only: it has no Min.
    Weighted,
    /// A limit holds it back, until a timer says otherwise.
    Held,
}

impl Place {
    /// Whether the weighted phase may take it.
    #[inline]
    pub(super) fn may_run(self) -> bool {
        matches!(self, Self::Reserved | Self::UntilMin | Self::Weighted)
    }
}

/// An application on the hot path.
#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) limits: Limits,
    pub(super) min: Bucket,
    /// What of Min it keeps while it is idle, in tokens.
    idle_min: i64,
    /// When its buckets were last filled.
    refilled_ns: u64,
    /// Virtual time at which its next weighted service begins.
    pub(super) tag: u64,
    /// Virtual time per unit of cost.
    pub(super) share: u32,
    /// I/Os queued, and those of them that no volume's cap holds back.
    pub(super) queued: u32,
    pub(super) ready: u32,
    pub(super) place: Place,
    /// Whether the weighted order has it, perhaps under an old tag.
    pub(super) ordered: bool,
    /// Which reserved list it belongs to.
    pub(super) list: u32,
    /// What is left of its visit in the reserved phase, in tokens.
    pub(super) visit: i64,
    /// Its volumes with I/O, by their tags, and the virtual time among them.
    pub(super) order: TagHeap,
    pub(super) clock: u64,
    /// What its queued I/O waits for, and since when.
    pub(super) cause: Option<Cause>,
    pub(super) cause_since: Nanos,
    /// Since when it has had I/O queued without a gap.
    pub(super) backlog_since: Nanos,
}

/// The reserved lists, in their order.
pub(super) const LOW_LATENCY: u32 = 0;
pub(super) const NORMAL_LATENCY: u32 = 1;

impl App {
    /// With its limits full, and Min for the first I/Os.
    pub(super) fn new(now: Nanos, qos: &Qos, scale_permille: u32) -> Self {
        let mut app = Self { limits: Limits::new(qos.spec()), refilled_ns: now.0, ..Self::default() };
        app.retune(now, qos, scale_permille);
        app.min.refill(MIN_DEPTH_NS);
        app
    }

    /// Other QoS from now on.
    pub(super) fn retune(&mut self, now: Nanos, qos: &Qos, scale_permille: u32) {
        self.refill(now);
        self.limits.retune(qos.spec());
        self.share = share(qos.spec().weight);
        self.list = match qos.spec().latency {
            LatencyClass::Low => LOW_LATENCY,
            LatencyClass::Normal => NORMAL_LATENCY,
        };
        self.retune_min(now, qos, scale_permille);
    }

    /// Another scale of Min; arrears above what a waking application has are not made good at another rate.
    pub(super) fn retune_min(&mut self, now: Nanos, qos: &Qos, scale_permille: u32) {
        self.refill(now);
        let scaled = u64::from(qos.min_iops()) * u64::from(scale_permille) / 1000;
        let rate = if qos.min_iops() == 0 { 0 } else { scaled.max(1) };
        self.min.retune(rate, MIN_DEPTH_NS);
        let earned = i64::try_from(rate).unwrap_or(i64::MAX).saturating_mul(MIN_IDLE_NS);
        self.idle_min = if rate == 0 { 0 } else { earned.max(MIN_IDLE_UNITS * PER_UNIT) };
        self.min.cut_to(self.idle_min);
    }

    #[inline]
    pub(super) fn refill(&mut self, now: Nanos) {
        let elapsed_ns = now.0.saturating_sub(self.refilled_ns);
        if elapsed_ns > 0 {
            self.refilled_ns = now.0;
            self.limits.refill(elapsed_ns);
            if self.min.rate() > 0 {
                self.min.refill(elapsed_ns);
            }
        }
    }

    /// It was idle: what it did not ask for is not made good.
    #[inline]
    pub(super) fn wake(&mut self, now: Nanos) {
        self.refill(now);
        self.min.cut_to(self.idle_min);
    }

    /// What it may be served in one visit of the reserved phase, in tokens.
    #[inline]
    pub(super) fn visit_tokens(&self) -> i64 {
        i64::try_from(self.min.rate()).unwrap_or(i64::MAX).saturating_mul(VISIT_NS)
    }
}

/// A volume, clone, or stream of background work.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) app: u32,
    pub(super) queue: Queue,
    pub(super) queued: u32,
    pub(super) in_flight: u32,
    pub(super) tag: u64,
    pub(super) share: u32,
    /// Whether its application's order has it, perhaps under an old tag or without I/O.
    pub(super) ordered: bool,
    /// Its cap holds it back, until a timer says otherwise.
    pub(super) capped: bool,
    /// It is in line as overdue.
    pub(super) overdue: bool,
    cap: Option<Bucket>,
    refilled_ns: u64,
    pub(super) live: bool,
}

impl Volume {
    pub(super) fn new(app: u32, now: Nanos, qos: &VolumeQos) -> Self {
        Self {
            app,
            queue: Queue::EMPTY,
            queued: 0,
            in_flight: 0,
            tag: 0,
            share: share(qos.spec().weight),
            ordered: false,
            capped: false,
            overdue: false,
            cap: cap(qos),
            refilled_ns: now.0,
            live: true,
        }
    }

    /// Other QoS; a cap that was there keeps its debt.
    pub(super) fn retune(&mut self, now: Nanos, qos: &VolumeQos) {
        self.share = share(qos.spec().weight);
        self.cap_wait_ns(now);
        self.cap = match (self.cap, qos.spec().max_iops) {
            (Some(mut old), Some(max_iops)) => {
                old.retune(u64::from(max_iops), LIMIT_DEPTH_NS);
                Some(old)
            }
            _ => cap(qos),
        };
    }

    /// How long its cap holds it back; 0: it does not.
    #[inline]
    pub(super) fn cap_wait_ns(&mut self, now: Nanos) -> u64 {
        let Some(cap) = &mut self.cap else { return 0 };
        cap.refill(now.0.saturating_sub(self.refilled_ns));
        self.refilled_ns = now.0;
        cap.wait_ns()
    }

    #[inline]
    pub(super) fn debit(&mut self, units: u16) {
        if let Some(cap) = &mut self.cap {
            cap.debit(u32::from(units));
        }
    }
}

fn cap(qos: &VolumeQos) -> Option<Bucket> {
    qos.spec().max_iops.map(|max_iops| Bucket::new(u64::from(max_iops), LIMIT_DEPTH_NS))
}

fn share(weight: u16) -> u32 {
    VIRTUAL_SCALE / u32::from(weight)
}
