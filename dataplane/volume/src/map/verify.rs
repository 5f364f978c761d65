//! The checker beside I/O: what can be told of each node by itself, a few nodes at a time.

use super::forest::Forest;
use super::fragment::Fragment;
use super::geometry::NODE_ENTRIES;
use super::node::{Entry, NodeId};
use super::recount::Finding;

impl Forest {
    /// Checks at most `limit` nodes from number `from` on (begin with 0): their entries, their sums, and that nothing
    /// they refer to is free. Returns the number to go on with, `None` after the last.
    ///
    /// # Errors
    /// The first [`Finding`].
    pub fn verify(&self, from: u32, limit: u32) -> Result<Option<u32>, Finding> {
        let end = self.nodes.end().min(from.saturating_add(limit));
        for number in from..end {
            if let Some((id, node)) = self.nodes.get(number)
                && node.refs > 0
            {
                self.verify_node(id)?;
            }
        }
        Ok((end < self.nodes.end()).then_some(end))
    }

    fn verify_node(&self, id: NodeId) -> Result<(), Finding> {
        let node = &self.nodes[id];
        let is_sound = |slot: usize| match node.level {
            0 => self.is_sound_entry(node.entry(slot)),
            level => node.child(slot).is_none_or(|child| {
                let child = self.nodes.get(child.get());
                child.is_some_and(|(_, child)| child.refs > 0 && child.level + 1 == level)
            }),
        };
        if let Some(slot) = (0..NODE_ENTRIES).find(|slot| !is_sound(*slot)) {
            return Err(Finding::Entry { node: id, slot });
        }
        if self.count_sums(id) == node.sums { Ok(()) } else { Err(Finding::Sums { node: id }) }
    }

    fn is_sound_entry(&self, entry: Entry) -> bool {
        let in_use = |chunk| self.space.has(chunk) && self.space.count(chunk) > 0;
        match entry {
            Entry::Hole => true,
            Entry::Whole(chunk) => in_use(chunk),
            Entry::Fragment(_) => {
                let fragment = self.layers.fragment(entry);
                let chunks_in_use = fragment.layers().iter().all(|layer| in_use(layer.chunk));
                chunks_in_use && is_disjoint(&fragment) && fragment.as_whole().is_none()
            }
        }
    }
}

fn is_disjoint(fragment: &Fragment) -> bool {
    let layers = fragment.layers();
    let blocks: u32 = layers.iter().map(|layer| layer.mask.count()).sum();
    blocks == fragment.mapped().count() && layers.iter().all(|layer| !layer.mask.is_empty())
}
