//! What one entry of a leaf says about its chunk's blocks, as a value.
//!
//! ```text
//!   layers:  chunk 7  ■■□□□□■□   written since the snapshot
//!            chunk 3  □□■■□□□■   what the snapshot holds
//!                         ↑ in no layer: reads as zeroes
//! ```
//!
//! Invariants: masks are disjoint and not empty; no chunk occurs twice. Hence there are at most 32 layers.

use super::geometry::{CHUNK_BLOCKS, Chunk};
use super::mask::BlockMask;

/// The blocks of one place that live in one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Layer {
    /// The chunk.
    pub chunk: Chunk,
    /// Its blocks that are valid here.
    pub mask: BlockMask,
}

/// Most layers that an entry can have: one per block.
const MOST: usize = 32;

const _: () = assert!(MOST as u64 == CHUNK_BLOCKS);

/// The layers of one entry: none for a hole, one with all blocks for a whole chunk.
#[derive(Debug, Clone)]
pub(super) struct Fragment {
    length: usize,
    layers: [Layer; MOST],
}

impl Fragment {
    /// Nothing is mapped.
    pub(super) const HOLE: Self =
        Self { length: 0, layers: [Layer { chunk: Chunk(0), mask: BlockMask::NONE }; MOST] };

    /// Adds a layer that is disjoint from all others.
    pub(super) fn push(&mut self, layer: Layer) {
        self.layers[self.length] = layer;
        self.length += 1;
    }

    pub(super) fn layers(&self) -> &[Layer] {
        &self.layers[..self.length]
    }

    /// The chunk, if it holds every block.
    pub(super) fn as_whole(&self) -> Option<Chunk> {
        match self.layers() {
            [Layer { chunk, mask: BlockMask::ALL }] => Some(*chunk),
            _ => None,
        }
    }

    pub(super) fn holds(&self, chunk: Chunk) -> bool {
        self.layers().iter().any(|layer| layer.chunk == chunk)
    }

    /// All blocks that are mapped.
    pub(super) fn mapped(&self) -> BlockMask {
        self.layers().iter().fold(BlockMask::NONE, |mapped, layer| mapped | layer.mask)
    }

    /// Unmaps blocks.
    pub(super) fn clear(&mut self, mask: BlockMask) {
        let mut kept = 0;
        for at in 0..self.length {
            let left = self.layers[at].mask & !mask;
            if !left.is_empty() {
                self.layers[kept] = Layer { mask: left, ..self.layers[at] };
                kept += 1;
            }
        }
        self.length = kept;
    }

    /// Maps blocks to a chunk, whatever they were mapped to.
    pub(super) fn assign(&mut self, new: Layer) {
        let others = self.layers().iter().filter(|layer| layer.chunk != new.chunk);
        let taken = others.fold(BlockMask::NONE, |taken, layer| taken | layer.mask) & new.mask;
        self.clear(taken);
        match self.layers[..self.length].iter_mut().find(|layer| layer.chunk == new.chunk) {
            Some(layer) => layer.mask |= new.mask,
            None if !new.mask.is_empty() => self.push(new),
            None => {}
        }
    }
}

#[cfg(test)]
mod test {
    use proptest::prelude::*;

    use super::*;

    fn chunk_at(fragment: &Fragment, offset: u32) -> Option<Chunk> {
        let mut found = fragment.layers().iter().filter(|layer| layer.mask.contains(offset));
        let first = found.next().map(|layer| layer.chunk);
        assert!(found.next().is_none(), "masks are disjoint");
        first
    }

    #[test]
    fn every_block_in_a_chunk_of_its_own_and_back() {
        let mut fragment = Fragment::HOLE;
        fragment.push(Layer { chunk: Chunk(99), mask: BlockMask::ALL });
        (0..32).for_each(|at| fragment.assign(Layer { chunk: Chunk(at), mask: BlockMask(1 << at) }));
        assert_eq!(fragment.layers().len(), 32);
        fragment.assign(Layer { chunk: Chunk(7), mask: BlockMask::ALL });
        assert_eq!(fragment.as_whole(), Some(Chunk(7)));
    }

    proptest! {
        #[test]
        fn behaves_like_an_array(
            ops in prop::collection::vec((prop::option::of(0u32..6), any::<u32>(), any::<u32>()), 0..60),
        ) {
            let (mut fragment, mut model) = (Fragment::HOLE, [None; 32]);
            for (chunk, mask, sparser) in ops {
                let (chunk, mask) = (chunk.map(Chunk), BlockMask(mask & sparser));
                match chunk {
                    Some(chunk) => fragment.assign(Layer { chunk, mask }),
                    None => fragment.clear(mask),
                }
                (0..32).filter(|at| mask.contains(*at)).for_each(|at| model[at as usize] = chunk);
                let real: Vec<_> = (0..32).map(|at| chunk_at(&fragment, at)).collect();
                prop_assert_eq!(&real[..], &model[..]);
                prop_assert!(fragment.layers().iter().all(|layer| !layer.mask.is_empty()));
            }
        }
    }
}
