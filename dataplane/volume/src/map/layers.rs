//! The slab in which fragments keep their layers, as chains.
//!
//! Most fragments have one or two layers and few entries are fragments, so a chain of twelve-byte links beats room in
//! every leaf. A chain belongs to one entry of one leaf.

use super::fragment::{Fragment, Layer};
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

    /// The layers of the chain that begins at link `first`.
    pub(super) fn chain(&self, first: u32) -> impl Iterator<Item = Layer> {
        let mut next = first + 1;
        std::iter::from_fn(move || {
            let link = &self.links[next.checked_sub(1)?];
            next = link.next;
            Some(link.layer)
        })
    }

    /// Makes a chain and returns its first link.
    pub(super) fn make(&mut self, layers: impl DoubleEndedIterator<Item = Layer>) -> u32 {
        let next = layers.rev().fold(0, |next, layer| self.take(Link { layer, next }) + 1);
        next.checked_sub(1).expect("a fragment has layers")
    }

    /// Gives a chain back.
    pub(super) fn unmake(&mut self, first: u32) {
        let mut at = first;
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

    pub(super) fn fragment(&self, first: u32) -> Fragment {
        let mut fragment = Fragment::HOLE;
        self.chain(first).for_each(|layer| fragment.push(layer));
        fragment
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
    use crate::map::{BlockMask, Chunk};

    #[test]
    fn chains_keep_their_order_and_come_back() {
        let mut layers = Layers::new();
        let layer = |at: u32| Layer { chunk: Chunk(at), mask: BlockMask(1 << at) };
        let [first, second] = [layers.make((0..3).map(layer)), layers.make((3..4).map(layer))];
        assert_eq!(layers.chain(first).collect::<Vec<_>>(), [layer(0), layer(1), layer(2)]);
        assert_eq!(layers.fragment(second).layers(), [layer(3)]);
        layers.unmake(first);
        assert_eq!(layers.live(), 1);
        layers.make((10..20).map(layer));
        assert_eq!(layers.fragment(second).layers(), [layer(3)]);
        assert_eq!(layers.live(), 11);
        layers.reserve(5000);
        let held = layers.bytes();
        (0..5000).for_each(|_| _ = layers.make((0..1).map(layer)));
        assert_eq!(layers.bytes(), held);
    }
}
