//! Seals: which state is durable, and that nothing it needs is overwritten before the next one is.

use sluice_volume::map::Hold;

use crate::disk::{Disk, Written};

/// One block of a sealed state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed {
    pub(crate) volume: u64,
    pub(crate) block: u64,
    pub(crate) at: u64,
    pub(crate) value: u64,
}

/// The last sealed state.
#[derive(Debug, Default)]
pub(crate) struct Seals {
    number: u64,
    blocks: Vec<Sealed>,
}

impl Seals {
    /// Checks the state that a power cut would bring back now.
    pub(crate) fn check(&self, disk: &Disk) {
        for sealed in &self.blocks {
            let Written { value, volume, block } = disk.read(sealed.at);
            let by_itself = (volume, block) == (sealed.volume, sealed.block);
            assert!(value == sealed.value || by_itself, "{sealed:?} was overwritten by volume {volume}");
        }
    }

    /// What the last seal reached.
    pub(crate) fn reached(&self) -> Option<Hold> {
        let number = self.number.checked_sub(1)?;
        Some(Hold { record: number, io: number })
    }

    /// Everything done so far is durable; returns what drops have reached, and what those to come wait for.
    pub(crate) fn seal(&mut self, blocks: Vec<Sealed>) -> (Hold, Hold) {
        let reached = Hold { record: self.number, io: self.number };
        self.number += 1;
        self.blocks = blocks;
        (reached, Hold { record: self.number, io: self.number })
    }
}
