//! The device on which all volumes lie: a value per block, and who wrote it.

use std::collections::BTreeMap;

/// A block's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) value: u64,
    /// The volume that wrote it.
    pub(crate) volume: u64,
    /// Which of its blocks.
    pub(crate) block: u64,
}

/// Blocks by number; what was never written holds nothing sensible.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    blocks: BTreeMap<u64, Written>,
}

impl Disk {
    pub(crate) fn write(&mut self, at: u64, written: Written) {
        self.blocks.insert(at, written);
    }

    pub(crate) fn read(&self, at: u64) -> Written {
        *self.blocks.get(&at).unwrap_or_else(|| panic!("device block {at} is mapped and was never written"))
    }
}
