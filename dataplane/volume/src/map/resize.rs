//! Longer and shorter maps.

use super::forest::{Forest, Map};
use super::geometry::{MAX_MAP_BLOCKS, level_for};
use super::node::{NodeId, ROOT};

impl Forest {
    /// Makes a map longer, the new blocks unmapped, or shorter, the rest unmapped.
    ///
    /// # Panics
    /// If it is to be longer than [`MAX_MAP_BLOCKS`].
    pub fn resize(&mut self, map: &mut Map, blocks: u64) {
        assert!(blocks <= MAX_MAP_BLOCKS, "{blocks} blocks are more than a map has");
        if blocks < map.blocks {
            self.apply_unmap(map, blocks..map.blocks);
        }
        if let Some(mut root) = map.root {
            for level in map.level()..level_for(blocks) {
                root = self.raise(root, level + 1);
            }
            for _ in level_for(blocks)..map.level() {
                root = self.lower(root);
            }
            map.root = Some(root);
        }
        map.blocks = blocks;
    }

    /// Puts a new root above a map's root.
    fn raise(&mut self, root: NodeId, level: usize) -> NodeId {
        let above = self.new_node(level, ROOT);
        let sums = self.seen_from_above(root);
        let node = &mut self.nodes[above];
        node.entries[0] = root.get();
        node.sums = sums;
        self.nodes[root].parents ^= ROOT ^ above.get();
        self.touch(above);
        above
    }

    /// Makes the first child of a map's root its root; the others are unmapped. As if the map had been cloned from the
    /// child and then released.
    fn lower(&mut self, root: NodeId) -> NodeId {
        let child = self.nodes[root].child(0).expect("what is left of a map lies in its beginning");
        self.nodes[root].sums.own -= self.seen_from_above(child).own;
        let node = &mut self.nodes[child];
        node.refs += 1;
        node.parents ^= ROOT;
        self.detach(root, ROOT);
        child
    }
}
