//! The free buffers of one class: a stack of indices linked through an array sized at start.

use std::cell::Cell;

/// Marks the end of the list; a class therefore holds fewer than `u32::MAX` buffers.
const END: u32 = u32::MAX;

/// Last-in first-out, so that the buffer handed out next is the one most likely still in the cache.
#[derive(Debug)]
pub(crate) struct FreeList {
    head: Cell<u32>,
    free: Cell<u32>,
    next: Box<[Cell<u32>]>,
}

impl FreeList {
    /// A list of the indices `0..count`, lowest first. `count < u32::MAX`.
    pub(crate) fn new(count: u32) -> Self {
        let next = (1..=count).map(|next| Cell::new(if next == count { END } else { next })).collect();
        Self { head: Cell::new(if count == 0 { END } else { 0 }), free: Cell::new(count), next }
    }

    /// Takes an index off the list.
    pub(crate) fn take(&self) -> Option<u32> {
        let index = self.head.get();
        let next = self.next.get(index as usize)?;
        self.head.set(next.get());
        self.free.set(self.free.get() - 1);
        Some(index)
    }

    /// Puts back an index that `take` gave out.
    pub(crate) fn give(&self, index: u32) {
        self.next[index as usize].set(self.head.get());
        self.head.set(index);
        self.free.set(self.free.get() + 1);
    }

    /// How many indices are on the list.
    pub(crate) fn free(&self) -> u32 {
        self.free.get()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn gives_each_index_once_and_takes_them_back() {
        let list = FreeList::new(3);
        assert_eq!([list.take(), list.take(), list.take(), list.take()], [Some(0), Some(1), Some(2), None]);
        list.give(1);
        list.give(2);
        assert_eq!(list.free(), 2);
        assert_eq!([list.take(), list.take(), list.take()], [Some(2), Some(1), None]);
    }

    #[test]
    fn an_empty_list_gives_nothing() {
        assert_eq!(FreeList::new(0).take(), None);
    }
}
