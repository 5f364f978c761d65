//! How many I/O units are in flight: more while that gains throughput, fewer when it only makes them wait.

use sluice_device::Nanos;

use super::DeviceProfile;
use super::latency::{ONE, Verdict};

/// Never fewer, calibrated or not.
const FLOOR_UNITS: u32 = 4;
/// More is no device's knee.
const CEILING_UNITS: u32 = 1 << 16;
/// Mean inflation, in sixteenths, below which a device is not called slow: a few late I/Os are no slow device.
const SLOW: u32 = 24;
/// How long the window does not grow after prompt I/O was found to wait: at first, and at most if each attempt to grow
/// makes it wait again. Some of it pays for every attempt; they must stay fewer than one in a thousand.
const HELD_NS: u64 = 1_000_000_000;
const HELD_LONGEST_NS: u64 = 8_000_000_000;
/// And after other I/O was, unless a newer verdict says better.
const HELD_SHORT_NS: u64 = 100_000_000;
/// How long prompt I/O is taken to be still there; meanwhile the window grows on its verdicts alone.
const PROMPT_NS: u64 = 100_000_000;

/// What came of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// The window follows the device's queue.
    Queue,
    /// Fewer I/Os in flight have not made them faster: it is the device itself that has become slow.
    SlowDevice,
}

/// Where a direction was first found congested: what the next verdicts are compared with.
#[derive(Debug, Clone, Copy)]
struct Onset {
    units: u32,
    mean: u32,
    prompt: bool,
}

/// The window.
#[derive(Debug)]
pub(super) struct Window {
    units: u32,
    /// What the calibrated device works on at once, or the floor. Nobody's latency costs the others more than half of
    /// it, and Mins that lag nothing.
    calibrated: u32,
    /// Dispatching ended for want of room since the last growth.
    full: bool,
    /// When there last were prompt reads, writes.
    prompt: [Option<Nanos>; 2],
    /// Until when reads, writes keep the window from growing.
    held: [Nanos; 2],
    /// For how long prompt I/O does the next time.
    hold_ns: u64,
    onset: [Option<Onset>; 2],
}

impl Window {
    /// What the calibrated device worked on at once in its worst mix (Little: rate times latency), else half of what
    /// its queue takes.
    pub(super) fn new(max_in_flight: u32, profile: Option<&DeviceProfile>) -> Self {
        let units = profile.map_or(u64::from(max_in_flight / 2), |profile| {
            let mixed_ns = (profile.read_4k.0 * 7 + profile.write_4k.0 * 3) / 10;
            profile.worst_iops.saturating_mul(mixed_ns) / 1_000_000_000
        });
        let units = u32::try_from(units).unwrap_or(CEILING_UNITS).clamp(FLOOR_UNITS, CEILING_UNITS);
        let calibrated = profile.map_or(FLOOR_UNITS, |_| units);
        Self {
            units,
            calibrated,
            full: false,
            prompt: [None; 2],
            held: [Nanos::ZERO; 2],
            hold_ns: HELD_NS,
            onset: [None; 2],
        }
    }

    /// I/O units that may be in flight.
    #[inline]
    pub(super) fn units(&self) -> u32 {
        self.units
    }

    /// Mins lag: what the device can work on at once, it gets.
    pub(super) fn mins_lag(&mut self) {
        self.units = self.units.max(self.calibrated);
    }

    /// I/O units of reserved service that may be in flight whatever else is.
    #[inline]
    pub(super) fn reserved_units(&self) -> u32 {
        (self.units / 8).max(1)
    }

    /// I/O units that reserved service may fill up to: latency shrinks the window for the sake of those whom Min pays
    /// for, so it must not make them wait here instead.
    #[inline]
    pub(super) fn calibrated_units(&self) -> u32 {
        self.calibrated
    }

    /// There was I/O to send and no room.
    #[inline]
    pub(super) fn was_full(&mut self) {
        self.full = true;
    }

    /// Follows one direction's verdict.
    ///
    /// A queue shrinks with the window, and latencies with it. If they have not after the window has shrunk by three
    /// eighths, there was no queue: the window returns to where it was, and the latencies are the device's own.
    pub(super) fn judge(&mut self, write: bool, verdict: Verdict, now: Nanos) -> Judged {
        let direction = usize::from(write);
        self.note_prompt(direction, verdict, now);
        if !verdict.congested {
            self.onset[direction] = None;
            self.grow(verdict, now);
            return Judged::Queue;
        }
        let here = Onset { units: self.units, mean: verdict.mean, prompt: verdict.prompt };
        let onset = self.onset[direction].filter(|onset| onset.prompt == here.prompt).unwrap_or(here);
        self.onset[direction] = Some(onset);
        // What the I/O takes by itself no window makes less.
        let over = |mean: u32| mean.saturating_sub(ONE);
        let (before, after) = (over(onset.mean), over(verdict.mean));
        if after * 8 < before * 7 || after * 7 > before * 8 {
            // Better, as with a queue; or worse than thought, and all begins anew.
            self.onset[direction] = Some(here);
        } else if self.units * 8 <= onset.units * 5 && verdict.mean >= SLOW {
            self.onset[direction] = None;
            self.held[direction] = now;
            self.units = onset.units;
            return Judged::SlowDevice;
        }

        self.units = (self.units - self.units.div_ceil(8)).max((self.calibrated / 2).max(FLOOR_UNITS));
        Judged::Queue
    }

