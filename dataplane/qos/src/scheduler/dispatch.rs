//! What goes next: overdue, reserved, weighted.

use sluice_device::Nanos;

use super::Scheduler;
use super::app::{LOW_LATENCY, NORMAL_LATENCY, Place, Volume};
use crate::model::READ_4K;
use crate::structure::{PER_UNIT, SlotState};

/// How much cost an application is served before the order is looked at again: a few small I/Os, so that a large
/// number of applications does not pay for the order at every one.
const TURN_COST: u32 = 4 * READ_4K;

/// How far ahead of the clock reserved service may put an application: 64 reads at weight 1. Without a bound one
/// whose Min is above its weight's share would get nothing by weight for long after its Min is lowered.
const MOST_AHEAD: u64 = (64 * READ_4K as u64) << 20;

/// What pays for an I/O.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pays {
    /// The application's Min.
    Min,
    /// Its weight.
    Weight,
}

/// Who is served by weight at the moment, and how much more without asking again.
#[derive(Debug, Default)]
pub(super) struct Turn {
    app: u32,
    cost_left: u32,
}

impl Scheduler {
    /// Fills `slots` with what goes to the device now, in order, and returns how many. They are the caller's to
    /// submit, every one; a device that takes fewer must be given the rest later, before anything else. If all of
    /// `slots` was filled, call again.
    #[must_use]
    pub fn dispatch(&mut self, now: Nanos, slots: &mut [u32]) -> usize {
        self.keep_house(now);
        if self.queued == 0 {
            return 0;
        }
        self.fire_timers(now);
        self.governor.refill(now);
        let mut count = 0;
        while count < slots.len() {
            let Some(slot) = self.next(now) else { break };
            slots[count] = slot;
            count += 1;
        }
        if count < slots.len() {
            self.end_round(now);
        }
        count
    }

    fn end_round(&mut self, now: Nanos) {
        let reserved_left = !self.reserved.is_empty(LOW_LATENCY) || !self.reserved.is_empty(NORMAL_LATENCY);
        self.lag.round_ended(now, reserved_left);
        self.governor.round_ended(self.queued > 0);
    }

    fn fire_timers(&mut self, now: Nanos) {
        while let Some(volume) = self.caps.fire(now) {
            self.uncap(volume, now);
        }
        while let Some(app) = self.timers.fire(now) {
            self.settle(app, now);
        }
    }

    #[inline]
    fn next(&mut self, now: Nanos) -> Option<u32> {
        if self.queued == 0 || !self.governor.has_room(true) {
            return None;
        }
        if !self.overdue.is_empty()
            && let Some(slot) = self.next_overdue(now)
        {
            return Some(slot);
        }
        if let Some(slot) = self.next_reserved(now) {
            return Some(slot);
        }
        if self.governor.has_room(false) { self.next_weighted(now) } else { None }
    }

    /// Applications that Min pays for, in turn, each for a millisecond's worth of it.
    #[inline]
    fn next_reserved(&mut self, now: Nanos) -> Option<u32> {
        let burst = self.lag.allows_bursts(now);
        while let Some(index) =
            self.reserved.front(LOW_LATENCY).or_else(|| self.reserved.front(NORMAL_LATENCY))
        {
            let app = &mut self.apps[index as usize];
            app.refill(now);
            let may_pass = app.limits.check(burst).is_ok();
            match if may_pass { self.pick(index, now) } else { None } {
                None => self.settle(index, now),
                Some(volume) => {
                    let slot = self.serve(volume, now, Pays::Min);
                    self.end_visit(index, now);
                    return Some(slot);
                }
            }
        }
        None
    }

    fn end_visit(&mut self, index: u32, now: Nanos) {
        let app = &mut self.apps[index as usize];
        if app.ready == 0 || !app.min.has_tokens() {
            self.settle(index, now);
        } else if app.visit <= 0 {
            app.visit = app.visit_tokens();
            let list = app.list;
            self.reserved.unlink(index);
            self.reserved.push_back(list, index);
        }
    }

    /// The application that is least far ahead of its weight.
    #[inline]
    fn next_weighted(&mut self, now: Nanos) -> Option<u32> {
        let burst = self.lag.allows_bursts(now);
        while let Some((tag, index)) = self.order.peek() {
            let app = &mut self.apps[index as usize];
            if !app.place.may_run() {
                app.ordered = false;
                self.order.pop();
                continue;
            }
            let in_turn = self.turn.app == index && self.turn.cost_left > 0;
            if app.tag != tag && !in_turn {
                self.order.retag(app.tag);
                continue;
            }
            app.refill(now);
            let may_pass = app.limits.check(burst).is_ok();
            if !in_turn {
                self.turn = Turn { app: index, cost_left: TURN_COST };
                self.clock = self.clock.max(tag);
            }
            match if may_pass { self.pick(index, now) } else { None } {
                None => self.settle(index, now),
                // Smaller ones behind it do not overtake it, or it would never fit.
                Some(volume) if !self.governor.fits(self.head(volume).1) => return None,
                Some(volume) => return Some(self.serve(volume, now, Pays::Weight)),
            }
        }
        None
    }

