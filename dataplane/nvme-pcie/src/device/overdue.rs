//! Requests that take too long: aborted first; then the controller is reset.

use sluice_device::Nanos;

use super::NvmeDevice;
use crate::controller::qid;
use crate::hardware::Hardware;
use crate::health::{Event, ResetCause};
use crate::table::{Slot, Stage};

/// How often in a command's time the requests are looked over.
const SWEEPS: u64 = 8;

impl<H: Hardware> NvmeDevice<H> {
    /// Aborts the oldest request that is over its time; resets the controller for one that is so twice.
    pub(super) fn sweep(&mut self, now: Nanos) {
        let timeout = self.command_timeout;
        self.next_sweep = now + Nanos(timeout.0 / SWEEPS);
        if !self.controller.is_running() {
            return;
        }
        let age = |slot: &Slot| Nanos(now.0.saturating_sub(slot.since.0));
        let sent = |slot: &Slot| slot.stage != Stage::Waiting;
        if self.table.find(|slot| sent(slot) && age(slot) >= timeout + timeout).next().is_some() {
            let change = self.controller.reset(ResetCause::CommandTimeout, now);
            return self.changed(change, now);
        }
        let late = |slot: &Slot| slot.stage == Stage::Sent && age(slot) >= timeout;
        let Some(index) = self.table.oldest(late) else { return };
        let sqid = qid(self.pairs.of(index));
        if self.controller.abort(sqid, index, now) {
            let slot = self.table.get(index).expect("found just now");
            slot.stage = Stage::Aborting;
            (self.observer)(Event::Aborted { after_ms: age(slot).0 / 1_000_000 });
        }
    }
}
