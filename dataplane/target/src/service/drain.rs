//! The end of a service: nothing new is taken, what is in flight completes, and a checkpoint comes last.
//!
//! ```text
//!   Serving --Drain--> Draining --all answered, or time is up--> Checkpointing --done, or time is up--> Finished
//! ```
//!
//! A host that wants its data durable flushes them itself, before and after. The checkpoint flushes the device once
//! more, for the operator who turns the machine off behind an orderly shutdown, and leaves the next opening nothing to
//! replay.

use super::{TargetService, Timer};
use crate::connection::Connection;
use crate::handle::ControlError;
use sluice_device::Nanos;
use tokio::sync::oneshot::Sender;

/// How long the checkpoint at the end may take.
const CHECKPOINT_NS: u64 = 10_000_000_000;

/// What a shutdown waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Serving,
    /// Nothing new is taken; commands in flight complete.
    Draining,
    /// The pool writes what the next opening begins with.
    Checkpointing,
    Finished,
}

impl TargetService {
    pub(super) fn begin_drain(&mut self, now: Nanos, reply: Sender<()>) {
        self.drained.push(reply);
        if self.life == Life::Serving {
            self.life = Life::Draining;
            self.refuse_operations(|| ControlError::ShuttingDown);
            let wait = u64::try_from(self.config.timeouts.drain.as_nanos()).unwrap_or(u64::MAX);
            self.timers.arm(Nanos(now.0.saturating_add(wait)), Timer::Drain);
        }
    }

    /// Commands in flight had their time; what they did so far is kept.
    pub(super) fn drain_expired(&mut self, now: Nanos) {
        if self.life == Life::Draining {
            tracing::warn!("commands are still in flight after the drain timeout");
            self.begin_checkpoint(now);
        }
    }

    pub(super) fn checkpoint_expired(&mut self) {
        if self.life == Life::Checkpointing {
            tracing::error!(
                "the device has not completed the last checkpoint: what hosts did not flush may be lost"
            );
            self.life = Life::Finished;
        }
    }

    /// Moves a drain on.
    pub(super) fn advance_drain(&mut self, now: Nanos) -> Life {
        match self.life {
            Life::Draining if self.is_drained() => self.begin_checkpoint(now),
            Life::Checkpointing if self.control_is_idle() => self.life = Life::Finished,
            _ => {}
        }
        if self.life == Life::Finished {
            for waiting in self.drained.drain(..) {
                // Who asked may be gone.
                let _ = waiting.send(());
            }
        }
        self.life
    }

    fn begin_checkpoint(&mut self, now: Nanos) {
        self.enqueue_checkpoint();
        self.life = Life::Checkpointing;
        self.timers.arm(Nanos(now.0 + CHECKPOINT_NS), Timer::Checkpoint);
    }

    /// Every command answered, also those whose hosts are gone, and every answer sent.
    fn is_drained(&self) -> bool {
        let sent = |connection: &Connection| !connection.wire.qpair.has_output();
        self.control_is_idle()
            && self.io.requests.is_empty()
            && self.connections.iter().all(|(_, connection)| sent(connection))
    }
}
