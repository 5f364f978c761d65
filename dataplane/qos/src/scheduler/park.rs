//! I/O whose turn has come and that cannot go, because its caller has no memory for it at the moment.
//!
//! It has paid and keeps its turn, but the room it would take at the device is the others'. Were it not, those that hold
//! memory and wait for room would wait for those that have room and wait for memory.

use sluice_device::Nanos;

use super::Scheduler;
use crate::structure::{Haste, SlotState};

impl Scheduler {
    /// Takes back an I/O that was let go and not submitted. [`unpark`](Self::unpark) or [`remove`](Self::remove) it.
    ///
    /// # Panics
    /// If the slot's I/O is not at the device.
    pub fn park(&mut self, slot: u32) {
        let entry = self.slots.get_mut(slot);
        let state = entry.state;
        assert!(state == SlotState::InFlight, "slot {slot} is not at the device but {state:?}");
        entry.state = SlotState::Parked;
        self.governor.left(entry);
    }

    /// A parked I/O goes to the device now, whether there is room or not: what was parked is little, and comes back as
    /// memory does.
    ///
    /// # Panics
    /// If the slot's I/O is not parked.
    pub fn unpark(&mut self, now: Nanos, slot: u32) {
        let entry = self.slots.get_mut(slot);
        let state = entry.state;
        assert!(state == SlotState::Parked, "slot {slot} is not parked but {state:?}");
        (entry.state, entry.at, entry.haste) = (SlotState::InFlight, now.0, Haste::Queued);
        self.governor.entered(entry);
    }
}
