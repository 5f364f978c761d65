//! Requests that take too long: aborted first; then the controller is reset.

use sluice_device::Nanos;

use super::NvmeDevice;
use crate::hardware::Hardware;
use crate::health::{Event, ResetCause};
use crate::table::Stage;

/// How often in a command's time the requests are looked over.
const SWEEPS: u64 = 8;

impl<H: Hardware> NvmeDevice<H> {
    /// Aborts the oldest request that is over its time, or resets the controller for one that outlived its abort.
    pub(super) fn sweep(&mut self, now: Nanos) {
        let timeout = self.command_timeout;
        self.next_sweep = now + Nanos(timeout.0 / SWEEPS);
        if !self.controller.is_running() {
            return;
        }
        let is_late =
            |stage| move |slot: &crate::table::Slot| slot.stage == stage && now >= slot.since + timeout;
        if self.table.find(is_late(Stage::Aborting)).next().is_some() {
            let change = self.controller.reset(ResetCause::CommandTimeout, now);
            return self.changed(change, now);
        }
        let late: Option<u16> = self.table.find(is_late(Stage::Sent)).next();
        let Some(index) = late else { return };
        if self.controller.abort(index, now) {
            let slot = self.table.get(index).expect("found just now");
            let after_ms = now.0.saturating_sub(slot.since.0) / 1_000_000;
            (slot.stage, slot.since) = (Stage::Aborting, now);
            (self.observer)(Event::Aborted { after_ms });
        }
    }
}
