//! Taking apart what no map refers to any more, a few nodes at a time.
//!
//! A dead node keeps its own references until its turn comes. Their drops need not be held: the drop that killed the
//! tree has been settled, so its record is durable and its I/O over.

use super::forest::Forest;
use super::node::{Entry, NodeId, Nodes, ROOT};

/// Nodes without references, whose children still count them.
#[derive(Debug, Default)]
pub(super) struct Dead {
    /// The next to take apart, linked through `parents`; 0 if none.
    pub(super) first: u32,
    /// Chunks that will be free when all is taken apart.
    pub(super) own: i64,
}

impl Forest {
    /// Takes apart at most `limit` nodes (each of at most 512 entries) of what no map refers to, and returns how many.
    pub fn reclaim(&mut self, limit: usize) -> usize {
        (0..limit).find(|_| !self.reclaim_one()).unwrap_or(limit)
    }

    /// Chunks that [`Forest::reclaim`] is still going to free; those whose drops are held are not among them yet.
    #[must_use]
    pub fn reclaimable(&self) -> u64 {
        u64::try_from(self.dead.own).expect("a tree owns no less than nothing")
    }

    /// Whether [`Forest::reclaim`] has something to do.
    #[must_use]
    pub fn is_reclaiming(&self) -> bool {
        self.dead.first != 0
    }

    /// Puts a node without references on the list.
    pub(super) fn bury(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        self.dead.own += node.sums.own;
        node.parents = self.dead.first;
        self.dead.first = id.get();
    }

    fn reclaim_one(&mut self) -> bool {
        let Some(id) = NodeId::new(self.dead.first) else { return false };
        let node = &mut self.nodes[id];
        self.dead.first = std::mem::take(&mut node.parents);
        self.dead.own -= node.sums.own;
        let (entries, is_leaf) = (node.entries, node.is_leaf());
        if is_leaf {
            self.reclaim_leaf(id, &entries)
        } else {
            self.reclaim_interior(id, &entries)
        }
        self.retire(id);
        true
    }

    fn reclaim_interior(&mut self, id: NodeId, entries: &[u32]) {
        for child in entries.iter().filter_map(|raw| NodeId::new(*raw)) {
            self.nodes[child].parents ^= id.get();
            self.drop_node(child);
        }
    }

    /// Drops a leaf's chunks. Its entries stay: a running checkpoint may have to write them.
    fn reclaim_leaf(&mut self, leaf: NodeId, entries: &[u32]) {
        // Neighbours mostly have the same owner; telling it once spares most of the ways up.
        let mut gained = (None, 0);
        for layer in entries.iter().flat_map(|raw| self.layers.of(Entry::decode(*raw))) {
            self.space.lose(layer.chunk, leaf);
            let owner = self.space.drop_reference(layer.chunk);
            if owner != gained.0 {
                add_own(&mut self.nodes, &mut self.dead, gained);
                gained = (owner, 0);
            }
            gained.1 += 1;
        }
        add_own(&mut self.nodes, &mut self.dead, gained);
    }
}

/// Chunks under a node have become its own; those above it that share it with nobody gain them too.
pub(super) fn add_own(nodes: &mut Nodes, dead: &mut Dead, (id, chunks): (Option<NodeId>, i64)) {
    let mut next = id;
    while let Some(id) = next {
        let node = &mut nodes[id];
        node.sums.own += chunks;
        if node.refs == 0 {
            dead.own += chunks;
        }
        next = NodeId::new(node.parents).filter(|_| node.refs == 1 && node.parents != ROOT);
    }
}
