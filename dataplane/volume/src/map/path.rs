//! Ways down a tree: to look, and to change what is found.
//!
//! A node that is to change must be the map's alone. One that is shared is copied first: the copy refers to the same
//! children, which thereby are shared, and takes the original's place in its parent.

use super::forest::{Forest, Map};
use super::geometry::{ChunkIndex, LEVELS};
use super::held::Dropped;
use super::node::{Entry, NodeId, ROOT, Sums};

/// Where a way down ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf {
    pub(super) id: NodeId,
    /// Whether no node on the way is shared.
    pub(super) sole: bool,
}

/// The nodes from the root to a leaf, by level.
#[derive(Debug)]
pub(super) struct Path {
    nodes: [Option<NodeId>; LEVELS],
}

impl Path {
    pub(super) fn leaf(&self) -> NodeId {
        self.nodes[0].expect("every way ends at a leaf")
    }
}

impl Forest {
    /// The leaf of a place; or the level at which nothing more is mapped.
    pub(super) fn find_leaf(&self, map: &Map, index: ChunkIndex) -> Result<Leaf, usize> {
        let mut level = map.level();
        let mut id = map.root.ok_or(level + 1)?;
        let mut sole = true;
        loop {
            let node = &self.nodes[id];
            sole &= node.refs == 1;
            if level == 0 {
                return Ok(Leaf { id, sole });
            }
            id = node.child(index.slot(level)).ok_or(level)?;
            level -= 1;
        }
    }

    /// The way to the leaf of a place, all of it the map's own and marked as changed; made where it is missing.
    pub(super) fn own_path(&mut self, map: &mut Map, index: ChunkIndex) -> Path {
        let mut nodes = [None; LEVELS];
        let mut level = map.level();
        let mut id = self.own_root(map);
        nodes[level] = Some(id);
        while level > 0 {
            id = self.own_child(id, index.slot(level));
            level -= 1;
            nodes[level] = Some(id);
        }
        Path { nodes }
    }

    /// Adds a change of the leaf to all nodes of its path.
    pub(super) fn add_to_path(&mut self, path: &Path, change: Sums) {
        path.nodes.iter().flatten().for_each(|id| self.nodes[*id].sums += change);
    }

    /// The map's root, its own and marked as changed.
    pub(super) fn own_root(&mut self, map: &mut Map) -> NodeId {
        let id = match map.root {
            Some(root) if self.nodes[root].refs == 1 => root,
            Some(root) => self.copy(root, ROOT),
            None => self.new_node(map.level(), ROOT),
        };
        map.root = Some(id);
        self.touch(id);
        id
    }

    /// The child in a slot of a node that is owned: owned and marked likewise.
    pub(super) fn own_child(&mut self, parent: NodeId, slot: usize) -> NodeId {
        let id = match self.nodes[parent].child(slot) {
            Some(child) if self.nodes[child].refs == 1 => child,
            Some(child) => self.copy(child, parent.get()),
            None => self.new_node(self.nodes[parent].level as usize - 1, parent.get()),
        };
        self.nodes[parent].entries[slot] = id.get();
        self.touch(id);
        id
    }

    /// A new, empty node with one reference.
    pub(super) fn new_node(&mut self, level: usize, parent: u32) -> NodeId {
        let id = self.nodes.take(level);
        let node = &mut self.nodes[id];
        (node.refs, node.parents) = (1, parent);
        id
    }

    /// A copy of a shared node for `parent`, which no longer refers to the original. Nothing becomes anyone's alone by
    /// that, as all that the original has is shared with the copy now; so its drop need not be held.
    fn copy(&mut self, original: NodeId, parent: u32) -> NodeId {
        let level = self.nodes[original].level as usize;
        let copy = self.new_node(level, parent);
        self.nodes[original].sums.own = 0;
        let sums = self.nodes[original].sums;
        self.nodes[copy].sums = sums;
        if level == 0 {
            self.copy_leaf(original, copy)
        } else {
            self.copy_interior(original, copy)
        }
        let node = &mut self.nodes[original];
        node.parents ^= parent;
        node.refs -= 1;
        copy
    }

    fn copy_interior(&mut self, original: NodeId, copy: NodeId) {
        let entries = self.nodes[original].entries;
        self.nodes[copy].entries = entries;
        for child in entries.into_iter().filter_map(NodeId::new) {
            let node = &mut self.nodes[child];
            node.refs += 1;
            node.parents ^= copy.get();
        }
    }

    fn copy_leaf(&mut self, original: NodeId, copy: NodeId) {
        let mut entries = self.nodes[original].entries;
        for raw in &mut entries {
            let entry = Entry::decode(*raw);
            self.layers.of(entry).for_each(|layer| self.space.share(layer.chunk, original, copy));
            *raw = self.layers.copy(entry).encode();
        }
        self.nodes[copy].entries = entries;
    }

    /// Takes the child out of a slot of a node that is owned, and returns the change to the node. Constant time.
    pub(super) fn unlink(&mut self, parent: NodeId, slot: usize) -> Sums {
        let Some(child) = self.nodes[parent].child(slot) else { return Sums::default() };
        let change = -self.seen_from_above(child);
        self.nodes[parent].entries[slot] = 0;
        self.nodes[child].parents ^= parent.get();
        self.held.push(Dropped::Node(child));
        change
    }

    /// A node's sums as they count in its parent's.
    pub(super) fn seen_from_above(&self, id: NodeId) -> Sums {
        let node = &self.nodes[id];
        let own = if node.refs == 1 { node.sums.own } else { 0 };
        Sums { own, ..node.sums }
    }
}
