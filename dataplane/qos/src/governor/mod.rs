//! How much the device is given at a time, so that what waits, waits here and not in the device's queue.
//!
//! ```text
//!   completions ──► latency against the unloaded device's ──► window: I/O units in flight
//!                └► cost done while there was a backlog   ──► rate: cost per second
//!                └► writes' latency                        ──► write factor
//! ```
//!
//! Depth is told in I/O units, because 16 KiB is about what one flash die works on and dies are what runs in
//! parallel; rate is told in cost, because that is the time they work.
//!
//! The window grows while there is a backlog, and shrinks when latencies say that the device has a queue. How long a
//! queue is too long depends on who waits in it. An I/O that went at once can wait nowhere else: if there are such,
//! their 99th percentile must stay within an eighth of the unloaded device's. Where all I/O waits here first, a queue
//! as long again as the service itself costs nobody anything and keeps the device busy without gaps. The same holds
//! while Mins lag: what was promised goes before what is quick. Reads and writes vote apart.
//!
//! Invariants: with nothing in flight there is room for one I/O whatever the window; `in_flight <= max_in_flight`, but for
//! what was parked; weighted service stays within the window, or is one I/O; reserved service may have an eighth of it
//! beyond, and where latency has shrunk the window, what the calibrated device works on at once.

mod capacity;
mod latency;
mod profile;
mod window;

use sluice_device::Nanos;

use crate::model::WriteFactor;
use crate::structure::{Haste, Slot};
use capacity::Capacity;
use latency::Latencies;
pub use profile::{DeviceProfile, ProfileError};
use window::{Judged, Window};

/// What the governor knows and decides, for those who look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GovernorView {
    /// I/O units that weighted service may have in flight.
    pub window_units: u32,
    /// I/O units in flight.
    pub in_flight_units: u32,
    /// I/Os in flight.
    pub in_flight: u32,
    /// What the device was found to do when it had all it could, in cost per second; `None`: never seen so.
    pub capacity_cost_per_s: Option<u64>,
    /// The rate that dispatching is held to, likewise; `None`: none.
    pub rate_cost_per_s: Option<u64>,
    /// What a write costs against a read.
    pub write_factor: WriteFactor,
}

/// Depth and rate for one device.
#[derive(Debug)]
pub(crate) struct Governor {
    max_in_flight: u32,
    in_flight: u32,
    in_flight_units: u32,
    /// Those of them that Mins paid for.
    reserved_units: u32,
    /// The next I/O by weight did not fit into the window since the round began.
    blocked: bool,
    window: Window,
    capacity: Capacity,
    latencies: Latencies,
    write_factor: WriteFactor,
}

impl Governor {
    /// For a device that takes `max_in_flight` I/Os at once and was calibrated, or was not.
    pub(crate) fn new(max_in_flight: u32, profile: Option<&DeviceProfile>) -> Self {
        let write_factor = profile.map_or(WriteFactor::START, |profile| profile.write_factor);
        Self {
            max_in_flight,
            in_flight: 0,
            in_flight_units: 0,
            reserved_units: 0,
            blocked: false,
            window: Window::new(max_in_flight, profile),
            capacity: Capacity::new(profile),
            latencies: Latencies::new(profile),
            write_factor,
        }
    }

    /// Whether one more I/O may go. Reserved service must not wait because others have filled the window or used up the
    /// rate.
    #[inline]
    pub(crate) fn has_room(&self, reserved: bool) -> bool {
        let beyond = self.reserved_units < self.window.reserved_units()
            || self.in_flight_units < self.window.calibrated_units();
        if reserved && beyond {
            return self.in_flight < self.max_in_flight;
        }
        let within = self.in_flight_units < self.window.units() && self.in_flight < self.max_in_flight;
        (within || self.in_flight == 0) && self.capacity.has_rate()
    }

    /// Whether an I/O of weighted service fits into the window; if not, it is the one that room is made for.
    #[inline]
    pub(crate) fn fits(&mut self, units: u16) -> bool {
        let fits = self.in_flight_units + u32::from(units) <= self.window.units()
            || self.in_flight_units == self.reserved_units;
        self.blocked = !fits;
        fits
    }

    /// Earns rate; call before asking for room.
    #[inline]
    pub(crate) fn refill(&mut self, now: Nanos) {
        self.capacity.refill(now);
    }

    /// An I/O goes to the device that waited so long. What its latency will tell.
    #[inline]
    pub(crate) fn dispatched(&mut self, slot: &Slot, waited: Nanos) -> Haste {
        let haste = match self.in_flight {
            0 => Haste::Alone,
            _ if self.latencies.is_prompt(slot, waited) => Haste::Prompt,
            _ => Haste::Queued,
        };
        self.entered(slot);
        self.capacity.dispatched(slot.cost);
        haste
    }

    /// An I/O takes its room at the device.
    #[inline]
    pub(crate) fn entered(&mut self, slot: &Slot) {
        self.in_flight += 1;
        self.in_flight_units += u32::from(slot.units);
        self.reserved_units += if slot.reserved { u32::from(slot.units) } else { 0 };
    }

