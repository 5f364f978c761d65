//! Taking apart what no map refers to any more, a few nodes at a time.
//!
//! A dead node keeps its own references until its turn comes. Their drops need not be held: the drop that killed the
//! tree has been settled, so its record is durable and its I/O over.

use super::forest::Forest;
use super::node::{Entry, NodeId};

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
            entries.into_iter().for_each(|raw| self.drop_entry(id, Entry::decode(raw)));
        } else {
            entries.into_iter().filter_map(NodeId::new).for_each(|child| {
                self.nodes[child].parents ^= id.get();
                self.drop_node(child);
            });
        }
        self.retire(id);
        true
    }

    /// Drops what an entry of a dead leaf refers to. The entry stays: a running checkpoint may have to write it.
    fn drop_entry(&mut self, leaf: NodeId, entry: Entry) {
        for layer in self.fragment(entry).layers() {
            self.space.lose(layer.chunk, leaf);
            self.drop_chunk(layer.chunk);
        }
    }
}
