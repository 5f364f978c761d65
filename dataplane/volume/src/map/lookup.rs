//! Where a volume's blocks are.

use std::ops::Range;

use super::forest::{Forest, Map};
use super::geometry::{CHUNK_BLOCKS, ChunkIndex, LEAF_BLOCKS, node_blocks};
use super::node::Entry;
use super::path::Leaf;

/// Blocks of a volume that lie one after the other on the device, or nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// The first of them, in blocks of the volume.
    pub start: u64,
    /// How many.
    pub blocks: u64,
    /// Where they are.
    pub place: Place,
}

/// Where blocks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// Nowhere: they read as zeroes.
    #[default]
    Hole,
    /// On the device.
    Mapped {
        /// The first of them, in blocks of the device.
        block: u64,
        /// Whether they may be overwritten there: nobody else can see them.
        in_place: bool,
    },
}

impl Place {
    /// The place `blocks` further on.
    fn after(self, blocks: u64) -> Self {
        match self {
            Self::Hole => Self::Hole,
            Self::Mapped { block, in_place } => Self::Mapped { block: block + blocks, in_place },
        }
    }
}

/// Extents on their way into the caller's slice; neighbours are joined.
struct Extents<'a> {
    into: &'a mut [Extent],
    filled: usize,
}

impl Extents<'_> {
    /// Adds an extent that follows the last one; whether there was room.
    fn push(&mut self, next: Extent) -> bool {
        if let Some(last) = self.into[..self.filled].last_mut()
            && last.place.after(last.blocks) == next.place
        {
            last.blocks += next.blocks;
            return true;
        }
        let Some(free) = self.into.get_mut(self.filled) else { return false };
        *free = next;
        self.filled += 1;
        true
    }
}

impl Forest {
    /// Says where `blocks` of a map are: fills extents from `blocks.start` on, without gaps, until the range ends or
    /// `into` is full, and returns how many. An overwrite needs no more than this: if every extent is mapped and
    /// `in_place`, the data goes there and no metadata changes. Does not allocate.
    ///
    /// # Panics
    /// If the range ends beyond the map.
    pub fn lookup(&self, map: &Map, blocks: Range<u64>, into: &mut [Extent]) -> usize {
        assert!(blocks.end <= map.blocks, "{blocks:?} of {}", map.blocks);
        let mut extents = Extents { into, filled: 0 };
        let mut at = blocks.start;
        while at < blocks.end {
            let (end, fits) = match self.find_leaf(map, ChunkIndex::of(at)) {
                Ok(leaf) => {
                    let end = next_boundary(at, LEAF_BLOCKS).min(blocks.end);
                    (end, self.extents_of_leaf(leaf, at..end, &mut extents))
                }
                Err(level) => {
                    let unmapped = if level == 0 { LEAF_BLOCKS } else { node_blocks(level - 1) };
                    let end = next_boundary(at, unmapped).min(blocks.end);
                    (end, extents.push(Extent { start: at, blocks: end - at, place: Place::Hole }))
                }
            };
            if !fits {
                break;
            }
            at = end;
        }
        extents.filled
    }

    fn extents_of_leaf(&self, leaf: Leaf, blocks: Range<u64>, extents: &mut Extents<'_>) -> bool {
        let node = &self.nodes[leaf.id];
        let mut at = blocks.start;
        while at < blocks.end {
            let index = ChunkIndex::of(at);
            let end = (index.first_block() + CHUNK_BLOCKS).min(blocks.end);
            let (place, length) = self.run(node.entry(index.slot(0)), at % CHUNK_BLOCKS, leaf.sole);
            let blocks = length.min(end - at);
            if !extents.push(Extent { start: at, blocks, place }) {
                return false;
            }
            at += blocks;
        }
        true
    }

    /// Where the block at an offset of an entry is, and how many from there on lie alike.
    fn run(&self, entry: Entry, offset: u64, sole: bool) -> (Place, u64) {
        let mapped = |chunk: super::Chunk| Place::Mapped {
            block: chunk.first_block() + offset,
            in_place: sole && self.space.is_single(chunk),
        };
        match entry {
            Entry::Hole => (Place::Hole, CHUNK_BLOCKS - offset),
            Entry::Whole(chunk) => (mapped(chunk), CHUNK_BLOCKS - offset),
            Entry::Fragment(_) => {
                let offset = u32::try_from(offset).expect("below CHUNK_BLOCKS");
                let mut hole = u64::MAX;
                for layer in self.layers.of(entry) {
                    let alike = u64::from(layer.mask.alike_from(offset));
                    if layer.mask.contains(offset) {
                        return (mapped(layer.chunk), alike);
                    }
                    hole = hole.min(alike);
                }
                (Place::Hole, hole)
            }
        }
    }
}

fn next_boundary(at: u64, unit: u64) -> u64 {
    (at / unit + 1) * unit
}
