//! What to access next: a pure, seeded generator of block accesses.
//!
//! Called by the engine once per I/O, so a draw allocates nothing. Invariants of every access:
//! `region.first <= lba`, `lba + blocks <= region.first + region.blocks`, `blocks >= 1`, and random accesses start at
//! a multiple of their own size (as disks are benchmarked), counted from the start of the region.

mod generator;
mod mix;
mod zipf;

pub use generator::{Generator, Plan};
pub use mix::{OpMix, SizeMix, SizeMixError};
pub use zipf::Zipf;

use serde::{Deserialize, Serialize};

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessOp {
    /// NVMe Read.
    Read,
    /// NVMe Write.
    Write,
    /// NVMe Dataset Management, deallocate.
    Deallocate,
    /// NVMe Write Zeroes.
    WriteZeroes,
}

impl AccessOp {
    /// Whether the access may change what its blocks hold.
    #[must_use]
    pub fn modifies(self) -> bool {
        self != Self::Read
    }
}

/// One access. Units: logical blocks of the namespace or device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// What it does.
    pub op: AccessOp,
    /// First block.
    pub lba: u64,
    /// Number of blocks, at least 1.
    pub blocks: u32,
}

/// The blocks a job works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First block.
    pub first: u64,
    /// Number of blocks.
    pub blocks: u64,
}

impl Region {
    /// The block after the last.
    #[must_use]
    pub fn end(self) -> u64 {
        self.first + self.blocks
    }

    /// The `index`-th of `count` parts of nearly equal size, in order, without gaps.
    ///
    /// # Panics
    /// If `index >= count`.
    #[must_use]
    pub fn part(self, index: u64, count: u64) -> Self {
        assert!(index < count, "part {index} of {count}");
        let cut = |i: u64| {
            let wide = u128::from(self.blocks) * u128::from(i) / u128::from(count);
            u64::try_from(wide).expect("a fraction of a 64-bit number")
        };
        Self { first: self.first + cut(index), blocks: cut(index + 1) - cut(index) }
    }
}

/// In which order blocks are visited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Uniform over the region.
    #[default]
    Random,
    /// One after the other, wrapping at the end of the region; each connection walks from its own start.
    Sequential,
    /// Zipf-distributed: the block of rank k is visited with a frequency proportional to `1 / k^theta`. Ranks are
    /// scattered over the region.
    Zipf {
        /// Skew, `0 < theta < 10`; 0.99 is what YCSB uses.
        theta: f64,
    },
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn parts_cover_the_region() {
        let region = Region { first: 100, blocks: 1001 };
        let parts: Vec<Region> = (0..7).map(|i| region.part(i, 7)).collect();
        assert_eq!(parts[0].first, 100);
        assert!(parts.windows(2).all(|w| w[0].end() == w[1].first));
        assert_eq!(parts[6].end(), region.end());
    }
}
