//! The requests accepted and not yet completed, one slot each. A slot's index is its command's identifier.

use sluice_device::{Buffer, Nanos};

use sluice_nvme_block::Command;

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits for the controller to come back, or to be sent again.
    Waiting,
    /// The controller has it.
    Sent,
    /// The controller has it, and was asked to abort it.
    Aborting,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The submitter's name for it.
    pub(crate) tag: u32,
    pub(crate) command: Command,
    /// Lent to the controller while it is `Sent` or `Aborting`: nothing else may touch it.
    pub(crate) buffer: Option<Buffer>,
    /// When it was accepted or, if that came later, sent again.
    pub(crate) since: Nanos,
    pub(crate) retries: u8,
    pub(crate) stage: Stage,
}

/// A fixed number of slots; it never allocates after `new`.
#[derive(Debug)]
pub(crate) struct Table {
    slots: Box<[Option<Slot>]>,
    /// A stack, so that few slots stay warm in the cache when the queue is shallow.
    free: Vec<u16>,
}

impl Table {
    /// `depth` free slots.
    pub(crate) fn new(depth: u16) -> Self {
        Self { slots: (0..depth).map(|_| None).collect(), free: (0..depth).rev().collect() }
    }

    /// How many slots are in use.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Puts a request into a free slot; returns its index.
    ///
    /// # Panics
    /// If no slot is free: `submit` accepts no more requests than that.
    #[inline]
    pub(crate) fn insert(&mut self, slot: Slot) -> u16 {
        let index = self.free.pop().expect("a slot for each accepted request");
        self.slots[usize::from(index)] = Some(slot);
        index
    }

    /// The request in a slot, if there is one: a controller may name any.
    #[inline]
    pub(crate) fn get(&mut self, index: u16) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(index))?.as_mut()
    }

    /// Takes a request out of its slot.
    ///
    /// # Panics
    /// If the slot is free.
    #[inline]
    pub(crate) fn remove(&mut self, index: u16) -> Slot {
        let slot = self.slots[usize::from(index)].take().expect("a slot in use");
        self.free.push(index);
        slot
    }

    /// The indices of the slots whose request is as `wanted`.
    pub(crate) fn find(&self, wanted: impl Fn(&Slot) -> bool) -> impl Iterator<Item = u16> {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(move |(index, slot)| slot.as_ref().is_some_and(&wanted).then_some(index))
    }

    /// The index of the oldest request that is as `wanted`.
    pub(crate) fn oldest(&self, wanted: impl Fn(&Slot) -> bool) -> Option<u16> {
        let since = |index: &u16| self.slots[usize::from(*index)].as_ref().map(|slot| slot.since);
        self.find(wanted).min_by_key(since)
    }

    /// All requests, to change their stage.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut().flatten()
    }

    /// The index of some request, as long as there are any.
    pub(crate) fn any(&self) -> Option<u16> {
        self.find(|_| true).next()
    }
}

#[cfg(test)]
mod test {
    use sluice_device::Op;

    use super::*;

    fn slot(tag: u32, stage: Stage) -> Slot {
        let command = Command { op: Op::Flush, lba: 0, blocks: 0 };
        Slot { tag, command, buffer: None, since: Nanos::ZERO, retries: 0, stage }
    }

    #[test]
    fn slots_come_back_and_unknown_ones_are_none() {
        let mut table = Table::new(2);
        let (first, second) = (table.insert(slot(7, Stage::Sent)), table.insert(slot(8, Stage::Waiting)));
        assert_eq!(table.find(|slot| slot.stage == Stage::Waiting).collect::<Vec<_>>(), [second]);
        assert_eq!((table.used(), table.get(first).unwrap().tag, table.remove(second).tag), (2, 7, 8));
        assert!(table.get(second).is_none() && table.get(2).is_none() && table.get(u16::MAX).is_none());
        assert_eq!((table.used(), table.any(), table.insert(slot(9, Stage::Sent))), (1, Some(first), second));
    }

    #[test]
    #[should_panic(expected = "a slot for each accepted request")]
    fn a_full_table_takes_no_more() {
        let mut table = Table::new(1);
        table.insert(slot(1, Stage::Sent));
        table.insert(slot(2, Stage::Sent));
    }
}
