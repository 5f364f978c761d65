//! Changing one entry of a leaf, with all counts that follow.

use super::forest::Forest;
use super::fragment::{Fragment, Layer};
use super::held::Dropped;
use super::node::{Entry, NodeId, Sums};

impl Forest {
    /// Changes an entry of a leaf that is owned, and returns the change to the leaf's sums, which are left to the
    /// caller.
    pub(super) fn change_entry(
        &mut self,
        leaf: NodeId,
        slot: usize,
        change: impl FnOnce(&mut Fragment),
    ) -> Sums {
        let old = self.nodes[leaf].entry(slot);
        let before = self.layers.fragment(old);
        let mut after = before.clone();
        change(&mut after);
        self.layers.give_back(old);
        let new = self.layers.entry(&after);
        self.nodes[leaf].entries[slot] = new.encode();
        let own = self.exchange(leaf, &before, &after);
        let mut sums = -shape(old, before.layers().iter().copied());
        sums += shape(new, after.layers().iter().copied());
        Sums { own, ..sums }
    }

    /// Drops and takes references to chunks as the entry changes; returns the change of chunks the leaf owns.
    fn exchange(&mut self, leaf: NodeId, before: &Fragment, after: &Fragment) -> i64 {
        let mut own = 0;
        for layer in after.layers().iter().filter(|layer| !before.holds(layer.chunk)) {
            self.space.gain(layer.chunk);
            own += 1;
        }
        for layer in before.layers().iter().filter(|layer| !after.holds(layer.chunk)) {
            own -= i64::from(self.space.lose(layer.chunk, leaf));
            self.held.push(Dropped::Chunk(layer.chunk));
        }
        own
    }
}

/// What an entry with these layers adds to its leaf's sums, but for `own`.
pub(super) fn shape(entry: Entry, layers: impl Iterator<Item = Layer>) -> Sums {
    let mut sums = Sums::default();
    for layer in layers {
        sums.blocks += i64::from(layer.mask.count());
        sums.chunks += 1;
    }
    if let Entry::Fragment(_) = entry {
        (sums.fragments, sums.layers) = (1, sums.chunks);
    }
    sums
}
