//! What every block must hold: the table behind verify mode.
//!
//! Each change of a block gets the next *generation*. At most one change of a block is in flight at a time (the
//! engine asks [`Expectations::begin`] and draws again if a block is busy), so generations reach the device in order.
//! Per block, with `acknowledged <= issued`:
//!
//! ```text
//!    acknowledged       the youngest generation the device has confirmed
//!    issued             the youngest generation sent; equal unless in flight or of unknown outcome
//!    zeroed             the youngest generation that leaves zeroes
//! ```
//!
//! A read may return any generation from the one acknowledged when it was *submitted* (its floor) to the one issued
//! when it *completes*: an older one is a lost write, any other stamp is foreign. Zeroes are right if
//! `zeroed >= floor`. A change whose outcome is unknown (error status, lost connection) leaves `acknowledged` behind
//! `issued`, so both contents stay right until the next acknowledged change.

use crate::num::index;
use crate::stamp::{Content, Stamp};
use crate::workload::Region;

/// Set in `issued` while a change is in flight.
const BUSY: u32 = 1 << 31;

/// What a change leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stamped data.
    Write,
    /// Zeroes: Write Zeroes, or a deallocation where zeroes are demanded.
    Zero,
    /// Zeroes or the former content: Deallocate is advice in NVMe (NVM command set, Dataset Management).
    MayZero,
}

/// What blocks hold before the first change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initial {
    /// Zeroes: a new volume.
    #[default]
    Zeroes,
    /// Anything: a used device. Reads of a block prove nothing until it is written.
    Anything,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    acknowledged: u32,
    issued: u32,
    zeroed: u32,
}

impl Entry {
    fn generation(self) -> u32 {
        self.issued & !BUSY
    }

    fn is_busy(self) -> bool {
        self.issued & BUSY != 0
    }
}

/// Why a block is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An older generation than one acknowledged.
    #[error("lost write: generation {found}, at least {floor} was acknowledged")]
    Stale {
        /// What was there.
        found: u32,
        /// The oldest allowed.
        floor: u32,
    },
    /// Zeroes where data was acknowledged.
    #[error("lost write: zeroes, at least generation {floor} was acknowledged")]
    Zeroed {
        /// The oldest allowed.
        floor: u32,
    },
    /// A generation that was never sent.
    #[error("generation {found} was never written, {issued} is the youngest")]
    Future {
        /// What was there.
        found: u32,
        /// The youngest allowed.
        issued: u32,
    },
    /// Another job or an earlier run wrote it.
    #[error("foreign block: written with seed {seed:#018x}")]
    Foreign {
        /// The seed found.
        seed: u64,
    },
    /// A block of this job at the wrong address.
    #[error("misplaced block: this is LBA {found}")]
    Misplaced {
        /// The address it was written to.
        found: u64,
    },
    /// Neither zeroes nor a whole stamp.
    #[error("damaged block: torn, corrupt or not written by sluice-perf")]
    Damaged,
}

/// The table of one job's region.
pub struct Expectations {
    region: Region,
    seed: u64,
    initial: Initial,
    entries: Vec<Entry>,
}

impl Expectations {
    /// Nothing written yet. 12 bytes of memory per block, taken from the kernel as blocks are touched.
    #[must_use]
    pub fn new(region: Region, seed: u64, initial: Initial) -> Self {
        let entries = vec![Entry::default(); index(region.blocks)];
        Self { region, seed, initial, entries }
    }

    fn range(&self, lba: u64, blocks: u32) -> std::ops::Range<usize> {
        let start = index(lba - self.region.first);
        start..start + index(u64::from(blocks))
    }

    fn entry(&self, lba: u64) -> Entry {
        self.entries[index(lba - self.region.first)]
    }

    /// Starts a change of `blocks` blocks from `lba`: they get their next generation. False, and nothing is done, if
    /// one of them is in flight.
    #[must_use]
    pub fn begin(&mut self, lba: u64, blocks: u32, change: Change) -> bool {
        let range = self.range(lba, blocks);
        let entries = &mut self.entries[range];
        if entries.iter().any(|e| e.is_busy()) {
            return false;
        }
        for entry in entries {
            entry.issued += 1;
            if change != Change::Write {
                entry.zeroed = entry.issued;
            }
            entry.issued |= BUSY;
        }
        true
    }

    /// The device confirmed the change.
    pub fn acknowledge(&mut self, lba: u64, blocks: u32, change: Change) {
        let range = self.range(lba, blocks);
        for entry in &mut self.entries[range] {
            entry.issued &= !BUSY;
            if change != Change::MayZero {
                entry.acknowledged = entry.issued;
            }
        }
    }

    /// The outcome of the change will never be known.
    pub fn abandon(&mut self, lba: u64, blocks: u32) {
        let range = self.range(lba, blocks);
        for entry in &mut self.entries[range] {
            entry.issued &= !BUSY;
        }
    }

    /// The stamp of the block's youngest change, to be written, also once more after a reconnection.
    #[must_use]
    pub fn stamp(&self, lba: u64) -> Stamp {
        Stamp { lba, seed: self.seed, generation: self.entry(lba).generation() }
    }

    /// The oldest generation that a read submitted now may return, for each block from `lba`.
    pub fn floors(&self, lba: u64, floors: &mut [u32]) {
        let range = self.range(lba, crate::num::len32(floors.len()));
        for (floor, entry) in floors.iter_mut().zip(&self.entries[range]) {
            *floor = entry.acknowledged;
        }
    }

    /// Whether the block was ever changed.
    #[must_use]
    pub fn is_touched(&self, lba: u64) -> bool {
        self.entry(lba).generation() > 0
    }

    /// Judges what a read submitted at `floor` found.
    ///
    /// # Errors
    /// The reason why the content is wrong.
    pub fn check(&self, lba: u64, floor: u32, content: Content) -> Result<(), Fault> {
        if floor == 0 && self.initial == Initial::Anything {
            return Ok(());
        }
        let entry = self.entry(lba);
        match content {
            Content::Zeroes if entry.zeroed >= floor => Ok(()),
            Content::Zeroes => Err(Fault::Zeroed { floor }),
            Content::Damaged => Err(Fault::Damaged),
            Content::Stamped(stamp) => self.check_stamp(lba, floor, entry.generation(), stamp),
        }
    }

    fn check_stamp(&self, lba: u64, floor: u32, issued: u32, stamp: Stamp) -> Result<(), Fault> {
        let found = stamp.generation;
        if stamp.seed != self.seed {
            Err(Fault::Foreign { seed: stamp.seed })
        } else if stamp.lba != lba {
            Err(Fault::Misplaced { found: stamp.lba })
        } else if found < floor {
            Err(Fault::Stale { found, floor })
        } else if found > issued {
            Err(Fault::Future { found, issued })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod test;
