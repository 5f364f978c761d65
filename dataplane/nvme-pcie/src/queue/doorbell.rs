//! Doorbells, and their shadows in memory (Doorbell Buffer Config, NVMe Base section 5.8).
//!
//! A doorbell is a register, and writing one costs a trip over the bus; in a virtual machine it costs an exit. A
//! controller that offers shadows reads the value from memory while it is awake anyway, and says in the event index
//! from which value on it wants to be woken.

use std::sync::atomic::{Ordering, fence};

use sluice_nvme::pcie::DOORBELLS;

use super::Shared;
use crate::hardware::Hardware;

/// Where the shadow of a doorbell lies in the shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shadow {
    /// Our value.
    pub(crate) value: u64,
    /// The controller's: it wants the register written when our value passes it.
    pub(crate) event_index: u64,
}

/// One doorbell.
#[derive(Debug)]
pub(crate) struct Doorbell {
    register: u32,
    shadow: Option<Shadow>,
    value: u16,
}

impl Doorbell {
    /// Doorbell `index` of a controller with doorbell stride `dstrd` (CAP.DSTRD). The tail doorbell of queue `n` is
    /// `2n`, its head doorbell `2n + 1`.
    pub(crate) fn new(index: u16, dstrd: u8, shadow: Option<Shadow>) -> Self {
        let register = DOORBELLS + (u32::from(index) << (2 + dstrd));
        Self { register, shadow, value: 0 }
    }

    /// What the controller was told last.
    #[inline]
    pub(crate) fn rung(&self) -> u16 {
        self.value
    }

    /// Tells the controller `value`, once for any number of entries. What was stored before is visible to it.
    #[inline]
    pub(crate) fn ring(&mut self, hardware: &impl Hardware, memory: &impl Shared, value: u16) {
        let before = std::mem::replace(&mut self.value, value);
        fence(Ordering::Release);
        let Some(shadow) = self.shadow else {
            return hardware.write32(self.register, u32::from(value));
        };
        memory.store32(shadow.value, u32::from(value), Ordering::Relaxed);
        // The controller writes its event index before it looks at our value for the last time, so we must look at
        // the index only after ours can be seen.
        fence(Ordering::SeqCst);
        let [low, high, ..] = memory.load32(shadow.event_index, Ordering::Relaxed).to_le_bytes();
        if passes(u16::from_le_bytes([low, high]), before, value) {
            hardware.write32(self.register, u32::from(value));
        }
    }
}

/// Whether going from `before` to `value` passes `event_index`: the controller is to be woken at the value after it.
/// Distances, because values wrap.
fn passes(event_index: u16, before: u16, value: u16) -> bool {
    value.wrapping_sub(event_index).wrapping_sub(1) < value.wrapping_sub(before)
}

#[cfg(test)]
mod test {
    use super::passes;

    #[test]
    fn a_controller_is_woken_when_its_index_is_passed() {
        for (event_index, before, value, woken) in [
            (0, 0, 1, true),
            (0, 1, 2, false),
            (5, 4, 5, false),
            (5, 5, 6, true),
            (5, 3, 9, true),
            (9, 3, 9, false),
            (62, 60, 63, true),
            (3, 60, 2, false),
            (1, 60, 2, true),
            (62, 63, 2, false),
        ] {
            assert_eq!(passes(event_index, before, value), woken, "{event_index}: {before} to {value}");
        }
    }
}
