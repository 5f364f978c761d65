//! Nodes as whoever encodes them sees them.

use super::forest::Forest;
use super::fragment::Layer;
use super::geometry::Chunk;
use super::node::{Entry, Node, NodeId};

/// A node's content.
#[derive(Debug, Clone, Copy)]
pub struct NodeView<'a> {
    forest: &'a Forest,
    node: &'a Node,
}

/// An entry of a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryView {
    /// Nothing is mapped.
    Hole,
    /// All blocks are in this chunk.
    Whole(Chunk),
    /// See [`NodeView::layers`].
    Fragment,
}

impl<'a> NodeView<'a> {
    pub(super) fn new(forest: &'a Forest, id: NodeId) -> Self {
        Self { forest, node: &forest.nodes[id] }
    }

    /// 0 for leaves.
    #[must_use]
    pub fn level(&self) -> usize {
        self.node.level as usize
    }

    /// The children of an interior node, with their slots in ascending order.
    ///
    /// # Panics
    /// If it is a leaf.
    pub fn children(&self) -> impl Iterator<Item = (usize, NodeId)> + use<'a> {
        assert!(!self.node.is_leaf(), "a leaf has no children");
        self.node.children()
    }

    /// The entries of a leaf, one after the other.
    ///
    /// # Panics
    /// If it is not a leaf.
    pub fn entries(&self) -> impl Iterator<Item = EntryView> + use<'a> {
        assert!(self.node.is_leaf(), "an interior node has children");
        self.node.entries.iter().map(|raw| match Entry::decode(*raw) {
            Entry::Hole => EntryView::Hole,
            Entry::Whole(chunk) => EntryView::Whole(chunk),
            Entry::Fragment(_) => EntryView::Fragment,
        })
    }

    /// The layers of a leaf's entry that is a fragment; none for any other entry.
    pub fn layers(&self, slot: usize) -> impl Iterator<Item = Layer> + use<'a> {
        let forest = self.forest;
        let entry = Some(self.node.entry(slot)).filter(|entry| matches!(entry, Entry::Fragment(_)));
        entry.into_iter().flat_map(|entry| forest.layers.of(entry))
    }

    /// How many layers all fragments of a leaf have together, and how many fragments there are.
    #[must_use]
    pub fn layers_and_fragments(&self) -> (usize, usize) {
        let fragments = self.entries().filter(|entry| *entry == EntryView::Fragment).count();
        ((0..self.node.entries.len()).map(|slot| self.layers(slot).count()).sum(), fragments)
    }
}

impl Forest {
    /// A node as it is now.
    #[must_use]
    pub fn node(&self, id: NodeId) -> NodeView<'_> {
        NodeView::new(self, id)
    }
}
