//! The slab in which fragments keep their layers, as chains.
//!
//! Most fragments have one or two layers and few entries are fragments, so a chain of twelve-byte links beats room in
//! every leaf. A chain belongs to one entry of one leaf.

use super::fragment::{Fragment, Layer};
use super::mask::BlockMask;
use super::node::Entry;
use super::segments::Segments;

#[derive(Debug, Clone, Copy, Default)]
struct Link {
    layer: Layer,
    /// Number of the next link + 1; 0 at the end.
    next: u32,
}

/// Links per segment: 48 KiB.
const SEGMENT: usize = 4096;

/// All layers of a forest.
#[derive(Debug)]
pub(super) struct Layers {
    links: Segments<Link, SEGMENT>,
    /// As [`Link::next`].
    free: u32,
    live: u32,
}

impl Layers {
    pub(super) fn new() -> Self {
        Self { links: Segments::new(), free: 0, live: 0 }
    }

    /// How many are in use.
    pub(super) fn live(&self) -> u32 {
        self.live
    }

    /// The layers of a leaf's entry.
    pub(super) fn of(&self, entry: Entry) -> impl Iterator<Item = Layer> {
        let (mut whole, mut next) = match entry {
            Entry::Hole => (None, 0),
            Entry::Whole(chunk) => (Some(Layer { chunk, mask: BlockMask::ALL }), 0),
            Entry::Fragment(first) => (None, first + 1),
        };
        std::iter::from_fn(move || {
            whole.take().or_else(|| {
                let link = &self.links[next.checked_sub(1)?];
                next = link.next;
                Some(link.layer)
            })
        })
    }

    /// The same as a value to change.
    pub(super) fn fragment(&self, entry: Entry) -> Fragment {
        let mut fragment = Fragment::HOLE;
        self.of(entry).for_each(|layer| fragment.push(layer));
        fragment
    }

    /// The entry that says the same; makes a chain if it takes one.
    pub(super) fn entry(&mut self, fragment: &Fragment) -> Entry {
        match (fragment.layers(), fragment.as_whole()) {
            ([], _) => Entry::Hole,
            (_, Some(chunk)) => Entry::Whole(chunk),
            (layers, None) => Entry::Fragment(self.make(layers)),
        }
    }

    /// An entry of its own that says the same.
    pub(super) fn copy(&mut self, entry: Entry) -> Entry {
        match entry {
            Entry::Fragment(_) => {
                let fragment = self.fragment(entry);
                Entry::Fragment(self.make(fragment.layers()))
            }
            entry => entry,
        }
    }

    /// Gives the chain of an entry back, if it has one.
    pub(super) fn give_back(&mut self, entry: Entry) {
        let Entry::Fragment(mut at) = entry else { return };
        loop {
            let next = self.links[at].next;
            self.links[at].next = self.free;
            self.free = at + 1;
            self.live -= 1;
            match next.checked_sub(1) {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    /// Makes sure that so many layers can be taken without growth.
    pub(super) fn reserve(&mut self, layers: u32) {
        while self.links.capacity() - self.live < layers {
            self.grow();
        }
    }

    /// Memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.links.bytes()
    }

    /// Makes a chain and returns its first link.
    fn make(&mut self, layers: &[Layer]) -> u32 {
        let next = layers.iter().rev().fold(0, |next, layer| self.take(Link { layer: *layer, next }) + 1);
        next.checked_sub(1).expect("a fragment has layers")
    }

    fn take(&mut self, link: Link) -> u32 {
        if self.free == 0 {
            self.grow();
        }
        let at = self.free - 1;
        self.free = self.links[at].next;
        self.links[at] = link;
        self.live += 1;
        at
    }

    fn grow(&mut self) {
        for at in self.links.grow().rev() {
            self.links[at].next = self.free;
            self.free = at + 1;
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::map::Chunk;

    fn fragment(layers: std::ops::Range<u32>) -> Fragment {
        let mut fragment = Fragment::HOLE;
        layers.for_each(|at| fragment.push(Layer { chunk: Chunk(at), mask: BlockMask(1 << at) }));
        fragment
    }

    #[test]
    fn chains_keep_their_order_and_come_back() {
        let mut layers = Layers::new();
        let [first, second] = [layers.entry(&fragment(0..3)), layers.entry(&fragment(3..4))];
        assert_eq!(layers.fragment(first).layers(), fragment(0..3).layers());
        let copy = layers.copy(first);
        layers.give_back(first);
        assert_eq!(layers.fragment(copy).layers(), fragment(0..3).layers());
        assert_eq!((layers.fragment(second).layers(), layers.live()), (fragment(3..4).layers(), 4));
        layers.entry(&fragment(10..20));
        assert_eq!((layers.of(second).count(), layers.live()), (1, 14));
    }

    #[test]
    fn what_takes_no_chain_takes_none() {
        let mut layers = Layers::new();
        let mut whole = Fragment::HOLE;
        assert_eq!(layers.entry(&whole), Entry::Hole);
        whole.push(Layer { chunk: Chunk(7), mask: BlockMask::ALL });
        assert_eq!(layers.entry(&whole), Entry::Whole(Chunk(7)));
        assert_eq!(layers.fragment(Entry::Whole(Chunk(7))).layers(), whole.layers());
        assert_eq!((layers.live(), layers.bytes()), (0, 0));
    }

    #[test]
    fn a_reserve_spares_growth() {
        let mut layers = Layers::new();
        layers.reserve(5000);
        let held = layers.bytes();
        (0..5000).for_each(|_| _ = layers.entry(&fragment(0..1)));
        assert_eq!(layers.bytes(), held);
    }
}
