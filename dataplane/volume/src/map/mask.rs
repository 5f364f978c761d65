//! Sets of blocks within one chunk.

use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not, Range};

use super::geometry::CHUNK_BLOCKS;

/// Which blocks of a chunk: bit `i` stands for block `i`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BlockMask(pub u32);

const _: () = assert!(u32::BITS as u64 == CHUNK_BLOCKS);

impl BlockMask {
    /// No block.
    pub const NONE: Self = Self(0);
    /// All blocks.
    pub const ALL: Self = Self(u32::MAX);

    /// The blocks `within`, which end at 32 at the latest.
    ///
    /// # Panics
    /// If the range ends beyond the chunk.
    #[must_use]
    pub fn run(within: Range<u32>) -> Self {
        assert!(within.end <= u32::BITS, "a chunk has {CHUNK_BLOCKS} blocks");
        let below = |end: u32| if end == u32::BITS { u32::MAX } else { (1 << end) - 1 };
        Self(below(within.end) & !below(within.start.min(within.end)))
    }

    /// The part of a volume's `blocks` that lies in the chunk whose first block is `first`.
    pub(super) fn of_chunk(first: u64, blocks: &Range<u64>) -> Self {
        let offset = |block: u64| {
            u32::try_from(block.saturating_sub(first).min(CHUNK_BLOCKS)).expect("at most CHUNK_BLOCKS")
        };
        Self::run(offset(blocks.start)..offset(blocks.end))
    }

    /// How many blocks.
    #[must_use]
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there is no block.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether block `offset` is one of them.
    #[must_use]
    pub fn contains(self, offset: u32) -> bool {
        self.0 & (1 << offset) != 0
    }

    /// Whether all blocks of `other` are among them.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// How many blocks from `offset` on are all in the set, or all outside.
    pub(super) fn alike_from(self, offset: u32) -> u32 {
        let ahead = self.0 >> offset;
        let length = if ahead & 1 == 1 { ahead.trailing_ones() } else { ahead.trailing_zeros() };
        length.min(u32::BITS - offset)
    }

    /// The runs of adjacent blocks, lowest first.
    pub fn runs(self) -> impl Iterator<Item = Range<u32>> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let start = (rest != 0).then(|| rest.trailing_zeros())?;
            let end = start + (rest >> start).trailing_ones();
            rest &= !Self::run(start..end).0;
            Some(start..end)
        })
    }
}

impl fmt::Debug for BlockMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blocks {:#010x}", self.0)
    }
}

impl BitAnd for BlockMask {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for BlockMask {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Not for BlockMask {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl BitAndAssign for BlockMask {
    fn bitand_assign(&mut self, other: Self) {
        self.0 &= other.0;
    }
}

impl BitOrAssign for BlockMask {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod test {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_at_the_ends() {
        assert_eq!(BlockMask::run(0..32), BlockMask::ALL);
        assert_eq!(BlockMask::run(5..5), BlockMask::NONE);
        assert_eq!(BlockMask::run(31..32), BlockMask(1 << 31));
        assert!(BlockMask::ALL.runs().eq(std::iter::once(0..32)));
        assert_eq!(BlockMask::of_chunk(64, &(0..1000)), BlockMask::ALL);
        assert_eq!(BlockMask::of_chunk(64, &(0..66)), BlockMask(3));
        assert_eq!(BlockMask::of_chunk(64, &(94..100)), BlockMask(3 << 30));
        assert_eq!(BlockMask::of_chunk(64, &(96..100)), BlockMask::NONE);
    }

    proptest! {
        #[test]
        fn runs_make_up_the_mask(bits: u32) {
            let mask = BlockMask(bits);
            let runs: Vec<_> = mask.runs().collect();
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start));
            let sum = runs.iter().fold(BlockMask::NONE, |sum, run| sum | BlockMask::run(run.clone()));
            prop_assert_eq!(sum, mask);
            for offset in 0..32 {
                let length = mask.alike_from(offset);
                let alike = |at: u32| mask.contains(at) == mask.contains(offset);
                prop_assert!((offset..offset + length).all(alike));
                prop_assert!(offset + length == 32 || !alike(offset + length));
            }
        }
    }
}
