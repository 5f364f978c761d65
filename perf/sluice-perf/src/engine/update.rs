//! What engine threads tell the collector, and how tallies go round without allocation.

use std::sync::mpsc::{Receiver, Sender};

use crate::engine::Phase;
use crate::report::Outcome;
use crate::stats::{Counters, Tally};

/// A message to the collector.
pub(crate) enum Update {
    /// What a job did since its last sample.
    Sample(Sample),
    /// A job cannot start.
    Unopened { job: usize, reason: String },
    /// A job is over; no sample follows.
    Done { job: usize, outcome: Outcome },
}

/// What a job did over a span of time, all of it in one phase.
pub(crate) struct Sample {
    pub(crate) job: usize,
    pub(crate) phase: Phase,
    pub(crate) span_ns: u64,
    pub(crate) tally: Box<Tally>,
    /// Since the start of the job.
    pub(crate) counters: Counters,
    /// Descriptions of wrong blocks since the last sample.
    pub(crate) wrong: Vec<String>,
}

/// A job's way to the collector, and the way back for empty tallies.
pub(crate) struct Outbox {
    pub(crate) job: usize,
    pub(crate) updates: Sender<Update>,
    pub(crate) spares: Receiver<Box<Tally>>,
}

impl Outbox {
    /// An empty tally: one that came back, else a new one.
    pub(crate) fn spare(&self) -> Box<Tally> {
        self.spares.try_recv().unwrap_or_default()
    }

    /// Sends; if the collector is gone, nobody wants to know.
    pub(crate) fn send(&self, update: Update) {
        let _ = self.updates.send(update);
    }
}
