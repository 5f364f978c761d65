//! What is done now and then: the governor's review, missed Mins, overdue I/O, leases.
//!
//! Every application and volume is looked at about every 100 ms, a few at a time, so that a thousand of them never
//! make a round long.

use sluice_device::Nanos;

use super::Scheduler;
use crate::event::Event;
use crate::stats::Cause;

/// How often something is done under load.
const STEP_NS: u64 = 1_000_000;
/// How often, when all that is here waits for limits: the hold limit does not need more, and a reactor may sleep.
const IDLE_STEP_NS: u64 = 50_000_000;
/// How long a look at everything takes.
const ROUND_NS: u64 = 100_000_000;

/// Virtual times beyond this are brought back; far below where they overflow.
const REBASE_AT: u64 = 1 << 62;

/// How far the looking around has come.
#[derive(Debug)]
pub(super) struct Sweep {
    last: Nanos,
    apps: Cursor,
    volumes: Cursor,
    lag_reviewed: Nanos,
    /// When the next lease ends.
    pub(super) next_lease: Option<Nanos>,
}

/// Goes round all of something in [`ROUND_NS`].
#[derive(Debug, Default)]
struct Cursor {
    at: u32,
    credit: u64,
}

impl Cursor {
    /// How many of `all` are due after `elapsed_ns`.
    fn due(&mut self, all: usize, elapsed_ns: u64) -> u64 {
        self.credit += all as u64 * elapsed_ns.min(ROUND_NS);
        let due = self.credit / ROUND_NS;
        self.credit %= ROUND_NS;
        due
    }

    fn next(&mut self, all: usize) -> u32 {
        self.at = if (self.at + 1) as usize >= all { 0 } else { self.at + 1 };
        self.at
    }
}

impl Sweep {
    pub(super) fn new(now: Nanos) -> Self {
        let (apps, volumes) = (Cursor::default(), Cursor::default());
        Self { last: now, apps, volumes, lag_reviewed: now, next_lease: None }
    }

    /// When to look again though nothing happens.
    pub(super) fn next_idle(&self) -> Nanos {
        self.last + Nanos(IDLE_STEP_NS)
    }
}

impl Scheduler {
    #[inline]
    pub(super) fn keep_house(&mut self, now: Nanos) {
        if now.0.saturating_sub(self.sweep.last.0) >= STEP_NS {
            self.step(now);
        }
    }

    fn step(&mut self, now: Nanos) {
        let elapsed_ns = now.0 - self.sweep.last.0;
        self.sweep.last = now;
        self.governor.review(now, self.lag.is_seen(now));
        if self.sweep.next_lease.is_some_and(|at| at <= now) {
            self.end_leases(now);
        }
        for _ in 0..self.sweep.apps.due(self.apps.len(), elapsed_ns) {
            let index = self.sweep.apps.next(self.apps.len());
            self.watch(index, now);
        }
        for _ in 0..self.sweep.volumes.due(self.volumes.len(), elapsed_ns) {
            let index = self.sweep.volumes.next(self.volumes.len());
            self.look_for_overdue(index, now);
        }
        if now.0 - self.sweep.lag_reviewed.0 >= ROUND_NS {
            let since = std::mem::replace(&mut self.sweep.lag_reviewed, now);
            self.review_lag(now, since);
        }
        if self.clock > REBASE_AT {
            self.rebase();
        }
    }

    /// Ends an application's window and judges it.
    fn watch(&mut self, index: u32, now: Nanos) {
        self.count_wait(index, now);
        let (app, stats) = (&self.apps[index as usize], &mut self.stats[index as usize]);
        let account = &mut self.accounts[index as usize];
        let own_ns = stats.waited_for(Cause::Volume) + stats.waited_for(Cause::Bandwidth);
        let elapsed_ns = now.0.saturating_sub(account.window.since.0).max(1);
        let units = stats.units - account.window.units;
        let min = u128::from(account.qos().min_iops());
        // Whoever had nothing to send, or is held back by its own volumes, misses nothing.
        let asked = app.queued > 0 && app.backlog_since <= account.window.since;
        let missed = if min > 0 && asked && own_ns == account.window.own_ns {
            stats.windows += 1;
            u128::from(units) * 100_000_000_000 < min * 95 * u128::from(elapsed_ns)
        } else {
            false
        };
        stats.violations += u64::from(missed);
        if missed && !account.window.missed {
            let delivered_iops = units.saturating_mul(1_000_000_000) / elapsed_ns;
            self.events.push(Event::MinMissed { app: super::AppIndex(index), delivered_iops });
        }
        account.window = super::account::Window { since: now, units: stats.units, own_ns, missed };
        if app.clock > REBASE_AT {
            self.rebase_volumes(index);
        }
    }

    /// Counts a wait that goes on, so that it is seen while it lasts.
    fn count_wait(&mut self, index: u32, now: Nanos) {
        let cause = self.apps[index as usize].cause;
        self.waits_for(index, None, now);
        self.waits_for(index, cause, now);
    }

    fn look_for_overdue(&mut self, index: u32, now: Nanos) {
        let volume = &mut self.volumes[index as usize];
        let Some(slot) = volume.queue.front() else { return };
        let late = self.slots.get(slot).at.saturating_add(self.config.hold_limit.0) <= now.0;
        if late && !volume.overdue {
            volume.overdue = true;
            self.overdue.push_back(index);
            let app = super::AppIndex(volume.app);
            self.events.push(Event::HeldTooLong { app });
        }
    }

    /// Subtracts the clock from all virtual times: order and distances ahead of it stay.
    fn rebase(&mut self) {
        let by = std::mem::take(&mut self.clock);
        self.order.rebase(by);
        self.apps.iter_mut().for_each(|app| app.tag = app.tag.saturating_sub(by));
    }

    fn rebase_volumes(&mut self, index: u32) {
        let app = &mut self.apps[index as usize];
        let by = std::mem::take(&mut app.clock);
        app.order.rebase(by);
        let volumes = self.volumes.iter_mut().filter(|volume| volume.app == index);
        volumes.for_each(|volume| volume.tag = volume.tag.saturating_sub(by));
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_cursor_sees_everything_once_a_round() {
        let mut cursor = Cursor::default();
        let mut seen = [0; 7];
        for _ in 0..1000 {
            for _ in 0..cursor.due(7, 1_000_000) {
                seen[cursor.next(7) as usize] += 1;
            }
        }
        assert_eq!(seen, [10; 7]);
        assert_eq!(cursor.due(7, u64::MAX), 7);
    }
}
