//! What happens by the clock: keep-alive, stalled hosts, closing.

use super::io::{live, mark_dirty};
use super::{TargetService, Timer};
use crate::connection::{Connection, Role};
use sluice_device::Nanos;
use sluice_nvme::tcp::Fes;

/// How often connections are looked over. Keep-alive timeouts are counted in seconds.
const INTERVAL_NS: u64 = 500_000_000;
/// A host that holds memory for data it promised, and sends none for so long, loses its connection;
/// as does one that takes no responses.
const STALL_NS: u64 = 10_000_000_000;

impl TargetService {
    /// Arms the look-over, if there is anything to look over.
    pub(super) fn arm_housekeeping(&mut self, now: Nanos) {
        let idle = self.connections.is_empty() && self.lingering.is_empty();
        if !self.housekeeping_armed && !idle {
            self.housekeeping_armed = true;
            self.timers.arm(Nanos(now.0 + INTERVAL_NS), Timer::Housekeeping);
        }
    }

    pub(super) fn expire_timers(&mut self, now: Nanos) -> bool {
        let mut any = false;
        while let Some(timer) = self.timers.expired(now) {
            any = true;
            match timer {
                Timer::Housekeeping => {
                    self.housekeeping_armed = false;
                    self.look_over(now);
                    self.arm_housekeeping(now);
                }
                Timer::Unpublished(subsystem) => self.close_unpublished(subsystem),
                Timer::Drain => self.drain_expired(now),
                Timer::Checkpoint => self.checkpoint_expired(),
            }
        }
        any
    }

    fn look_over(&mut self, now: Nanos) {
        self.lingering.expire(now);
        let stalled: Vec<u32> = self
            .connections
            .iter()
            .filter(|(_, connection)| is_stalled(connection, now))
            .map(|(index, _)| index)
            .collect();
        for index in stalled {
            self.close(index, "stalled: data promised and not sent, or responses not taken");
        }
        let expired: Vec<u32> = self
            .controllers
            .iter()
            .filter(|(_, controller)| {
                controller.keep_alive_expired(self.last_heard(controller.subsystem, controller.cntlid), now)
            })
            .map(|(index, _)| index)
            .collect();
        for index in expired {
            self.close_controller(index, "keep-alive timer expired");
        }
    }

    /// When any queue of a controller last brought something: all traffic keeps it alive (TBKAS).
    fn last_heard(&self, subsystem: u32, cntlid: u16) -> Nanos {
        let of_controller = |connection: &Connection| {
            let controller = self.controllers.get(connection.controller);
            controller.is_some_and(|c| c.subsystem == subsystem && c.cntlid == cntlid)
        };
        let times = self.connections.iter().filter(|(_, c)| of_controller(c)).map(|(_, c)| c.last_received);
        times.max().unwrap_or(Nanos(0))
    }

    fn close_unpublished(&mut self, subsystem: u32) {
        let controllers: Vec<u32> = self
            .controllers
            .iter()
            .filter(|(_, c)| c.subsystem == subsystem)
            .map(|(index, _)| index)
            .collect();
        for controller in controllers {
            self.close_controller(controller, "its volume is no longer published");
        }
        self.subsystems.remove(subsystem);
    }

    /// Closes every queue of a controller, which ends it.
    pub(super) fn close_controller(&mut self, controller: u32, why: &'static str) {
        let queues: Vec<u32> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.controller == controller)
            .map(|(index, _)| index)
            .collect();
        for index in queues {
            self.close(index, why);
        }
        self.controllers.remove(controller);
    }

    /// Closes one connection; with the admin queue goes the controller.
    pub(super) fn close(&mut self, index: u32, why: &'static str) {
        drop(self.detach(index, why));
    }

    /// Closes a connection that has sent its last PDU, so that the host can read it.
    pub(super) fn conclude(&mut self, index: u32, now: Nanos) {
        if let Some(connection) = self.detach(index, "closed after its last response") {
            self.lingering.keep(now, connection.wire.into_parts().0);
            self.arm_housekeeping(now);
        }
    }

    /// Takes a connection out of everything that knows of it.
    fn detach(&mut self, index: u32, why: &'static str) -> Option<Connection> {
        let connection = self.connections.remove(index)?;
        self.io.forget(connection.key, self.now);
        let volume =
            self.controllers.get(connection.controller).and_then(|c| self.subsystems.get(c.subsystem));
        if let Some(subsystem) = volume {
            self.closed_stats.entry(subsystem.volume).or_default().add(&connection.stats);
        }
        tracing::debug!(peer = %connection.peer, queue = ?connection.role, why, "connection closed");
        match connection.role {
            Role::Admin => {
                if let Some(controller) = self.controllers.get(connection.controller) {
                    tracing::info!(host = %controller.host_nqn, controller = controller.cntlid, why, "controller gone");
                }
                self.close_controller(connection.controller, "its admin queue is gone");
            }
            Role::Io(qid) => {
                if let Some(controller) = self.controllers.get_mut(connection.controller) {
                    controller.queue_closed(qid);
                }
            }
            Role::Refused => {}
        }
        Some(connection)
    }

    /// Puts failed commands into their controllers' error logs.
    pub(super) fn log_failures(&mut self) {
        if self.io.failures.is_empty() {
            return;
        }
        let mut failures = std::mem::take(&mut self.io.failures);
        for failure in failures.drain(..) {
            let Some(connection) = live(&mut self.connections, failure.connection) else { continue };
            let qid = connection.role.qid();
            if let Some(controller) = self.controllers.get_mut(connection.controller) {
                controller.log_error(qid, failure.cid, failure.status, failure.lba);
            }
        }
        self.io.failures = failures;
    }

    /// Ends a connection in the specification's way: a C2HTermReq, then the close.
    pub(super) fn terminate(&mut self, index: u32, fes: Fes) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.wire.qpair.terminate(fes, 0);
            connection.closing = true;
            mark_dirty(&mut self.io.dirty, connection);
        }
    }
}

/// Whether a host holds memory for data it does not send, or does not take its responses.
fn is_stalled(connection: &Connection, now: Nanos) -> bool {
    let quiet = now.0.saturating_sub(connection.last_received.0.max(connection.last_sent.0)) > STALL_NS;
    quiet && (connection.closing || connection.wire.qpair.has_output() || connection.receiving > 0)
}
