//! The requests in the kernel, one slot each.

/// A fixed number of slots; it never allocates after `new`.
#[derive(Debug)]
pub(crate) struct Table<S> {
    slots: Box<[Option<S>]>,
    /// A stack, so that few slots stay warm in the cache when the queue is shallow.
    free: Vec<u32>,
}

impl<S> Table<S> {
    /// `depth` free slots.
    pub(crate) fn new(depth: u32) -> Self {
        Self { slots: (0..depth).map(|_| None).collect(), free: (0..depth).rev().collect() }
    }

    /// How many slots are in use.
    pub(crate) fn used(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Puts a request into a free slot; returns its index.
    ///
    /// # Panics
    /// If no slot is free: `submit` accepts no more requests than that.
    pub(crate) fn insert(&mut self, slot: S) -> u32 {
        let index = self.free.pop().expect("a slot for each accepted request");
        self.slots[index as usize] = Some(slot);
        index
    }

    /// The request in a slot.
    ///
    /// # Panics
    /// If the slot is free: the kernel answers each request once.
    pub(crate) fn slot(&mut self, index: u32) -> &mut S {
        self.slots[index as usize].as_mut().expect("a slot in use")
    }

    /// Takes a request out of its slot.
    ///
    /// # Panics
    /// As [`slot`](Self::slot).
    pub(crate) fn remove(&mut self, index: u32) -> S {
        let slot = self.slots[index as usize].take().expect("a slot in use");
        self.free.push(index);
        slot
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn slots_come_back() {
        let mut table = Table::new(2);
        let (first, second) = (table.insert(7), table.insert(8));
        assert_eq!((table.used(), *table.slot(first), table.remove(second)), (2, 7, 8));
        assert_eq!((table.used(), table.insert(9)), (1, second));
    }

    #[test]
    #[should_panic(expected = "a slot for each accepted request")]
    fn a_full_table_takes_no_more() {
        let mut table = Table::new(1);
        table.insert(1);
        table.insert(2);
    }
}
