//! Changing one entry of a leaf, with all counts that follow.

use super::forest::Forest;
use super::fragment::Fragment;
use super::held::Dropped;
use super::node::{Entry, NodeId, Sums};

impl Forest {
    /// What an entry of a leaf says.
    pub(super) fn fragment(&self, entry: Entry) -> Fragment {
        match entry {
            Entry::Hole => Fragment::HOLE,
            Entry::Whole(chunk) => Fragment::whole(chunk),
            Entry::Fragment(first) => self.layers.fragment(first),
        }
    }

    /// Changes an entry of a leaf that is owned, and returns the change to the leaf's sums, which are left to the
    /// caller.
    pub(super) fn change_entry(
        &mut self,
        leaf: NodeId,
        slot: usize,
        change: impl FnOnce(&mut Fragment),
    ) -> Sums {
        let old = self.nodes[leaf].entry(slot);
        let before = self.fragment(old);
        let mut after = before.clone();
        change(&mut after);
        if let Entry::Fragment(first) = old {
            self.layers.unmake(first);
        }
        let new = self.entry_of(&after);
        self.nodes[leaf].entries[slot] = new.encode();
        let own = self.exchange(leaf, &before, &after);
        let mut sums = -shape(old, &before);
        sums += shape(new, &after);
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

    fn entry_of(&mut self, fragment: &Fragment) -> Entry {
        match (fragment.layers(), fragment.as_whole()) {
            ([], _) => Entry::Hole,
            (_, Some(chunk)) => Entry::Whole(chunk),
            (layers, None) => Entry::Fragment(self.layers.make(layers.iter().copied())),
        }
    }
}

/// What an entry adds to its leaf's sums, but for `own`.
pub(super) fn shape(entry: Entry, fragment: &Fragment) -> Sums {
    let length = i64::try_from(fragment.layers().len()).expect("at most 32 layers");
    let is_fragment = i64::from(matches!(entry, Entry::Fragment(_)));
    Sums {
        blocks: i64::from(fragment.mapped().count()),
        chunks: length,
        own: 0,
        fragments: is_fragment,
        layers: is_fragment * length,
    }
}
