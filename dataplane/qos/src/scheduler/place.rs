//! Where an application stands. `settle` looks at everything anew, so that nobody has to remember what changed.

use sluice_device::Nanos;

use super::Scheduler;
use super::app::Place;
use crate::stats::Cause;

impl Scheduler {
    /// Puts an application where it belongs now.
    pub(super) fn settle(&mut self, index: u32, now: Nanos) {
        self.unplace(index);
        let burst = self.lag.allows_bursts(now);
        let app = &mut self.apps[index as usize];
        if app.ready == 0 {
            app.place = Place::Idle;
            let cause = (app.queued > 0).then_some(Cause::Volume);
            return self.waits_for(index, cause, now);
        }
        app.refill(now);
        match app.limits.check(burst) {
            Err(held) => {
                app.place = Place::Held;
                self.timers.arm(index, now + Nanos(held.wait_ns));
                self.waits_for(index, Some(held.cause), now);
            }
            Ok(()) => {
                self.enter_order(index);
                self.place_by_min(index, now);
                self.waits_for(index, Some(Cause::Device), now);
            }
        }
    }

    fn place_by_min(&mut self, index: u32, now: Nanos) {
        let app = &mut self.apps[index as usize];
        if app.min.has_tokens() {
            app.place = Place::Reserved;
            app.visit = app.visit_tokens();
            self.reserved.push_back(app.list, index);
        } else if app.min.rate() > 0 {
            app.place = Place::UntilMin;
            let at = now + Nanos(app.min.wait_ns());
            self.timers.arm(index, at);
        } else {
            app.place = Place::Weighted;
        }
    }

    fn enter_order(&mut self, index: u32) {
        let app = &mut self.apps[index as usize];
        // Time spent asleep is not saved up.
        app.tag = app.tag.max(self.clock);
        if !app.ordered {
            app.ordered = true;
            self.order.push(app.tag, index);
        }
    }

    fn unplace(&mut self, index: u32) {
        match self.apps[index as usize].place {
            Place::Reserved => {
                self.reserved.unlink(index);
            }
            Place::UntilMin | Place::Held => self.timers.cancel(index),
            Place::Idle | Place::Weighted => {}
        }
    }

    /// Ends what an application's I/O waited for, and begins another wait.
    #[inline]
    pub(super) fn waits_for(&mut self, index: u32, cause: Option<Cause>, now: Nanos) {
        let app = &mut self.apps[index as usize];
        if app.cause == cause {
            return;
        }
        if let Some(ended) = app.cause {
            let waited_ns = now.0.saturating_sub(app.cause_since.0);
            self.stats[index as usize].waited_ns[ended as usize] += waited_ns;
        }
        (app.cause, app.cause_since) = (cause, now);
    }
}
