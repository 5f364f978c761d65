//! I/O is back from the device.

use sluice_device::Nanos;

use super::Scheduler;
use crate::structure::SlotState;

impl Scheduler {
    /// An I/O that was dispatched has completed, well or not; its slot is free. Room may have come: dispatch.
    ///
    /// # Panics
    /// If the slot's I/O is not at the device.
    #[inline]
    pub fn complete(&mut self, now: Nanos, slot: u32) {
        let entry = self.slots.get_mut(slot);
        let state = entry.state;
        assert!(state == SlotState::InFlight, "slot {slot} is not at the device but {state:?}");
        entry.state = SlotState::Free;
        let latency = Nanos(now.0.saturating_sub(entry.at));
        self.governor.completed(entry, latency);
        let volume = &mut self.volumes[usize::from(entry.volume)];
        volume.in_flight -= 1;
        self.stats[volume.app as usize].device_latency.record(latency);
    }
}
