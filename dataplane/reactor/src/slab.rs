//! A slab sized at start: slots are taken and given back by index, memory is never.
//!
//! The index of a slot is what travels as a device tag or a transfer tag, so it is a plain `u32`.
//!
//! Invariant: `len() + free == capacity()`; an index is either on the free list or holds a value.

/// A fixed number of slots for values of one type.
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    /// A slab of `capacity` slots; all memory is allocated here.
    #[must_use]
    pub fn new(capacity: u32) -> Self {
        Self {
            slots: (0..capacity).map(|_| None).collect(),
            // Low indices first: a lightly loaded slab stays in few cache lines.
            free: (0..capacity).rev().collect(),
        }
    }

    /// Takes a slot, or hands the value back when none is free.
    ///
    /// # Errors
    /// The value itself, when all slots are taken.
    pub fn insert(&mut self, value: T) -> Result<u32, T> {
        let Some(index) = self.free.pop() else {
            return Err(value);
        };
        self.slots[index as usize] = Some(value);
        Ok(index)
    }

    /// Empties a slot and returns what it held; `None` for a free or foreign index.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let value = self.slots.get_mut(index as usize)?.take()?;
        self.free.push(index);
        Some(value)
    }

    /// The value in a slot.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.slots.get(index as usize)?.as_ref()
    }

    /// The value in a slot, to be changed.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slots.get_mut(index as usize)?.as_mut()
    }

    /// Every taken slot with its index, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| Some((index, slot.as_ref()?)))
    }

    /// Every taken slot with its index, lowest first, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        (0u32..).zip(&mut self.slots).filter_map(|(index, slot)| Some((index, slot.as_mut()?)))
    }

    /// Number of taken slots.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether no slot is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of slots, taken or free.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod test {
    use super::Slab;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn the_last_slot_and_one_more() {
        let mut slab = Slab::new(2);
        let first = slab.insert('a').unwrap();
        slab.insert('b').unwrap();
        assert_eq!(slab.insert('c'), Err('c'));
        assert_eq!(slab.remove(first), Some('a'));
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.insert('c'), Ok(first));
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(ops in prop::collection::vec((any::<bool>(), 0u32..20), 0..300)) {
            let mut slab = Slab::new(16);
            let mut model = HashMap::new();
            for (step, (insert, index)) in ops.into_iter().enumerate() {
                if insert {
                    match slab.insert(step) {
                        Ok(index) => prop_assert!(model.insert(index, step).is_none()),
                        Err(_) => prop_assert_eq!(model.len(), 16),
                    }
                } else {
                    prop_assert_eq!(slab.remove(index), model.remove(&index));
                }
                prop_assert_eq!(slab.len(), model.len());
                prop_assert_eq!(slab.iter().count(), model.len());
            }
        }
    }
}
