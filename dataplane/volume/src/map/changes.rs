//! What differs between two maps, extent by extent.
//!
//! Maps that come from one another share most of their trees, and what they share is equal: it is passed over a
//! subtree at a time. A block is changed if it lives elsewhere. So one that a merge moved is reported although its
//! bytes are the same; one that is not reported is equal.

use super::forest::{Forest, Map};
use super::fragment::Fragment;
use super::geometry::{CHUNK_BLOCKS, ChunkIndex, LEAF_BLOCKS, NODE_ENTRIES, node_blocks};
use super::mask::BlockMask;
use super::node::{Entry, NodeId};

/// Adjacent blocks that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// The first of them.
    pub start: u64,
    /// How many.
    pub blocks: u64,
    /// Whether the newer map maps them; otherwise it reads as zeroes there.
    pub mapped: bool,
}

/// How far a comparison has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes {
    /// How many changes were found.
    pub filled: usize,
    /// The block from which to go on; `None` at the newer map's end.
    pub next: Option<u64>,
}

/// Changes on their way into the caller's slice.
struct Found<'a> {
    into: &'a mut [Change],
    filled: usize,
    /// The newer map's end.
    end: u64,
}

impl Found<'_> {
    /// Adds changed blocks, joined to the last if they follow it alike; whether there was room.
    fn push(&mut self, start: u64, blocks: u64, mapped: bool) -> bool {
        let blocks = blocks.min(self.end.saturating_sub(start));
        if blocks == 0 {
            return true;
        }
        if let Some(last) = self.into[..self.filled].last_mut()
            && last.start + last.blocks == start
            && last.mapped == mapped
        {
            last.blocks += blocks;
            return true;
        }
        let Some(free) = self.into.get_mut(self.filled) else { return false };
        *free = Change { start, blocks, mapped };
        self.filled += 1;
        true
    }
}

impl Forest {
    /// What a newer map has differently from an older one (or from an empty one), from block `from` on, over at most
    /// `limit` steps of a pair of nodes each. The older map's blocks beyond the newer's end are not told of. A position
    /// stays good over any time, as long as it is used with the same two maps unchanged.
    pub fn changes(
        &self,
        older: Option<&Map>,
        newer: &Map,
        from: u64,
        limit: usize,
        into: &mut [Change],
    ) -> Changes {
        let mut found = Found { into, filled: 0, end: newer.blocks };
        let mut at = from;
        for _ in 0..limit {
            if at >= newer.blocks {
                break;
            }
            match self.differ(older, newer, at) {
                Err(equal_until) => at = equal_until,
                Ok(leaves) => {
                    if let Err(stopped_at) = self.changes_in_leaf(leaves, at, &mut found) {
                        at = stopped_at;
                        break;
                    }
                    at = (at / LEAF_BLOCKS + 1) * LEAF_BLOCKS;
                }
            }
        }
        Changes { filled: found.filled, next: (at < newer.blocks).then_some(at) }
    }

    /// The leaves of a block if they differ, else until where the maps are equal.
    fn differ(&self, older: Option<&Map>, newer: &Map, at: u64) -> Result<[Option<NodeId>; 2], u64> {
        let top = older.map_or(0, Map::level).max(newer.level());
        for level in (0..=top).rev() {
            let nodes = [older, Some(newer)].map(|map| map.and_then(|map| self.node_around(map, at, level)));
            if nodes[0] == nodes[1] {
                return Err((at / node_blocks(level) + 1) * node_blocks(level));
            }
            if level == 0 {
                return Ok(nodes);
            }
        }
        unreachable!("level 0 decides")
    }

    /// The node of a level on the way to a block; above a map's root, the root if the block lies under it.
    fn node_around(&self, map: &Map, at: u64, level: usize) -> Option<NodeId> {
        let mut below = map.level();
        let mut id = map.root.filter(|_| at < node_blocks(below))?;
        while below > level {
            id = self.nodes[id].child(ChunkIndex::of(at).slot(below))?;
            below -= 1;
        }
        Some(id)
    }

    /// Compares two leaves from a block on; the block at which there was no room any more.
    fn changes_in_leaf(
        &self,
        leaves: [Option<NodeId>; 2],
        at: u64,
        found: &mut Found<'_>,
    ) -> Result<(), u64> {
        let first = at / LEAF_BLOCKS * LEAF_BLOCKS;
        for slot in ChunkIndex::of(at).slot(0)..NODE_ENTRIES {
            let chunk_first = first + slot as u64 * CHUNK_BLOCKS;
            let entries = leaves.map(|leaf| leaf.map_or(Entry::Hole, |leaf| self.nodes[leaf].entry(slot)));
            if entries[0] != entries[1] {
                let [old, new] = entries.map(|entry| self.layers.fragment(entry));
                let skipped = u32::try_from(at.saturating_sub(chunk_first)).expect("within the chunk");
                let changed = !equal_blocks(&old, &new) & BlockMask::run(skipped..u32::BITS);
                push_runs(chunk_first, changed, new.mapped(), found)?;
            }
        }
        Ok(())
    }
}

/// Blocks that live in the same chunk, or in none.
fn equal_blocks(old: &Fragment, new: &Fragment) -> BlockMask {
    let in_new = |one: &super::Layer| new.layers().iter().find(|other| other.chunk == one.chunk);
    let alike = old.layers().iter().filter_map(|one| Some(one.mask & in_new(one)?.mask));
    alike.fold(!(old.mapped() | new.mapped()), |equal, mask| equal | mask)
}

fn push_runs(first: u64, changed: BlockMask, mapped: BlockMask, found: &mut Found<'_>) -> Result<(), u64> {
    for run in changed.runs() {
        let mut at = run.start;
        while at < run.end {
            let length = mapped.alike_from(at).min(run.end - at);
            let start = first + u64::from(at);
            if !found.push(start, u64::from(length), mapped.contains(at)) {
                return Err(start);
            }
            at += length;
        }
    }
    Ok(())
}