    /// And gives it back.
    #[inline]
    pub(crate) fn left(&mut self, slot: &Slot) {
        self.in_flight -= 1;
        self.in_flight_units -= u32::from(slot.units);
        self.reserved_units -= if slot.reserved { u32::from(slot.units) } else { 0 };
    }

    /// An I/O is back.
    #[inline]
    pub(crate) fn completed(&mut self, slot: &Slot, latency: Nanos) {
        self.left(slot);
        self.capacity.completed(slot.cost);
        if slot.kind.carries_data() {
            self.latencies.record(slot, latency);
        }
    }

    /// An I/O went without waiting: the device had room to spare.
    #[inline]
    pub(crate) fn had_room(&mut self) {
        self.capacity.had_room();
    }

    /// A round of dispatching is over: whether I/O is left that would have gone, had there been room.
    #[inline]
    pub(crate) fn round_ended(&mut self, left: bool) {
        let blocked = std::mem::take(&mut self.blocked);
        if !left || self.has_room(false) && !blocked {
            self.capacity.had_room();
        } else if !self.capacity.has_rate() {
            self.capacity.rate_was_short();
        } else if blocked || self.in_flight_units >= self.window.units() {
            self.window.was_full();
        }
    }

    /// Looks at what came back since the last time; at least every few milliseconds under load.
    pub(crate) fn review(&mut self, now: Nanos, mins_lag: bool) {
        for write in [false, true] {
            let Some(verdict) = self.latencies.verdict(write, mins_lag, now) else { continue };
            if self.window.judge(write, verdict, now) == Judged::SlowDevice {
                self.latencies.slower(write, verdict);
            }
            self.capacity.judge(verdict, now);
            if write {
                self.write_factor = verdict.write_factor(self.write_factor);
            }
        }
        if mins_lag {
            self.window.mins_lag();
        }
        self.capacity.review(now);
    }

    /// When the rate lets the next I/O go; `None`: it does not hinder.
    pub(crate) fn rate_deadline(&self, now: Nanos) -> Option<Nanos> {
        let wait_ns = self.capacity.wait_ns();
        (wait_ns > 0).then(|| now + Nanos(wait_ns))
    }

    /// What a write costs now.
    #[inline]
    pub(crate) fn write_factor(&self) -> WriteFactor {
        self.write_factor
    }

    /// A new calibration; I/O in flight stays counted.
    pub(crate) fn recalibrate(&mut self, profile: &DeviceProfile) {
        let Self { in_flight, in_flight_units, reserved_units, max_in_flight, .. } = *self;
        *self =
            Self { in_flight, in_flight_units, reserved_units, ..Self::new(max_in_flight, Some(profile)) };
    }

    pub(crate) fn view(&self) -> GovernorView {
        GovernorView {
            window_units: self.window.units(),
            in_flight_units: self.in_flight_units,
            in_flight: self.in_flight,
            capacity_cost_per_s: self.capacity.cost_per_s(),
            rate_cost_per_s: self.capacity.rate_cost_per_s(),
            write_factor: self.write_factor,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::model::Kind;
    use crate::structure::{EnteredIo, SlotState, SlotTable};

    const PROFILE: DeviceProfile = DeviceProfile {
        read_4k: Nanos(80_000),
        read_128k: Nanos(80_000),
        write_4k: Nanos(80_000),
        write_128k: Nanos(80_000),
        worst_iops: 400_000,
        worst_cost_per_s: 400_000 * 1024,
        write_factor: WriteFactor::LEAST,
    };

    fn slot(reserved: bool) -> Slot {
        let mut table = SlotTable::new(1);
        let io = EnteredIo {
            at: 0,
            volume: 0,
            bytes: 4096,
            cost: 1,
            units: 1,
            kind: Kind::Read,
            state: SlotState::Queued,
        };
        table.enter(0, io);
        table.get_mut(0).reserved = reserved;
        *table.get(0)
    }

    /// Latency has shrunk the window below what the device works on at once, and others fill it: those whom Min pays
    /// for, for whose sake that was done, find the rest.
    #[test]
    fn reserved_service_finds_what_latency_took_from_the_others() {
        let mut governor = Governor::new(256, Some(&PROFILE));
        assert_eq!(governor.window.units(), 32);
        let late = super::latency::test::verdict(Haste::Prompt, 200);
        for at in 1..4 {
            governor.window.judge(false, late, Nanos(at));
        }
        let shrunk = governor.window.units();
        assert!(shrunk <= 24, "{shrunk}");
        while governor.has_room(false) {
            governor.dispatched(&slot(false), Nanos::ZERO);
        }
        let mut reserved = 0;
        while governor.has_room(true) {
            governor.dispatched(&slot(true), Nanos::ZERO);
            reserved += 1;
        }
        assert_eq!((governor.in_flight_units, reserved), (32, 32 - shrunk));
    }
}
