//! Blocks, chunks, leaves: the sizes of the map, and numbers that cannot be mixed up.
//!
//! The chunk is a constant. Half of it would double the map's memory per mapped TiB; twice of it would double what a
//! clone's first small write takes from the pool, and a mask would no longer be one `u32`.

use std::fmt;

/// The unit of validity: what a map can tell apart. Smaller writes read, modify and write a block.
pub const BLOCK_BYTES: u64 = 4096;
/// The unit of allocation and sharing, in blocks: one bit of a [`BlockMask`](super::BlockMask) each.
pub const CHUNK_BLOCKS: u64 = 32;
/// The unit of allocation and sharing, in bytes: 128 KiB.
pub const CHUNK_BYTES: u64 = CHUNK_BLOCKS * BLOCK_BYTES;
/// Entries of a node: chunks of a leaf, children of an interior node.
pub const NODE_ENTRIES: usize = 1 << SLOT_BITS;
/// What a leaf maps, in blocks: 64 MiB.
pub const LEAF_BLOCKS: u64 = CHUNK_BLOCKS << SLOT_BITS;
/// Levels of the highest tree: leaves are level 0.
pub const LEVELS: usize = 4;
/// Longest volume: its chunks are numbered by a `u32`. 512 TiB.
pub const MAX_MAP_BLOCKS: u64 = CHUNK_BLOCKS << 32;
/// Most chunks of a pool: an entry spends a bit and a value. 256 TiB less one chunk.
pub const MAX_CHUNKS: u32 = (1 << 31) - 1;

const SLOT_BITS: u32 = 9;
const SLOT_MASK: u32 = (1 << SLOT_BITS) - 1;

const _: () = assert!(LEVELS * SLOT_BITS as usize >= u32::BITS as usize);

/// A chunk of the pool: bytes `number * CHUNK_BYTES..` of its device, below [`MAX_CHUNKS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Chunk(pub u32);

impl Chunk {
    /// The chunk's first block on the device.
    #[must_use]
    pub fn first_block(self) -> u64 {
        u64::from(self.0) * CHUNK_BLOCKS
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chunk {}", self.0)
    }
}

/// A place in a volume, in chunks. A block lies at the same offset within any chunk that ever holds it, so place and
/// chunk say where it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChunkIndex(pub u32);

impl ChunkIndex {
    /// Where `block` of a volume belongs.
    ///
    /// # Panics
    /// If the block lies beyond [`MAX_MAP_BLOCKS`].
    #[must_use]
    pub fn of(block: u64) -> Self {
        Self(u32::try_from(block / CHUNK_BLOCKS).expect("a block lies within the longest volume"))
    }

    /// The first block of the volume at this place.
    #[must_use]
    pub fn first_block(self) -> u64 {
        u64::from(self.0) * CHUNK_BLOCKS
    }

    /// Which entry of a node of `level` leads there.
    pub(super) fn slot(self, level: usize) -> usize {
        ((self.0 >> (shift(level))) & SLOT_MASK) as usize
    }
}

impl fmt::Debug for ChunkIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chunk index {}", self.0)
    }
}

fn shift(level: usize) -> u32 {
    u32::try_from(level).expect("levels are few") * SLOT_BITS
}

/// Blocks under one entry of a node of `level`.
pub(super) fn entry_blocks(level: usize) -> u64 {
    CHUNK_BLOCKS << shift(level)
}

/// Blocks under a node of `level`.
pub(super) fn node_blocks(level: usize) -> u64 {
    entry_blocks(level) << SLOT_BITS
}

/// The lowest level whose node maps `blocks`.
pub(super) fn level_for(blocks: u64) -> usize {
    (0..LEVELS).find(|level| node_blocks(*level) >= blocks).expect("no volume is longer than MAX_MAP_BLOCKS")
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn levels_and_their_neighbours() {
        for level in 0..LEVELS - 1 {
            assert_eq!(level_for(node_blocks(level)), level);
            assert_eq!(level_for(node_blocks(level) + 1), level + 1);
        }
        assert_eq!(level_for(0), 0);
        assert_eq!(level_for(MAX_MAP_BLOCKS), LEVELS - 1);
    }

    #[test]
    fn slots_spell_the_index() {
        let index = ChunkIndex((3 << 27) | (511 << 18) | (7 << 9) | 256);
        assert_eq!([0, 1, 2, 3].map(|level| index.slot(level)), [256, 7, 511, 3]);
        assert_eq!(ChunkIndex::of(index.first_block() + CHUNK_BLOCKS - 1), index);
        assert_eq!(ChunkIndex::of(MAX_MAP_BLOCKS - 1), ChunkIndex(u32::MAX));
    }
}
