//! First writes: what they need, and what they leave behind.
//!
//! A block that is not the map's alone is written to a chunk that is, at the block's own offset; nothing is copied.
//! The entry then tells block by block which chunk holds it. Only when an entry has
//! no room for one more layer, the write has to make it whole.

use super::forest::{Forest, Map};
use super::fragment::{Fragment, Layer};
use super::geometry::{Chunk, ChunkIndex};
use super::mask::BlockMask;
use super::node::NodeId;

/// Layers an entry may come to have by a write. With snapshots taken between small writes it gains one each; reads
/// of a chunk then take as many device reads.
pub const MAX_LAYERS: usize = 4;
/// What a write to blocks of one chunk takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WritePlan {
    /// Nothing: the blocks are mapped and may be overwritten where they are.
    InPlace,
    /// Write to this chunk, which the map has to itself and which holds other blocks of this place; then apply.
    Join(Chunk),
    /// Write to a new chunk, then apply.
    Fresh,
    /// Fill a new chunk: bring along all other blocks, zeroes where nothing is mapped; then apply for all blocks. Or
    /// merge the place first, see [`Forest::merge_of`].
    Fill,
}

impl Forest {
    /// What a write to the blocks `mask` at a place takes. Does not allocate. A plan stays good whatever happens to
    /// the map before it is applied, snapshots included, but for other writes to the same blocks.
    #[must_use]
    pub fn plan_write(&self, map: &Map, index: ChunkIndex, mask: BlockMask) -> WritePlan {
        let Ok(leaf) = self.find_leaf(map, index) else { return WritePlan::Fresh };
        let is_own = |layer: &Layer| leaf.sole && self.space.is_single(layer.chunk);
        let fragment = self.look_in(leaf.id, index);
        let layers = fragment.layers();
        let own = layers.iter().filter(|layer| is_own(layer));
        if own.clone().fold(BlockMask::NONE, |own, layer| own | layer.mask).covers(mask) {
            return WritePlan::InPlace;
        }
        if let Some(most) = own.max_by_key(|layer| layer.mask.count()) {
            return WritePlan::Join(most.chunk);
        }
        let fits = layers.len() < MAX_LAYERS || mask == BlockMask::ALL;
        if fits { WritePlan::Fresh } else { WritePlan::Fill }
    }

    /// From now on blocks at a place live in a chunk: after a first write, and when a merge has brought blocks
    /// together. What held them before loses them. Applying twice is applying once. Blocks beyond the map's end are left
    /// out.
    ///
    /// # Panics
    /// If the chunk holds no block of this place yet and was not allocated for it, or all blocks lie beyond the map.
    pub fn apply_write(&mut self, map: &mut Map, index: ChunkIndex, layer: Layer) {
        let layer = Layer { mask: layer.mask & map.within(index), ..layer };
        assert!(!layer.mask.is_empty(), "{index:?} of {} blocks", map.blocks);
        if self.has(map, index, layer) {
            return;
        }
        let path = self.own_path(map, index);
        let change = self.change_entry(path.leaf(), index.slot(0), |fragment| fragment.assign(layer));
        self.add_to_path(&path, change);
    }

    /// Whether the blocks live in that chunk already.
    fn has(&self, map: &Map, index: ChunkIndex, layer: Layer) -> bool {
        self.look(map, index)
            .layers()
            .iter()
            .any(|one| one.chunk == layer.chunk && one.mask.covers(layer.mask))
    }

    /// What a map says about a place.
    pub(super) fn look(&self, map: &Map, index: ChunkIndex) -> Fragment {
        self.find_leaf(map, index).map_or(Fragment::HOLE, |leaf| self.look_in(leaf.id, index))
    }

    pub(super) fn look_in(&self, leaf: NodeId, index: ChunkIndex) -> Fragment {
        self.layers.fragment(self.nodes[leaf].entry(index.slot(0)))
    }
}
