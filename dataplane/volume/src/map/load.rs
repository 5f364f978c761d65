//! Building a forest from what is on disk.
//!
//! The disk holds nodes and maps. Which chunk is free, who shares what and all sums are counted from them, so that no
//! crash can leave them wrong, and nothing that is lost stays lost for longer than until the next opening.

use super::change::shape;
use super::forest::{Forest, Map};
use super::fragment::Layer;
use super::geometry::{Chunk, LEVELS, MAX_MAP_BLOCKS, NODE_ENTRIES, level_for};
use super::mask::BlockMask;
use super::node::{Entry, NodeId, ROOT, Sums};
use super::space::Space;

/// Why decoded nodes make no forest. Their checksums were right, so this is no disk's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A node's level is not one above its child's, or a map's root is not at the level of its size.
    #[error("a node of level {found} stands where level {expected} belongs: restore the pool from a backup")]
    Level {
        /// The level that belongs there.
        expected: usize,
        /// The level that is there.
        found: usize,
    },
    /// A slot that no node has, or one that is taken already.
    #[error("slot {slot} of a node is told twice or does not exist: restore the pool from a backup")]
    Slot {
        /// The slot.
        slot: usize,
    },
    /// Masks are empty or overlap, or a chunk occurs twice.
    #[error("the layers of slot {slot} overlap: restore the pool from a backup")]
    Layers {
        /// The slot.
        slot: usize,
    },
    /// A chunk beyond the pool, or one that holds metadata.
    #[error("{chunk:?} cannot hold a volume's blocks: restore the pool from a backup")]
    Chunk {
        /// The chunk.
        chunk: Chunk,
    },
    /// A map longer than maps can be.
    #[error("a map of {blocks} blocks is too long: restore the pool from a backup")]
    Length {
        /// Its length.
        blocks: u64,
    },
    /// A node to which nothing refers.
    #[error("nothing refers to the node at {place:#x}: restore the pool from a backup")]
    Unreferenced {
        /// Its place on disk.
        place: u64,
    },
}

/// A forest in the making: nodes in any order, each once, then [`Loader::finish`].
#[derive(Debug)]
pub struct Loader {
    forest: Forest,
}

impl Loader {
    /// A pool of so many chunks.
    ///
    /// # Panics
    /// If there are more than [`MAX_CHUNKS`](super::MAX_CHUNKS).
    #[must_use]
    pub fn new(chunks: u32) -> Self {
        Self { forest: Forest::new(chunks) }
    }

    /// The pool's chunks: claim those that hold metadata.
    pub fn space_mut(&mut self) -> &mut Space {
        &mut self.forest.space
    }

    /// A node without content, written at `place`.
    ///
    /// # Errors
    /// [`Malformed::Level`]: there is no such level.
    pub fn node(&mut self, level: usize, place: u64) -> Result<NodeId, Malformed> {
        if level >= LEVELS {
            return Err(Malformed::Level { expected: LEVELS - 1, found: level });
        }
        let id = self.forest.nodes.take(level);
        self.forest.nodes[id].place = place;
        Ok(id)
    }

    /// An entry of an interior node.
    ///
    /// # Errors
    /// [`Malformed::Slot`], [`Malformed::Level`].
    pub fn child(&mut self, parent: NodeId, slot: usize, child: NodeId) -> Result<(), Malformed> {
        let nodes = &mut self.forest.nodes;
        let (level, found) = (nodes[parent].level as usize, nodes[child].level as usize);
        if level != found + 1 {
            return Err(Malformed::Level { expected: level.saturating_sub(1), found });
        }
        let entry = nodes[parent].entries.get_mut(slot).filter(|entry| **entry == 0);
        *entry.ok_or(Malformed::Slot { slot })? = child.get();
        nodes[child].refs += 1;
        nodes[child].parents ^= parent.get();
        Ok(())
    }

