//! Latencies measured against those of the same device without load.
//!
//! An I/O's *inflation* is its latency over the unloaded latency of its direction and size. Unloaded latencies are
//! learned from I/Os that found the device idle, so they follow it when it ages and do not when it is merely busy; any
//! I/O that is faster than them corrects them downwards.

use sluice_device::Nanos;

use super::DeviceProfile;
use crate::model::{Kind, WriteFactor};
use crate::structure::{Haste, Slot};

/// Inflation is told in sixteenths.
pub(super) const ONE: u32 = 16;
/// Up to eight times; the last bucket is for all beyond.
const BUCKETS: usize = 8 * ONE as usize;

/// Up to 4, 16, 64, 256 KiB, and beyond.
const CLASSES: usize = 5;

/// A verdict takes that many I/Os and that long, or fewer and longer.
const ENOUGH: u32 = 64;
const SOON_NS: u64 = 2_000_000;
const FEW: u32 = 8;
const LATE_NS: u64 = 20_000_000;

/// A verdict on prompt I/Os takes that many, for it is about one in a hundred, or fewer and longer.
const PROMPT_ENOUGH: u32 = 128;
/// The mean inflation that a busy device may have where nobody is prompt: as much queue as service, nearly.
const BUSY: u32 = 28;

/// No queue that the window lets grow explains this.
const STALLED: u32 = 7 * ONE;

/// The target while the unloaded device's own spread is not known, in sixteenths.
const TARGET: u32 = (ONE + 1) * 9 / 8;

/// So many are enough for any percentile; a device that does more until the verdict need not have them all counted.
const PLENTY: u32 = 512;

/// Samples of the unloaded device before its own spread is trusted, and when they are halved to stay recent.
const QUIET_ENOUGH: u32 = 64;
const QUIET_HALVED: u32 = 4096;

/// What the last I/Os of one direction say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// They are about I/Os that waited nowhere else.
    pub(super) prompt: bool,
    /// They waited in the device, and longer than they should.
    pub(super) congested: bool,
    /// It is beyond what a queue explains: the device has stopped to do something else.
    pub(super) stalled: bool,
    /// Their mean inflation, in sixteenths.
    pub(super) mean: u32,
}

impl Verdict {
    /// The write factor after writes have behaved so: dearer by halves when they queue, cheaper by steps when the
    /// device's cache takes them.
    pub(super) fn write_factor(self, factor: WriteFactor) -> WriteFactor {
        let now = u32::from(factor.sixteenths());
        let worst = u32::from(WriteFactor::WORST.sixteenths());
        let next = match self.mean {
            0..=20 => now.saturating_sub(1),
            21..=31 => now,
            _ => now + (worst - now).div_ceil(8),
        };
        WriteFactor::from_sixteenths(next)
    }
}

/// Counts of inflations.
#[derive(Debug, Clone)]
struct Inflations {
    counts: [u32; BUCKETS],
    count: u32,
    sum: u64,
}

impl Inflations {
    const NONE: Self = Self { counts: [0; BUCKETS], count: 0, sum: 0 };

    #[inline]
    fn record(&mut self, sixteenths: u32) {
        self.counts[(sixteenths as usize).min(BUCKETS - 1)] += 1;
        self.count += 1;
        self.sum += u64::from(sixteenths);
    }

    fn mean(&self) -> u32 {
        u32::try_from(self.sum / u64::from(self.count).max(1)).expect("a mean of such numbers")
    }

    /// The inflation that so many per cent do not exceed.
    fn percent(&self, percent: u32) -> u32 {
        let wanted = (u64::from(self.count) * u64::from(percent)).div_ceil(100);
        let mut seen = 0;
        let reached = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        });
        u32::try_from(reached.unwrap_or(0)).unwrap_or(u32::MAX)
    }

    fn halve(&mut self) {
        self.counts.iter_mut().for_each(|count| *count /= 2);
        self.count = self.counts.iter().sum();
    }
}

/// One direction: reads or writes.
#[derive(Debug, Clone)]
struct Direction {
    /// By size class; 0: not known yet.
    unloaded_ns: [u64; CLASSES],
    recent: Inflations,
    /// Those of them that were prompt.
    prompt: Inflations,
    /// Those of them that took longer than the target.
    late: u32,
    /// In sixteenths.
    target: u32,
    /// When the last verdict was given. What was sent before says nothing about what followed from it.
    since: Nanos,
    /// Of I/Os that found the device idle.
    quiet: Inflations,
}

impl Direction {
    fn new(write: bool, profile: Option<&DeviceProfile>) -> Self {
        let mut unloaded_ns = [0; CLASSES];
        if let Some(profile) = profile {
            for (class, ns) in (0..).zip(&mut unloaded_ns) {
                *ns = profile.unloaded(write, 4096 << (2 * class)).0;
            }
        }
        Self {
            unloaded_ns,
            recent: Inflations::NONE,
            prompt: Inflations::NONE,
            late: 0,
            target: TARGET,
            since: Nanos::ZERO,
            quiet: Inflations::NONE,
        }
    }

