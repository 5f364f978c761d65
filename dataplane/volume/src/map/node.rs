//! Nodes of the map trees and the slab they live in.
//!
//! ```text
//!   leaf entry      0: hole │ 1..: whole chunk + 1 │ top bit: first layer of a fragment
//!   interior entry  0: nothing mapped │ number of the child
//! ```

use std::num::NonZeroU32;
use std::ops::{AddAssign, Index, IndexMut, Neg};

use super::geometry::{Chunk, MAX_CHUNKS, NODE_ENTRIES};
use super::segments::Segments;

/// A node of a forest, from its creation until nothing refers to it and no running checkpoint needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(NonZeroU32);

impl NodeId {
    pub(super) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number, for tables beside the forest: dense, from 1.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

/// An entry of a leaf, in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Hole,
    Whole(Chunk),
    /// Number of the first layer.
    Fragment(u32),
}

const FRAGMENT: u32 = 1 << 31;

impl Entry {
    pub(super) fn decode(raw: u32) -> Self {
        match raw {
            0 => Self::Hole,
            raw if raw & FRAGMENT != 0 => Self::Fragment(raw & !FRAGMENT),
            raw => Self::Whole(Chunk(raw - 1)),
        }
    }

    pub(super) fn encode(self) -> u32 {
        match self {
            Self::Hole => 0,
            Self::Whole(chunk) => {
                debug_assert!(chunk.0 < MAX_CHUNKS);
                chunk.0 + 1
            }
            Self::Fragment(layer) => layer | FRAGMENT,
        }
    }
}

/// What lies under a node; also a change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    /// Blocks mapped.
    pub(super) blocks: i64,
    /// References to chunks.
    pub(super) chunks: i64,
    /// Chunks that would be free if the node were gone: neither they nor a node on the way to them is shared.
    pub(super) own: i64,
    /// Entries that are fragments.
    pub(super) fragments: i64,
    /// Their layers.
    pub(super) layers: i64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.chunks += other.chunks;
        self.own += other.own;
        self.fragments += other.fragments;
        self.layers += other.layers;
    }
}

impl Neg for Sums {
    type Output = Self;

    fn neg(self) -> Self {
        let Self { blocks, chunks, own, fragments, layers } = self;
        Self { blocks: -blocks, chunks: -chunks, own: -own, fragments: -fragments, layers: -layers }
    }
}

/// What stands in [`Node::parents`] for a map that has the node as its root.
pub(super) const ROOT: u32 = u32::MAX;
/// The level of a node that is free.
pub(super) const FREE: u32 = u32::MAX;
/// The place of a node that was never written.
pub(super) const NO_PLACE: u64 = u64::MAX;

/// A node. Its header is the forest's bookkeeping, only `level` and `entries` are ever written to disk.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Parents and maps that refer to it, and such references whose drop is held.
    pub(super) refs: u32,
    /// Exclusive or of those that refer to it: with one left, that one. Next of the list while on one.
    pub(super) parents: u32,
    /// 0 for leaves.
    pub(super) level: u32,
    /// The checkpoint epoch of the last change; 0 once it is on disk.
    pub(super) changed: u32,
    /// What the running checkpoint shall write instead of this node, which has changed since.
    pub(super) shadow: Option<NodeId>,
    /// Where it is on disk.
    pub(super) place: u64,
    pub(super) sums: Sums,
    pub(super) entries: [u32; NODE_ENTRIES],
}

impl Default for Node {
    fn default() -> Self {
        Self {
            refs: 0,
            parents: 0,
            level: FREE,
            changed: 0,
            shadow: None,
            place: NO_PLACE,
            sums: Sums::default(),
            entries: [0; NODE_ENTRIES],
        }
    }
}

impl Node {
    pub(super) fn is_leaf(&self) -> bool {
        self.level == 0
    }

    pub(super) fn child(&self, slot: usize) -> Option<NodeId> {
        debug_assert!(!self.is_leaf());
        NodeId::new(self.entries[slot])
    }