    fn note_prompt(&mut self, direction: usize, verdict: Verdict, now: Nanos) {
        self.prompt[direction] = verdict.prompt.then_some(now);
        match (verdict.prompt, verdict.congested) {
            (true, true) => {
                if self.held[direction] < now {
                    self.held[direction] = now + Nanos(self.hold_ns);
                    self.hold_ns = (self.hold_ns * 2).min(HELD_LONGEST_NS);
                }
            }
            (false, true) => self.held[direction] = now + Nanos(HELD_SHORT_NS),
            (true, false) => {}
            (false, false) => {
                self.held[direction] = now;
                self.hold_ns = HELD_NS;
            }
        }
    }

    fn grow(&mut self, verdict: Verdict, now: Nanos) {
        let prompt = |at: &Nanos| now.0.saturating_sub(at.0) < PROMPT_NS;
        let others_decide = !verdict.prompt && self.prompt.iter().flatten().any(prompt);
        let held = self.held.iter().any(|until| now < *until);
        if self.full && !others_decide && !held {
            let step = self.units.div_ceil(if verdict.prompt { 32 } else { 16 });
            self.units = (self.units + step).min(CEILING_UNITS);
            self.full = false;
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::structure::Haste;

    fn verdict(us: u64) -> Verdict {
        super::super::latency::test::verdict(Haste::Prompt, us)
    }

    #[test]
    fn it_grows_only_when_full_and_uncongested() {
        let mut window = Window::new(128, None);
        assert_eq!((window.units(), window.reserved_units()), (64, 8));
        window.judge(false, verdict(80), Nanos(1));
        assert_eq!(window.units(), 64);
        window.was_full();
        window.judge(false, verdict(80), Nanos(2));
        assert_eq!(window.units(), 66);
        window.was_full();
        window.judge(true, verdict(200), Nanos(3));
        assert_eq!(window.units(), 57);
        // Reads are well, but writes were not a moment ago.
        window.judge(false, verdict(80), Nanos(4));
        assert_eq!(window.units(), 57);
        window.judge(false, verdict(80), Nanos(3 + HELD_NS));
        assert_eq!(window.units(), 59);
        // The attempt fails: the next one comes later.
        window.was_full();
        window.judge(true, verdict(200), Nanos(4 + HELD_NS));
        assert_eq!(window.units(), 51);
        window.judge(false, verdict(80), Nanos(4 + HELD_NS * 3 - 1));
        assert_eq!(window.units(), 51);
        window.judge(false, verdict(80), Nanos(4 + HELD_NS * 3));
        assert_eq!(window.units(), 53);
    }

    #[test]
    fn where_some_are_prompt_the_others_do_not_make_it_grow() {
        let patient = |us| super::super::latency::test::verdict(Haste::Queued, us);
        let mut window = Window::new(128, None);
        window.judge(false, verdict(80), Nanos(1));
        window.was_full();
        window.judge(true, patient(80), Nanos(2));
        assert_eq!(window.units(), 64);
        window.judge(true, patient(80), Nanos(1 + PROMPT_NS));
        assert_eq!(window.units(), 68);
    }

    #[test]
    fn a_slow_device_is_told_from_a_queue() {
        // A queue: latencies shrink with the window.
        let mut window = Window::new(128, None);
        for us in [400, 350, 305, 270, 235, 205, 180, 155] {
            assert_eq!(window.judge(false, verdict(us), Nanos(1)), Judged::Queue);
        }
        assert_eq!(window.units(), 20);
        // A slow device: they do not.
        let mut window = Window::new(128, None);
        for _ in 0..4 {
            assert_eq!(window.judge(false, verdict(400), Nanos(1)), Judged::Queue);
        }
        assert_eq!(window.judge(false, verdict(400), Nanos(1)), Judged::SlowDevice);
        assert_eq!(window.units(), 64);
    }

    #[test]
    fn it_stays_between_floor_and_ceiling() {
        let mut window = Window::new(8, None);
        for us in [600, 500, 400, 300, 250, 200, 170] {
            window.judge(false, verdict(us), Nanos(1));
        }
        assert_eq!((window.units(), window.reserved_units()), (FLOOR_UNITS, 1));
        for step in 1..300 {
            window.was_full();
            window.judge(false, verdict(80), Nanos(step * HELD_LONGEST_NS));
        }
        assert_eq!(window.units(), CEILING_UNITS);
    }
}
