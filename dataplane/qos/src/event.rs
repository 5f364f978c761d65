//! What happened that somebody should be told of.

use std::collections::VecDeque;

use crate::AppIndex;

/// Something an operator wants to know, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The device gives less than the applications' Mins together: all are scaled, in proportion.
    MinsScaled {
        /// What is left of each, in thousandths.
        permille: u32,
        /// What the device delivered, in I/O units per second.
        delivered_iops: u64,
        /// What was due to those who asked, likewise.
        demanded_iops: u64,
    },
    /// The device keeps all Mins again.
    MinsRestored,
    /// An application had I/O queued for 100 ms and got less than 95 % of its Min. Told once until it is met again.
    MinMissed {
        /// Whose.
        app: AppIndex,
        /// What it got, in I/O units per second.
        delivered_iops: u64,
    },
    /// A lease is over; the application has its own Min and Max again.
    LeaseEnded {
        /// Whose.
        app: AppIndex,
    },
    /// I/O was sent against a limit because a host's timeout came near: the application keeps more I/O outstanding
    /// than its Max lets through in time.
    HeldTooLong {
        /// Whose.
        app: AppIndex,
    },
}

/// Most events kept for a reader who does not come.
const CAPACITY: usize = 256;

/// Events until somebody reads them.
#[derive(Debug)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    lost: u64,
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { queue: VecDeque::with_capacity(CAPACITY), lost: 0 }
    }

    /// Keeps an event; the newest is lost if there are too many, for the first ones tell how it began.
    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() < CAPACITY {
            self.queue.push_back(event);
        } else {
            self.lost += 1;
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }

    /// How many nobody will ever read.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_first_ones_are_kept_and_the_others_counted() {
        let mut events = Events::new();
        events.push(Event::MinsRestored);
        (0..CAPACITY).for_each(|_| events.push(Event::LeaseEnded { app: AppIndex::SYSTEM }));
        assert_eq!((events.pop(), events.lost()), (Some(Event::MinsRestored), 1));
    }
}