    /// The oldest I/O of a volume that has waited too long, whatever its limits say; they are debited all the same.
    fn next_overdue(&mut self, now: Nanos) -> Option<u32> {
        while let Some(index) = self.overdue.pop_front() {
            let head = self.volumes[index as usize].queue.front();
            let late = |slot: u32| self.slots.get(slot).at.saturating_add(self.config.hold_limit.0) <= now.0;
            let Some(slot) = head.filter(|slot| late(*slot)) else {
                self.volumes[index as usize].overdue = false;
                continue;
            };
            self.overdue.push_back(index);
            let app = self.volumes[index as usize].app;
            self.stats[app as usize].overdue += 1;
            self.apps[app as usize].refill(now);
            let pays = if self.apps[app as usize].min.has_tokens() { Pays::Min } else { Pays::Weight };
            self.take(index, slot, now, pays);
            self.settle(app, now);
            return Some(slot);
        }
        None
    }

    /// Dispatches the oldest I/O of a volume that was picked.
    #[inline]
    fn serve(&mut self, volume: u32, now: Nanos, pays: Pays) -> u32 {
        let (slot, _) = self.head(volume);
        self.take(volume, slot, now, pays);
        let Volume { app, tag, .. } = self.volumes[volume as usize];
        let entry = &mut self.apps[app as usize];
        entry.order.retag(tag);
        if entry.ready == 0 && pays == Pays::Weight {
            self.settle(app, now);
        }
        slot
    }

    /// The oldest I/O of a volume that has some, and its units.
    #[inline]
    fn head(&self, volume: u32) -> (u32, u16) {
        let slot = self.volumes[volume as usize].queue.front().expect("picked for its I/O");
        (slot, self.slots.get(slot).units)
    }

    /// The volume that is least far ahead of its weight within its application. `None`: all are at their caps.
    #[inline]
    fn pick(&mut self, index: u32, now: Nanos) -> Option<u32> {
        loop {
            let app = &mut self.apps[index as usize];
            let (tag, picked) = app.order.peek()?;
            let volume = &mut self.volumes[picked as usize];
            if volume.queued == 0 || volume.capped {
                volume.ordered = false;
                app.order.pop();
            } else if volume.tag != tag {
                app.order.retag(volume.tag);
            } else if let wait_ns @ 1.. = volume.cap_wait_ns(now) {
                volume.capped = true;
                app.ready -= volume.queued;
                self.caps.arm(picked, now + Nanos(wait_ns));
            } else {
                app.clock = tag;
                return Some(picked);
            }
        }
    }

    /// A volume's cap lets I/O through again, or may.
    pub(super) fn uncap(&mut self, index: u32, now: Nanos) {
        let volume = &mut self.volumes[index as usize];
        if let wait_ns @ 1.. = volume.cap_wait_ns(now) {
            return self.caps.arm(index, now + Nanos(wait_ns));
        }
        volume.capped = false;
        if volume.queued > 0 {
            let ios = volume.queued;
            self.make_ready(now, index, ios);
        }
    }

    /// Takes an I/O out of its queue and charges it.
    #[inline]
    fn take(&mut self, index: u32, slot: u32, now: Nanos, pays: Pays) {
        let volume = &mut self.volumes[index as usize];
        self.slots.unlink(&mut volume.queue, slot);
        volume.queued -= 1;
        let cost = self.slots.get(slot).cost;
        volume.tag += u64::from(cost) * u64::from(volume.share);
        let (app, capped) = (volume.app, volume.capped);
        self.left_queue(app, capped);
        self.advance(app, cost, pays);
        self.charge(now, slot, pays);
    }

    /// Moves an application's virtual time on.
    #[inline]
    fn advance(&mut self, index: u32, cost: u32, pays: Pays) {
        let app = &mut self.apps[index as usize];
        let next = app.tag + u64::from(cost) * u64::from(app.share);
        app.tag = match pays {
            Pays::Min => next.min(app.tag.max(self.clock + MOST_AHEAD)),
            Pays::Weight => next,
        };
        if pays == Pays::Weight && self.turn.app == index {
            self.turn.cost_left = self.turn.cost_left.saturating_sub(cost);
        }
    }

    /// Debits all that an I/O pays with, and hands it to the device's side.
    #[inline]
    pub(super) fn charge(&mut self, now: Nanos, slot: u32, pays: Pays) {
        let entry = self.slots.get_mut(slot);
        let waited = Nanos(now.0.saturating_sub(entry.at));
        entry.at = now.0;
        entry.state = SlotState::InFlight;
        entry.reserved = pays == Pays::Min;
        entry.haste = self.governor.dispatched(entry, waited);
        let (units, bytes) = (entry.units, entry.bytes);
        let carried = if entry.kind.carries_data() { bytes } else { 0 };
        let volume = &mut self.volumes[usize::from(entry.volume)];
        volume.debit(units);
        volume.in_flight += 1;
        let app = &mut self.apps[volume.app as usize];
        let burst = app.limits.debit(units, carried);
        let stats = &mut self.stats[volume.app as usize];
        stats.ios += 1;
        stats.units += u64::from(units);
        stats.bytes += u64::from(carried);
        if burst {
            stats.burst_units += u64::from(units);
        }
        stats.queue_latency.record(waited);
        if pays == Pays::Min {
            app.min.debit(u32::from(units));
            app.visit -= i64::from(units) * PER_UNIT;
            stats.reserved_units += u64::from(units);
            self.lag.reserved_units += u64::from(units);
        }
    }

    /// Whether Min pays for an application's next I/O.
    pub(super) fn wants_min(&self, index: u32) -> bool {
        matches!(self.apps[index as usize].place, Place::Reserved | Place::UntilMin)
    }
}
