//! Unmapping: the blocks read as zeroes from now on.

use std::ops::Range;

use super::forest::{Forest, Map};
use super::geometry::{NODE_ENTRIES, entry_blocks};
use super::mask::BlockMask;
use super::node::{Entry, NodeId, ROOT, Sums};

impl Forest {
    /// Unmaps blocks, those beyond the map's end aside. Takes as long as the range has ends: what lies between is
    /// taken out of the tree in one piece and reclaimed later.
    pub fn apply_unmap(&mut self, map: &mut Map, blocks: Range<u64>) {
        let blocks = blocks.start..blocks.end.min(map.blocks);
        let Some(root) = map.root.filter(|root| self.maps_any(*root, 0, &blocks)) else { return };
        if blocks == (0..map.blocks) {
            self.detach(root, ROOT);
            map.root = None;
            return;
        }
        let root = self.own_root(map);
        self.unmap_node(root, 0, &blocks);
        if self.nodes[root].sums.chunks == 0 {
            self.detach(root, ROOT);
            map.root = None;
        }
    }

    /// Unmaps what lies under a node that is owned and begins at block `first`; returns the change to its sums.
    fn unmap_node(&mut self, id: NodeId, first: u64, blocks: &Range<u64>) -> Sums {
        let level = self.nodes[id].level as usize;
        let mut change = Sums::default();
        for slot in slots(level, first, blocks) {
            let first = first + slot as u64 * entry_blocks(level);
            change += if level == 0 {
                self.unmap_entry(id, slot, BlockMask::of_chunk(first, blocks))
            } else {
                self.unmap_child(id, slot, first, blocks)
            };
        }
        self.nodes[id].sums += change;
        change
    }

    fn unmap_entry(&mut self, leaf: NodeId, slot: usize, mask: BlockMask) -> Sums {
        if self.nodes[leaf].entry(slot) == Entry::Hole {
            return Sums::default();
        }
        self.change_entry(leaf, slot, |fragment| fragment.clear(mask))
    }

    fn unmap_child(&mut self, parent: NodeId, slot: usize, first: u64, blocks: &Range<u64>) -> Sums {
        let level = self.nodes[parent].level as usize;
        if blocks.start <= first && blocks.end - first >= entry_blocks(level) {
            return self.unlink(parent, slot);
        }
        let child = self.nodes[parent].child(slot);
        if !child.is_some_and(|child| self.maps_any(child, first, blocks)) {
            return Sums::default();
        }
        let child = self.own_child(parent, slot);
        let mut change = self.unmap_node(child, first, blocks);
        if self.nodes[child].sums.chunks == 0 {
            change += self.unlink(parent, slot);
        }
        change
    }

    /// Whether anything in the range is mapped under a node that begins at block `first`: else nothing is copied.
    fn maps_any(&self, id: NodeId, first: u64, blocks: &Range<u64>) -> bool {
        let node = &self.nodes[id];
        let level = node.level as usize;
        slots(level, first, blocks).any(|slot| {
            let first = first + slot as u64 * entry_blocks(level);
            if level > 0 {
                return node.child(slot).is_some_and(|child| self.maps_any(child, first, blocks));
            }
            let mask = BlockMask::of_chunk(first, blocks);
            self.layers.of(node.entry(slot)).any(|layer| !(layer.mask & mask).is_empty())
        })
    }
}

/// The entries of a node of `level` beginning at block `first` that the range touches.
fn slots(level: usize, first: u64, blocks: &Range<u64>) -> Range<usize> {
    let slot = |block: u64, round: fn(u64, u64) -> u64| {
        let entries = round(block.saturating_sub(first), entry_blocks(level));
        usize::try_from(entries).map_or(NODE_ENTRIES, |entries| entries.min(NODE_ENTRIES))
    };
    slot(blocks.start, |blocks, unit| blocks / unit)..slot(blocks.end, u64::div_ceil)
}