    /// A layer of a leaf's entry; all blocks in one chunk is the layer with all blocks.
    ///
    /// # Errors
    /// [`Malformed::Level`]: not a leaf. [`Malformed::Slot`], [`Malformed::Layers`], [`Malformed::Chunk`].
    pub fn layer(&mut self, leaf: NodeId, slot: usize, layer: Layer) -> Result<(), Malformed> {
        let level = self.forest.nodes[leaf].level as usize;
        if level != 0 {
            return Err(Malformed::Level { expected: 0, found: level });
        }
        if slot >= NODE_ENTRIES {
            return Err(Malformed::Slot { slot });
        }
        self.load_chunk(layer.chunk)?;
        let entry = self.forest.nodes[leaf].entry(slot);
        let new = match entry {
            Entry::Hole if layer.mask == BlockMask::ALL => Entry::Whole(layer.chunk),
            entry => self.with_layer(entry, slot, layer)?,
        };
        self.forest.nodes[leaf].entries[slot] = new.encode();
        Ok(())
    }

    /// A map and the reference to its root.
    ///
    /// # Errors
    /// [`Malformed::Length`], [`Malformed::Level`].
    pub fn map(&mut self, blocks: u64, root: Option<NodeId>) -> Result<Map, Malformed> {
        if blocks > MAX_MAP_BLOCKS {
            return Err(Malformed::Length { blocks });
        }
        if let Some(root) = root {
            let node = &mut self.forest.nodes[root];
            let (expected, found) = (level_for(blocks), node.level as usize);
            if expected != found {
                return Err(Malformed::Level { expected, found });
            }
            node.refs += 1;
            node.parents ^= ROOT;
        }
        Ok(Map { root, blocks })
    }

    /// The forest, once all nodes and maps are loaded.
    ///
    /// # Errors
    /// [`Malformed::Unreferenced`]. [`Malformed::Chunk`]: a leaf refers to a claimed chunk.
    pub fn finish(mut self) -> Result<Forest, Malformed> {
        let forest = &mut self.forest;
        forest.space.load_free().map_err(|chunk| Malformed::Chunk { chunk })?;
        for level in 0..LEVELS {
            for number in 1..forest.nodes.end() {
                let Some((id, node)) =
                    forest.nodes.get(number).filter(|(_, node)| node.level as usize == level)
                else {
                    continue;
                };
                if node.refs == 0 {
                    return Err(Malformed::Unreferenced { place: node.place });
                }
                forest.nodes[id].sums =
                    if level == 0 { forest.load_owners(id) } else { forest.count_sums(id) };
            }
        }
        Ok(self.forest)
    }

    fn load_chunk(&mut self, chunk: Chunk) -> Result<(), Malformed> {
        if !self.forest.space.has(chunk) {
            return Err(Malformed::Chunk { chunk });
        }
        self.forest.space.load(chunk);
        Ok(())
    }

    /// The entry with one more layer.
    fn with_layer(&mut self, entry: Entry, slot: usize, layer: Layer) -> Result<Entry, Malformed> {
        let mut fragment = self.forest.layers.fragment(entry);
        let overlaps = !(fragment.mapped() & layer.mask).is_empty();
        if layer.mask.is_empty() || overlaps || fragment.holds(layer.chunk) {
            return Err(Malformed::Layers { slot });
        }
        fragment.push(layer);
        self.forest.layers.give_back(entry);
        Ok(self.forest.layers.entry(&fragment))
    }
}

impl Forest {
    /// A leaf's sums, once all leaves are loaded; tells its shared chunks that it is one of their leaves.
    fn load_owners(&mut self, leaf: NodeId) -> Sums {
        let mut sums = Sums::default();
        for entry in self.nodes[leaf].entries.into_iter().map(Entry::decode) {
            sums += shape(entry, self.layers.of(entry));
            let space = &mut self.space;
            self.layers.of(entry).for_each(|one| sums.own += i64::from(space.load_owner(one.chunk, leaf)));
        }
        sums
    }
}

#[cfg(test)]
mod test;
