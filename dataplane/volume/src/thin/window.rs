//! The window: blocks that must not be written again yet.
//!
//! Recovery believes a [write record](super::format::record::Write) after the last mark only if the data have its
//! checksum. So a block under such a record keeps its data until a mark vouches for the record; likewise a block
//! that was unmapped within its chunk, until the unmapping is durable and I/O to it is over. A [seal](super::seal)
//! moves what is in the window to its closing half and drops that once the mark is durable.

use super::hash::NumberMap;

/// By chunk of the device, a bit per block.
type Blocks = NumberMap<u32, u32>;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Window {
    open: Blocks,
    closing: Blocks,
    capacity: usize,
}

impl Window {
    /// Room for blocks of `capacity` chunks in either half, without allocating later.
    pub(crate) fn new(capacity: usize) -> Self {
        let blocks = || Blocks::with_capacity_and_hasher(2 * capacity, Default::default());
        Self { open: blocks(), closing: blocks(), capacity }
    }

    /// Whether it is time to close it, whatever its age.
    pub(crate) fn is_full(&self) -> bool {
        self.open.len() >= self.capacity
    }

    /// Whether nothing waits to be closed.
    pub(crate) fn is_open_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Adds blocks of `chunk`.
    pub(crate) fn add(&mut self, chunk: u32, mask: u32) {
        *self.open.entry(chunk).or_insert(0) |= mask;
    }

    /// Whether any of the blocks is in it.
    #[inline]
    pub(crate) fn holds(&self, chunk: u32, mask: u32) -> bool {
        let within =
            |blocks: &Blocks| !blocks.is_empty() && blocks.get(&chunk).is_some_and(|held| held & mask != 0);
        within(&self.open) || within(&self.closing)
    }

    /// Whether it holds nothing at all: the predicted case of the hot path.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closing.is_empty()
    }

    /// What is in it begins to close.
    pub(crate) fn begin_close(&mut self) {
        assert!(self.closing.is_empty(), "one close at a time");
        std::mem::swap(&mut self.open, &mut self.closing);
    }

    /// What was closing is closed.
    pub(crate) fn close(&mut self) {
        self.closing.clear();
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn blocks_stay_until_their_own_close_ends() {
        let mut window = Window::new(2);
        window.add(7, 0b11);
        assert!(window.holds(7, 0b10) && !window.holds(7, 0b100) && !window.holds(8, 1));
        window.begin_close();
        window.add(7, 0b100);
        window.add(8, 1);
        assert!(window.is_full() && window.holds(7, 1) && window.holds(7, 0b100));
        window.close();
        assert!(!window.holds(7, 0b11) && window.holds(7, 0b100) && window.holds(8, 1));
        window.begin_close();
        window.close();
        assert!(window.is_empty());
    }
}
