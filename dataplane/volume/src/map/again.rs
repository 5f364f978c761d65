//! Nodes one by one, for a check beside I/O, and writing one anew whose place on disk has rotted.

use super::forest::Forest;
use super::node::{NO_PLACE, NodeId};

impl Forest {
    /// The first node from number `from` on that anything refers to.
    #[must_use]
    pub fn node_from(&self, from: u32) -> Option<NodeId> {
        (from..self.nodes.end()).find_map(|number| {
            let (id, node) = self.nodes.get(number)?;
            (node.refs > 0).then_some(id)
        })
    }

    /// Whether a node is on disk as it is here.
    #[must_use]
    pub fn is_clean(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        node.changed == 0 && node.shadow.is_none() && node.place != NO_PLACE
    }

    /// All nodes that refer to a node: looks at every interior node there is.
    pub fn parents(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let all = (1..self.nodes.end()).filter_map(|number| self.nodes.get(number));
        let interior = all.filter(|(_, node)| node.refs > 0 && !node.is_leaf());
        interior
            .filter(move |(_, node)| node.children().any(|(_, child)| child == id))
            .map(|(parent, _)| parent)
    }

    /// Lets the next checkpoint write a node, and all that lead to it, to new places.
    pub fn rewrite(&mut self, id: NodeId) {
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            self.touch(id);
            waiting.extend(self.parents(id));
        }
    }
}