    #[inline]
    fn record(&mut self, slot: &Slot, latency: Nanos) {
        if !self.has_plenty(slot.haste) {
            self.count(slot, latency);
        }
    }

    fn count(&mut self, slot: &Slot, latency: Nanos) {
        let unloaded = &mut self.unloaded_ns[class(slot.bytes)];
        let ns = latency.0.max(1);
        if *unloaded == 0 {
            *unloaded = ns;
        }
        let sixteenths = u32::try_from(ns.saturating_mul(u64::from(ONE)) / *unloaded).unwrap_or(u32::MAX);
        if ns < *unloaded {
            *unloaded -= (*unloaded - ns) / 16;
        } else if slot.haste == Haste::Alone {
            // One stall of an idle device must not pass for its normal latency.
            *unloaded += (ns - *unloaded).min(*unloaded) / 16;
        }
        if slot.haste == Haste::Alone {
            self.quiet.record(sixteenths);
            if self.quiet.count >= QUIET_HALVED {
                self.quiet.halve();
            }
        }
        if slot.at >= self.since.0 {
            self.recent.record(sixteenths);
            if slot.haste != Haste::Queued {
                self.prompt.record(sixteenths);
                self.late += u32::from(sixteenths > self.target);
            }
        }
    }

    #[inline]
    fn has_plenty(&self, haste: Haste) -> bool {
        match haste {
            Haste::Queued => self.recent.count >= PLENTY,
            Haste::Prompt => self.prompt.count >= PLENTY,
            Haste::Alone => self.prompt.count >= PLENTY && self.quiet.count >= QUIET_ENOUGH,
        }
    }

    fn verdict(&mut self, mins_lag: bool, now: Nanos) -> Option<Verdict> {
        let prompt = self.prompt.count > 0 && !mins_lag;
        if !self.is_enough(prompt, now) {
            return None;
        }
        let judged = if prompt { &self.prompt } else { &self.recent };
        let congested = if prompt { self.late * 100 > judged.count } else { judged.mean() > BUSY };
        let stalled = self.recent.percent(95) >= STALLED;
        let verdict = Verdict { prompt, congested, stalled, mean: judged.mean() };
        (self.recent, self.prompt, self.late) = (Inflations::NONE, Inflations::NONE, 0);
        self.target = self.quiet_target();
        self.since = now;
        Some(verdict)
    }

    fn is_enough(&self, prompt: bool, now: Nanos) -> bool {
        let age_ns = now.0.saturating_sub(self.since.0);
        // More are late than a hundredth of all that a verdict would wait for: it is certain, and each that follows
        // would be late for nothing.
        let certain = self.late * 100 > self.prompt.count.max(PROMPT_ENOUGH);
        let (count, enough) =
            if prompt { (self.prompt.count, PROMPT_ENOUGH) } else { (self.recent.count, ENOUGH) };
        prompt && certain
            || count >= enough && age_ns >= SOON_NS
            || self.recent.count >= FEW && age_ns >= LATE_NS
    }

    /// The unloaded device's own 99th percentile and an eighth.
    fn quiet_target(&self) -> u32 {
        if self.quiet.count >= QUIET_ENOUGH {
            self.quiet.percent(99).clamp(ONE, 4 * ONE) * 9 / 8
        } else {
            TARGET
        }
    }
}

/// Reads and writes.
#[derive(Debug)]
pub(super) struct Latencies {
    directions: [Direction; 2],
}

impl Latencies {
    pub(super) fn new(profile: Option<&DeviceProfile>) -> Self {
        Self { directions: [false, true].map(|write| Direction::new(write, profile)) }
    }

    #[inline]
    pub(super) fn record(&mut self, slot: &Slot, latency: Nanos) {
        self.directions[usize::from(slot.kind == Kind::Write)].record(slot, latency);
    }

    /// Whether so short a wait goes for none: an eighth of what the device takes.
    #[inline]
    pub(super) fn is_prompt(&self, slot: &Slot, waited: Nanos) -> bool {
        if waited == Nanos::ZERO {
            return true;
        }
        let direction = &self.directions[usize::from(slot.kind == Kind::Write)];
        waited.0.saturating_mul(8) <= direction.unloaded_ns[class(slot.bytes)]
    }

    /// A verdict's inflation is the device's own: from now on it counts as unloaded.
    pub(super) fn slower(&mut self, write: bool, verdict: Verdict) {
        let direction = &mut self.directions[usize::from(write)];
        for ns in &mut direction.unloaded_ns {
            *ns = ns.saturating_mul(u64::from(verdict.mean.max(ONE))) / u64::from(ONE);
        }
    }

    /// What the I/Os since the last verdict say, if they are enough.
    pub(super) fn verdict(&mut self, write: bool, mins_lag: bool, now: Nanos) -> Option<Verdict> {
        self.directions[usize::from(write)].verdict(mins_lag, now)
    }
}

fn class(bytes: u32) -> usize {
    let bits = 32 - bytes.saturating_sub(1).leading_zeros();
    ((bits.max(12) - 11) as usize / 2).min(CLASSES - 1)
}

#[cfg(test)]
pub(super) mod test;