    /// The children of an interior node with their slots.
    pub(super) fn children(&self) -> impl Iterator<Item = (usize, NodeId)> {
        self.entries.iter().enumerate().filter_map(|(slot, raw)| Some((slot, NodeId::new(*raw)?)))
    }

    pub(super) fn entry(&self, slot: usize) -> Entry {
        debug_assert!(self.is_leaf());
        Entry::decode(self.entries[slot])
    }
}

/// Nodes per segment: a segment is 34 KiB, so that growth in the middle of a write stays short.
const SEGMENT: usize = 16;

/// All nodes of a forest, by number. Number 0 is nobody's, so that zero can mean "none".
#[derive(Debug)]
pub(super) struct Nodes {
    slots: Segments<Node, SEGMENT>,
    /// First of the free ones, linked through `parents`; 0 if none.
    free: u32,
    live: u32,
}

impl Nodes {
    pub(super) fn new() -> Self {
        Self { slots: Segments::new(), free: 0, live: 0 }
    }

    /// How many are in use.
    pub(super) fn live(&self) -> u32 {
        self.live
    }

    /// Numbers from here on have never been given out.
    pub(super) fn end(&self) -> u32 {
        self.slots.capacity()
    }

    /// A node that was in use once or is; `None` for a free one.
    pub(super) fn get(&self, number: u32) -> Option<(NodeId, &Node)> {
        let id = NodeId::new(number).filter(|_| number < self.end())?;
        let node = &self.slots[number];
        (node.level != FREE).then_some((id, node))
    }

    /// Takes an empty node.
    pub(super) fn take(&mut self, level: usize) -> NodeId {
        if self.free == 0 {
            self.grow();
        }
        let id = NodeId::new(self.free).expect("there are free ones now");
        let node = &mut self.slots[id.get()];
        self.free = node.parents;
        node.parents = 0;
        node.level = u32::try_from(level).expect("levels are few");
        self.live += 1;
        id
    }

    /// Gives a node back, and clears it for its next user.
    pub(super) fn give_back(&mut self, id: NodeId) {
        let node = &mut self.slots[id.get()];
        debug_assert!(node.level != FREE && node.shadow.is_none());
        *node = Node { parents: self.free, ..Node::default() };
        self.free = id.get();
        self.live -= 1;
    }

    /// Makes sure that so many nodes can be taken without growth.
    pub(super) fn reserve(&mut self, nodes: u32) {
        while self.end().saturating_sub(self.live + 1) < nodes {
            self.grow();
        }
    }

    /// Memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.slots.bytes()
    }

    fn grow(&mut self) {
        for number in self.slots.grow().rev().filter(|number| *number != 0) {
            self.slots[number].parents = self.free;
            self.free = number;
        }
    }
}

impl Index<NodeId> for Nodes {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.slots[id.get()]
    }
}

impl IndexMut<NodeId> for Nodes {
    fn index_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.slots[id.get()]
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn entries_keep_what_they_are() {
        let largest = Chunk(MAX_CHUNKS - 1);
        for entry in [Entry::Hole, Entry::Whole(Chunk(0)), Entry::Whole(largest), Entry::Fragment(0)] {
            assert_eq!(Entry::decode(entry.encode()), entry);
        }
        assert_eq!(Entry::Hole.encode(), 0, "a zeroed leaf maps nothing");
    }

    #[test]
    fn nodes_come_back_empty_and_low_numbers_first() {
        let mut nodes = Nodes::new();
        let [first, second] = [nodes.take(0), nodes.take(1)];
        assert_eq!((first.get(), second.get(), nodes.live()), (1, 2, 2));
        nodes[first].entries[5] = 9;
        nodes.give_back(first);
        assert!(nodes.get(1).is_none() && nodes.get(0).is_none() && nodes.get(9999).is_none());
        assert_eq!(nodes.take(3), first);
        assert_eq!((nodes[first].entries[5], nodes[first].level), (0, 3));
        let before = nodes.end();
        nodes.reserve(before - 3);
        assert_eq!(nodes.end(), before, "number 0 and two live ones");
        nodes.reserve(before - 2);
        assert!(nodes.end() > before);
    }
}
