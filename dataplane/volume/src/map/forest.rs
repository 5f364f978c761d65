//! All maps of a pool: how they come, are shared and go.

use super::checkpoint::Checkpoint;
use super::geometry::{ChunkIndex, MAX_MAP_BLOCKS, level_for};
use super::held::Held;
use super::layers::Layers;
use super::mask::BlockMask;
use super::node::{NodeId, Nodes, ROOT};
use super::reclaim::Dead;
use super::space::Space;

/// What a volume or a snapshot maps: its size and the root of its tree.
///
/// Not a copy of anything and not to be copied: it stands for one reference to its root. Whoever has no more use for
/// it hands it to [`Forest::release`]; dropping it would leave what it maps allocated until the pool is opened again.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a map that is dropped keeps its chunks: release it"]
pub struct Map {
    pub(super) root: Option<NodeId>,
    pub(super) blocks: u64,
}

impl Map {
    /// How long it is.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// The root of its tree, at the lowest level that reaches [`Map::blocks`]; `None` if nothing is mapped.
    #[must_use]
    pub fn root(&self) -> Option<NodeId> {
        self.root
    }

    /// The level of its root.
    pub(super) fn level(&self) -> usize {
        level_for(self.blocks)
    }

    /// The blocks at a place that the map has at all.
    pub(super) fn within(&self, index: ChunkIndex) -> BlockMask {
        BlockMask::of_chunk(index.first_block(), &(0..self.blocks))
    }
}

/// The maps of a pool, with all nodes and chunks they share.
#[derive(Debug)]
pub struct Forest {
    pub(super) nodes: Nodes,
    pub(super) layers: Layers,
    pub(super) space: Space,
    pub(super) held: Held,
    pub(super) dead: Dead,
    pub(super) checkpoint: Checkpoint,
}

impl Forest {
    /// No map, and so many free chunks.
    ///
    /// # Panics
    /// If there are more than [`MAX_CHUNKS`](super::MAX_CHUNKS).
    #[must_use]
    pub fn new(chunks: u32) -> Self {
        Self {
            nodes: Nodes::new(),
            layers: Layers::new(),
            space: Space::new(chunks),
            held: Held::default(),
            dead: Dead::default(),
            checkpoint: Checkpoint::new(),
        }
    }

    /// Makes sure that so many nodes and layers can be added, and drops held, without growth.
    pub fn reserve(&mut self, nodes: u32, layers: u32, drops: usize) {
        self.nodes.reserve(nodes);
        self.layers.reserve(layers);
        self.held.reserve(drops);
        self.checkpoint.reserve(nodes as usize);
    }

    /// Layers of fragments that all leaves have together: merges spare them, at twelve bytes each.
    #[must_use]
    pub fn layers(&self) -> u32 {
        self.layers.live()
    }

    /// Nodes that all maps have together.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.nodes.live()
    }

    /// The pool's chunks.
    #[must_use]
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The pool's chunks, to allocate.
    pub fn space_mut(&mut self) -> &mut Space {
        &mut self.space
    }

    /// A map of so many blocks, none of them mapped.
    ///
    /// # Panics
    /// If it is longer than [`MAX_MAP_BLOCKS`].
    pub fn create(&self, blocks: u64) -> Map {
        assert!(blocks <= MAX_MAP_BLOCKS, "{blocks} blocks are more than a map has");
        Map { root: None, blocks }
    }

    /// A second map with the same contents: a snapshot, or a clone of one. Constant time.
    pub fn share(&mut self, map: &Map) -> Map {
        if let Some(root) = map.root {
            let node = &mut self.nodes[root];
            node.refs += 1;
            node.parents ^= ROOT;
        }
        Map { root: map.root, blocks: map.blocks }
    }

    /// Gives a map back. Constant time: what only it mapped is reclaimed later. The I/O begun under it must be over.
    pub fn release(&mut self, map: Map) {
        if let Some(root) = map.root {
            self.detach(root, ROOT);
        }
    }

    /// Makes `map` what `to` is: its contents and its size. Constant time; the I/O begun under it must be over.
    pub fn rollback(&mut self, map: &mut Map, to: &Map) {
        let new = self.share(to);
        self.release(std::mem::replace(map, new));
    }
}
