//! What maps take, exactly and at once.

use super::change::shape;
use super::forest::{Forest, Map};
use super::geometry::{BLOCK_BYTES, CHUNK_BYTES};
use super::node::{Entry, NodeId, Sums};

/// What one map takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Blocks that are mapped.
    pub mapped_blocks: u64,
    /// Chunks that hold them.
    pub chunks: u64,
    /// Chunks among them that would be free if the map were gone. References whose drop is held or waits to be
    /// reclaimed still count, as they still keep the chunk.
    pub exclusive_chunks: u64,
}

impl Usage {
    /// Logical bytes: what was written and not unmapped.
    #[must_use]
    pub fn logical_bytes(&self) -> u64 {
        self.mapped_blocks * BLOCK_BYTES
    }

    /// Bytes of the pool that deleting the map frees.
    #[must_use]
    pub fn exclusive_bytes(&self) -> u64 {
        self.exclusive_chunks * CHUNK_BYTES
    }

    /// Bytes of the pool that it has together with other maps.
    #[must_use]
    pub fn shared_bytes(&self) -> u64 {
        (self.chunks - self.exclusive_chunks) * CHUNK_BYTES
    }
}

/// Memory that a forest holds, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Nodes in use and free.
    pub nodes: usize,
    /// Layers in use and free.
    pub layers: usize,
    /// Free set, counts and owners; the system backs only the parts in use.
    pub space: usize,
    /// Held drops, and lists of changed nodes.
    pub lists: usize,
}

impl Memory {
    /// All of it.
    #[must_use]
    pub fn total(&self) -> usize {
        self.nodes + self.layers + self.space + self.lists
    }
}

impl Forest {
    /// What a map takes. Constant time.
    #[must_use]
    pub fn usage(&self, map: &Map) -> Usage {
        let count = |count: i64| u64::try_from(count).expect("sums are not negative");
        let sums = map.root.map_or(Sums::default(), |root| self.seen_from_above(root));
        Usage {
            mapped_blocks: count(sums.blocks),
            chunks: count(sums.chunks),
            exclusive_chunks: count(sums.own),
        }
    }

    /// The memory that the maps take.
    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory {
            nodes: self.nodes.bytes(),
            layers: self.layers.bytes(),
            space: self.space.bytes(),
            lists: self.held.bytes() + self.checkpoint.bytes(),
        }
    }

    /// A node's sums, from its entries and its children's sums.
    pub(super) fn count_sums(&self, id: NodeId) -> Sums {
        let node = &self.nodes[id];
        let mut sums = Sums::default();
        if node.is_leaf() {
            node.entries.iter().for_each(|raw| sums += self.count_entry(Entry::decode(*raw)));
        } else {
            node.children().for_each(|(_, child)| sums += self.seen_from_above(child));
        }
        sums
    }

    fn count_entry(&self, entry: Entry) -> Sums {
        let own = self.layers.of(entry).filter(|layer| self.space.is_single(layer.chunk)).count();
        Sums { own: i64::try_from(own).expect("at most 32 layers"), ..shape(entry, self.layers.of(entry)) }
    }
}
