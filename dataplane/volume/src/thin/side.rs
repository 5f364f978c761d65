//! Requests of work on the side, in line for their turn at the device.
//!
//! Whoever schedules the device's I/O gives the turns; then pages of checkpoints and copies of merges wait here, formed
//! and with their buffers, and cost foreground I/O what the scheduler lets them. While a host waits for that very work,
//! and where nobody gives turns, they go at once.
//!
//! ```text
//!   push ──► line ──ask──► asked ──go──► flying ──complete──► done ──take_done──► free
//!       └─────── nobody gives turns, or a host waits ────────► device
//! ```

use std::collections::VecDeque;

use sluice_device::{Op, Request};

/// Requests that can be asked for or at the device at once.
pub const BACKGROUND_SLOTS: u32 = 8;

/// A request that wants its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Background {
    /// Names it until it is done; below [`BACKGROUND_SLOTS`].
    pub slot: u32,
    /// Read or Write.
    pub op: Op,
    /// How much.
    pub bytes: u64,
}

#[derive(Debug, Default)]
enum Slot {
    #[default]
    Free,
    Asked(Request),
    /// By its tag.
    Flying(u32),
    Done,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Somebody gives turns.
    scheduled: bool,
    line: VecDeque<Request>,
    slots: [Slot; BACKGROUND_SLOTS as usize],
    /// Slots whose request is at the device, or back from it.
    busy: u32,
}

impl Side {
    /// From now on there are turns.
    pub(crate) fn schedule(&mut self) {
        self.scheduled = true;
    }

    /// Puts a request in line; gives it back if it may go.
    pub(crate) fn push(&mut self, request: Request, awaited: bool) -> Option<Request> {
        if !self.scheduled || awaited {
            return Some(request);
        }
        self.line.push_back(request);
        None
    }

    /// Whether there is a request to ask for, or a slot to be taken that is done.
    pub(crate) fn wants(&self) -> bool {
        self.done().is_some() || !self.line.is_empty() && self.free().is_some()
    }

    fn done(&self) -> Option<usize> {
        if self.busy == 0 {
            return None;
        }
        self.slots.iter().position(|slot| matches!(slot, Slot::Done))
    }

    fn free(&self) -> Option<usize> {
        self.slots.iter().position(|slot| matches!(slot, Slot::Free))
    }

    /// The next request that wants its turn.
    pub(crate) fn ask(&mut self, block_size: u32) -> Option<Background> {
        let at = self.free()?;
        let request = self.line.pop_front()?;
        let (op, bytes) = (request.op, u64::from(request.blocks) * u64::from(block_size));
        self.slots[at] = Slot::Asked(request);
        Some(Background { slot: u32::try_from(at).expect("few"), op, bytes })
    }

    /// The turn of a slot has come.
    pub(crate) fn go(&mut self, slot: u32) -> Request {
        let place = &mut self.slots[slot as usize];
        let Slot::Asked(request) = std::mem::take(place) else {
            panic!("a turn is given to who asked for it, not to slot {slot}");
        };
        *place = Slot::Flying(request.tag);
        self.busy += 1;
        request
    }

    /// A request of the engine's own has completed; it may be one of these.
    pub(crate) fn complete(&mut self, tag: u32) {
        if self.busy > 0 {
            let flying = |slot: &&mut Slot| matches!(slot, Slot::Flying(flying) if *flying == tag);
            if let Some(slot) = self.slots.iter_mut().find(flying) {
                *slot = Slot::Done;
            }
        }
    }

    /// A slot whose request has completed, once.
    pub(crate) fn take_done(&mut self) -> Option<u32> {
        let at = self.done()?;
        self.slots[at] = Slot::Free;
        self.busy -= 1;
        Some(u32::try_from(at).expect("few"))
    }

    /// Somebody waits for what is in line.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Request> {
        self.line.drain(..)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn request(tag: u32) -> Request {
        Request { tag, op: Op::Write { fua: false }, blocks: 2, ..Request::default() }
    }

    #[test]
    fn without_turns_and_when_awaited_requests_go_at_once() {
        let mut side = Side::default();
        assert_eq!(side.push(request(1), false).map(|request| request.tag), Some(1));
        side.schedule();
        assert_eq!(side.push(request(2), true).map(|request| request.tag), Some(2));
        assert!(side.push(request(3), false).is_none());
        assert!(side.wants());
        assert_eq!(side.drain().map(|request| request.tag).collect::<Vec<_>>(), [3]);
        assert!(!side.wants());
    }

    #[test]
    fn a_slot_is_busy_until_its_completion_is_taken() {
        let mut side = Side::default();
        side.schedule();
        (0..10).for_each(|tag| assert!(side.push(request(tag), false).is_none()));
        let asked: Vec<_> = std::iter::from_fn(|| side.ask(4096)).collect();
        assert_eq!((asked.len(), asked[3].slot, asked[3].bytes), (8, 3, 8192));
        assert!(!side.wants(), "all slots are in use");
        assert_eq!(side.go(3).tag, 3);
        side.complete(99);
        assert_eq!(side.take_done(), None);
        side.complete(3);
        assert!(side.wants(), "somebody is to take note of it");
        assert_eq!((side.take_done(), side.take_done()), (Some(3), None));
        assert_eq!(side.ask(512), Some(Background { slot: 3, op: Op::Write { fua: false }, bytes: 1024 }));
    }
}
