//! The end of a service: nothing new is taken, what is in flight completes, and the device is flushed last.
//!
//! ```text
//!   Serving --Drain--> Draining --all answered, or time is up--> Flushing --done, or time is up--> Finished
//!                                                 `---- no volatile write cache ----------------------^
//! ```
//!
//! A host that wants its data durable flushes them itself, before and after. The Flush here is for the
//! operator who turns the machine off behind an orderly shutdown.

use super::{TargetService, Timer};
use crate::connection::Connection;
use crate::handle::ControlError;
use sluice_device::Nanos;
use tokio::sync::oneshot::Sender;

/// How long the Flush at the end may take.
const FLUSH_NS: u64 = 10_000_000_000;

/// What a shutdown waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Serving,
    /// Nothing new is taken; commands in flight complete.
    Draining,
    /// The device makes durable what it has taken.
    Flushing,
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

    /// Commands in flight had their time; what they did so far is flushed.
    pub(super) fn drain_expired(&mut self, now: Nanos) {
        if self.life == Life::Draining {
            tracing::warn!("commands are still in flight after the drain timeout");
            self.flush_device(now);
        }
    }

    pub(super) fn flush_expired(&mut self) {
        if self.life == Life::Flushing {
            tracing::error!(
                "the device has not completed its last Flush: what hosts did not flush may be lost"
            );
            self.life = Life::Finished;
        }
    }

    /// Moves a drain on.
    pub(super) fn advance_drain(&mut self, now: Nanos) -> Life {
        match self.life {
            Life::Draining if self.is_drained() => self.flush_device(now),
            Life::Flushing => self.collect_flush(),
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

    fn flush_device(&mut self, now: Nanos) {
        if self.io.flush_device(now) {
            self.life = Life::Flushing;
            self.timers.arm(Nanos(now.0 + FLUSH_NS), Timer::Flush);
        } else {
            self.life = Life::Finished;
        }
    }

    fn collect_flush(&mut self) {
        match self.io.flushed.take() {
            None => return,
            Some(Ok(())) => tracing::info!("device flushed"),
            Some(Err(error)) => {
                tracing::error!(%error, "the last Flush failed: what hosts did not flush may be lost");
            }
        }
        self.life = Life::Finished;
    }

    /// Every command answered, also those whose hosts are gone, and every answer sent.
    fn is_drained(&self) -> bool {
        let sent = |connection: &Connection| !connection.wire.qpair.has_output();
        self.control_is_idle()
            && self.io.requests.is_empty()
            && self.connections.iter().all(|(_, connection)| sent(connection))
    }
}
