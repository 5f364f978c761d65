//! The seal: from time to time, what is done is made certain.
//!
//! ```text
//!   idle ──► draining: I/O in flight now, and the records appended so far
//!        ──► flushing: the device's cache
//!        ──► marking: both places of the next mark ──► idle
//! ```
//!
//! A seal lets three things go on: writes to blocks in the [window](super::window), whose records are now beyond
//! doubt; chunks and nodes whose last reference was dropped, which nobody reads any more and no crash brings back;
//! and with them what waits for space. It also makes the loss of a journal block to rot a known loss.

use sluice_device::Nanos;

/// A window with anything in it is closed at this age, so that recovery has little to prove.
pub(crate) const SEAL_AGE: Nanos = Nanos(250_000_000);

/// How far the seal under way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Idle,
    /// The ticket of the I/O, and the last record.
    Draining {
        io: u64,
        record: u64,
    },
    /// The flush's ticket, and the last journal block before the seal began.
    Flushing {
        ticket: u64,
        closed: u64,
    },
    /// Places of the mark still to be written; with the flush behind them, if the device has no FUA.
    Marking {
        places: u32,
    },
    /// The mark is written and must be flushed.
    Hardening {
        ticket: u64,
    },
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Seal {
    pub(crate) stage: Stage,
    /// Of the seal that will cover what happens now.
    pub(crate) number: u64,
    /// Somebody waits for it.
    pub(crate) wanted: bool,
    /// The last record before the last seal.
    pub(crate) record: u64,
    /// Since when there is something to seal.
    since: Option<Nanos>,
}

impl Seal {
    pub(crate) fn new() -> Self {
        Self { stage: Stage::Idle, number: 1, wanted: false, record: 0, since: None }
    }

    /// There is something to seal.
    pub(crate) fn note(&mut self, now: Nanos) {
        self.since.get_or_insert(now);
    }

    /// When it is to begin; at once if somebody asks for it.
    pub(crate) fn due(&self) -> Option<Nanos> {
        match self.stage {
            Stage::Idle if self.wanted => Some(Nanos::ZERO),
            Stage::Idle => self.since.map(|since| since + SEAL_AGE),
            _ => None,
        }
    }

    /// Whether it should begin now.
    pub(crate) fn should_begin(&self, now: Nanos, full: bool) -> bool {
        self.stage == Stage::Idle && (full || self.due().is_some_and(|due| due <= now))
    }

    /// It begins: what happens from now on is the next one's.
    pub(crate) fn begin(&mut self, io: u64, record: u64) {
        self.stage = Stage::Draining { io, record };
        self.number += 1;
        self.record = record;
        (self.wanted, self.since) = (false, None);
    }
}
