//! Which fragments to make whole.
//!
//! A merge brings all blocks of a place into one chunk. That is an ordinary change: the copies are made first, then
//! [`Forest::apply_write`] says where the blocks live. Only what a map has to itself is worth the work: merging a
//! snapshot's shared leaf would copy it, and its chunks, for one of those who share it.

use super::forest::{Forest, Map};
use super::fragment::{Fragment, Layer};
use super::geometry::{Chunk, ChunkIndex, NODE_ENTRIES, entry_blocks};
use super::mask::BlockMask;
use super::node::{Entry, Node};

/// A place whose blocks are to be brought into one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// The place.
    pub index: ChunkIndex,
    /// The chunk that takes them, the map's own; `None`: allocate one.
    pub into: Option<Chunk>,
    /// Blocks to copy there: those mapped elsewhere.
    pub copy: BlockMask,
    /// All blocks that are mapped: what to apply, in the end. With zeroes written to the others, it may be all blocks.
    pub mapped: BlockMask,
}

/// Which fragments are worth a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeScope {
    /// Those of two layers or more: a read of the chunk becomes one device read, and chunks may become free.
    Layered,
    /// Those of one layer as well, whose merge only spares memory.
    All,
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergeScan {
    /// The first merge found.
    pub found: Option<Merge>,
    /// Where to go on, `None` at the map's end.
    pub next: Option<ChunkIndex>,
}

impl MergeScope {
    /// Whether anything under the node is in scope.
    fn may_be_under(self, node: &Node) -> bool {
        match self {
            Self::Layered => node.sums.layers > node.sums.fragments,
            Self::All => node.sums.fragments > 0,
        }
    }

    /// Whether a fragment is in scope, of a chunk with the blocks `within`.
    fn takes(self, fragment: &Fragment, within: BlockMask) -> bool {
        match fragment.layers() {
            [] => false,
            [one] => self == Self::All && one.mask != within,
            _ => true,
        }
    }
}

impl Forest {
    /// Searches a map's own leaves for a fragment in `scope`, from a place on, over at most `limit` steps of a node
    /// each.
    #[must_use]
    pub fn next_merge(&self, map: &Map, from: ChunkIndex, scope: MergeScope, limit: usize) -> MergeScan {
        let mut at = from.first_block();
        for _ in 0..limit {
            if at >= map.blocks {
                return MergeScan { found: None, next: None };
            }
            let (found, next) = self.merge_step(map, ChunkIndex::of(at), scope);
            at = next;
            if found.is_some() {
                return MergeScan { found, next: (at < map.blocks).then(|| ChunkIndex::of(at)) };
            }
        }
        MergeScan { found: None, next: (at < map.blocks).then(|| ChunkIndex::of(at)) }
    }

    /// What merging a place would take; `None` if its blocks are in one chunk already.
    #[must_use]
    pub fn merge_of(&self, map: &Map, index: ChunkIndex) -> Option<Merge> {
        let leaf = self.find_leaf(map, index).ok()?;
        let fragment = self.look_in(leaf.id, index);
        MergeScope::Layered
            .takes(&fragment, map.within(index))
            .then(|| self.merge(index, &fragment, leaf.sole))
    }

    /// Looks at the part of the tree around a place that can be decided at once; also returns where it ends.
    fn merge_step(&self, map: &Map, index: ChunkIndex, scope: MergeScope) -> (Option<Merge>, u64) {
        let mut level = map.level();
        let mut next = map.root;
        // The end of the entry of a level around the place.
        let end = |level: usize| (index.first_block() / entry_blocks(level) + 1) * entry_blocks(level);
        loop {
            let worth = |id: &_| {
                let node: &Node = &self.nodes[*id];
                node.refs == 1 && scope.may_be_under(node)
            };
            let Some(id) = next.filter(worth) else { return (None, end(level + 1)) };
            let node = &self.nodes[id];
            if level == 0 {
                return self.merge_in_leaf(map, node, index, scope);
            }
            next = node.child(index.slot(level));
            level -= 1;
        }
    }

    fn merge_in_leaf(
        &self,
        map: &Map,
        leaf: &Node,
        from: ChunkIndex,
        scope: MergeScope,
    ) -> (Option<Merge>, u64) {
        for (index, slot) in (from.0..=u32::MAX).map(ChunkIndex).zip(from.slot(0)..NODE_ENTRIES) {
            let entry = leaf.entry(slot);
            if let Entry::Fragment(_) = entry {
                let fragment = self.layers.fragment(entry);
                if scope.takes(&fragment, map.within(index)) {
                    return (Some(self.merge(index, &fragment, true)), index.first_block() + entry_blocks(0));
                }
            }
        }
        (None, (from.first_block() / entry_blocks(1) + 1) * entry_blocks(1))
    }

    fn merge(&self, index: ChunkIndex, fragment: &Fragment, sole: bool) -> Merge {
        let own = fragment.layers().iter().filter(|layer| sole && self.space.is_single(layer.chunk));
        let into: Option<&Layer> = own.max_by_key(|layer| layer.mask.count());
        let (mapped, there) = (fragment.mapped(), into.map_or(BlockMask::NONE, |layer| layer.mask));
        Merge { index, into: into.map(|layer| layer.chunk), copy: mapped & !there, mapped }
    }
}
