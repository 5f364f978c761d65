//! One entry per request slot of the caller, and queues threaded through them.
//!
//! An entry is half a cache line and says everything about an I/O from its arrival to its completion.

use crate::model::Kind;

/// No slot.
pub(crate) const NIL: u32 = u32::MAX;

/// Where an I/O is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum SlotState {
    /// Not here: the caller may use the slot for another.
    #[default]
    Free,
    /// In its volume's queue.
    Queued,
    /// At the device.
    InFlight,
    /// Dispatched, and not at the device: its caller lacks what it needs.
    Parked,
}

/// What an I/O's latency will tell about the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// It waited here first, so whoever waits for it hardly minds the device's queue.
    Queued,
    /// It went at once: the device's queue is all it can wait in.
    Prompt,
    /// And found the device idle: its latency is the device's own.
    Alone,
}

/// An I/O.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// When it came, and from its dispatch on when that was; in nanoseconds.
    pub(crate) at: u64,
    pub(crate) bytes: u32,
    /// Device cost.
    pub(crate) cost: u32,
    pub(crate) volume: u16,
    pub(crate) units: u16,
    pub(crate) kind: Kind,
    pub(crate) state: SlotState,
    /// From its dispatch on.
    pub(crate) haste: Haste,
    /// Min paid for it.
    pub(crate) reserved: bool,
    next: u32,
    previous: u32,
}

const _: () = assert!(size_of::<Slot>() == 32);

impl Slot {
    #[inline]
    fn new(io: EnteredIo) -> Self {
        let EnteredIo { at, volume, bytes, cost, units, kind, state } = io;
        let (haste, reserved, next, previous) = (Haste::Queued, false, NIL, NIL);
        Self { at, bytes, cost, volume, units, kind, state, haste, reserved, next, previous }
    }
}

/// A queue of slots, first in, first out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queue {
    head: u32,
    tail: u32,
}

impl Queue {
    pub(crate) const EMPTY: Self = Self { head: NIL, tail: NIL };

    /// The oldest.
    pub(crate) fn front(self) -> Option<u32> {
        (self.head != NIL).then_some(self.head)
    }
}

/// All slots.
#[derive(Debug)]
pub(crate) struct SlotTable {
    slots: Vec<Slot>,
}

impl SlotTable {
    pub(crate) fn new(slots: u32) -> Self {
        let (kind, state) = (Kind::Read, SlotState::Free);
        let free = Slot::new(EnteredIo { at: 0, volume: 0, bytes: 0, cost: 0, units: 0, kind, state });
        Self { slots: vec![free; slots as usize] }
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    /// Puts an I/O into a free slot.
    ///
    /// # Panics
    /// If the slot is in use: the caller has lost track of its requests.
    #[inline]
    pub(crate) fn enter(&mut self, slot: u32, io: EnteredIo) {
        let entry = &mut self.slots[slot as usize];
        assert!(entry.state == SlotState::Free, "slot {slot} is in use");
        *entry = Slot::new(io);
    }

    /// Puts a slot at the end of a queue.
    #[inline]
    pub(crate) fn push_back(&mut self, queue: &mut Queue, slot: u32) {
        self.slots[slot as usize].previous = queue.tail;
        match queue.tail {
            NIL => queue.head = slot,
            tail => self.slots[tail as usize].next = slot,
        }
        queue.tail = slot;
    }

    /// Takes a slot out of the queue it is in.
    #[inline]
    pub(crate) fn unlink(&mut self, queue: &mut Queue, slot: u32) {
        let Slot { next, previous, .. } = self.slots[slot as usize];
        match previous {
            NIL => queue.head = next,
            previous => self.slots[previous as usize].next = next,
        }
        match next {
            NIL => queue.tail = previous,
            next => self.slots[next as usize].previous = previous,
        }
        let entry = &mut self.slots[slot as usize];
        (entry.next, entry.previous) = (NIL, NIL);
    }
}

/// What is known of an I/O when it comes.
pub(crate) struct EnteredIo {
    pub(crate) at: u64,
    pub(crate) volume: u16,
    pub(crate) bytes: u32,
    pub(crate) cost: u32,
    pub(crate) units: u16,
    pub(crate) kind: Kind,
    pub(crate) state: SlotState,
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn drained(table: &mut SlotTable, queue: &mut Queue) -> Vec<u32> {
        let mut order = Vec::new();
        while let Some(slot) = queue.front() {
            table.unlink(queue, slot);
            order.push(slot);
        }
        order
    }

    proptest! {
        #[test]
        fn a_queue_keeps_its_order_whatever_leaves_it(ops in prop::collection::vec(0u32..12, 0..100)) {
            let (mut table, mut queue) = (SlotTable::new(12), Queue::EMPTY);
            let mut model = VecDeque::new();
            for slot in ops {
                if model.contains(&slot) {
                    table.unlink(&mut queue, slot);
                    model.retain(|other| *other != slot);
                } else {
                    table.push_back(&mut queue, slot);
                    model.push_back(slot);
                }
                prop_assert_eq!(queue.front(), model.front().copied());
            }
            prop_assert_eq!(drained(&mut table, &mut queue), Vec::from(model));
        }
    }

    #[test]
    #[should_panic(expected = "slot 1 is in use")]
    fn a_slot_cannot_be_used_twice() {
        let mut table = SlotTable::new(2);
        let io = || EnteredIo {
            at: 0,
            volume: 0,
            bytes: 0,
            cost: 1,
            units: 1,
            kind: Kind::Read,
            state: SlotState::Queued,
        };
        table.enter(1, io());
        table.enter(1, io());
    }
}
