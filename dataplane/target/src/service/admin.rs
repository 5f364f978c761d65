//! Everything that is not an I/O command on an I/O queue: admin commands, Fabrics commands, overruns.

use super::TargetService;
use super::io::{live, mark_dirty};
use crate::connection::{ConnectionKey, Namespace, Role};
use crate::controller::{Answer, DiscoveryPage, View};
use crate::data::Data;
use crate::stats::IoStats;
use sluice_nvme::cqe::Cqe;
use sluice_nvme::fabrics::disconnect::{DISCONNECT_RECFMT, DisconnectCommand};
use sluice_nvme::fabrics::fabrics_type;
use sluice_nvme::opcode::FabricsType;
use sluice_nvme::qpair::Payload;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::{DigestError, Fes};
use sluice_reactor::Context;

impl TargetService {
    /// Takes a command that the hot path leaves alone.
    pub(super) fn slow_command(
        &mut self,
        _: &Context<'_>,
        index: u32,
        sqe: &Sqe,
        data: Result<&[u8], DigestError>,
    ) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        mark_dirty(&mut self.io.dirty, connection);
        let role = connection.role;
        match (role, data) {
            (_, Err(_)) => {
                connection.respond(sqe.cid.get(), Status::TRANSIENT_TRANSPORT_ERROR);
            }
            (Role::Admin, Ok(data)) => self.admin_command(index, sqe, data),
            (Role::Io(_), Ok(_)) if sqe.opcode == 0x7f => self.io_queue_fabrics(index, sqe),
            // More commands than the queue has entries: the host is out of step.
            (Role::Io(_), Ok(_)) => self.terminate(index, Fes::PduSequenceError),
            // Nothing is read from it any more.
            (Role::Refused, Ok(_)) => {}
        }
    }

    /// Of Fabrics commands an I/O queue takes Disconnect only.
    fn io_queue_fabrics(&mut self, index: u32, sqe: &Sqe) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let cid = sqe.cid.get();
        match fabrics_type(sqe) {
            Some(FabricsType::Disconnect)
                if DisconnectCommand::from_sqe(sqe).cdw10.recfmt() == DISCONNECT_RECFMT =>
            {
                connection.respond(cid, Status::SUCCESS);
                connection.closing = true;
            }
            Some(FabricsType::Disconnect) => {
                connection.respond(cid, Status::CONNECT_INCOMPATIBLE_FORMAT.dnr())
            }
            Some(FabricsType::Connect) => connection.respond(cid, Status::COMMAND_SEQUENCE_ERROR.dnr()),
            _ => connection.respond(cid, Status::INVALID_OPCODE.dnr()),
        }
    }

    fn admin_command(&mut self, index: u32, sqe: &Sqe, data: &[u8]) {
        let Some(connection) = self.connections.get(index) else { return };
        let key = connection.key;
        let (controller_index, volume) = (connection.controller, self.volume_of(connection));
        let Some(controller) = self.controllers.get(controller_index) else { return };
        let Some(subsystem) = self.subsystems.get(controller.subsystem) else { return };
        let stats = || volume.map(|volume| self.volume_stats(volume)).unwrap_or_default();
        // Only the closures borrow the service as a whole, and the SMART page alone calls one; so its
        // figures are gathered before the controller is borrowed to be changed.
        let gathered = if wants_stats(sqe) { stats() } else { IoStats::default() };
        let view = View {
            limits: &self.config.limits,
            keep_alive_max: self.config.timeouts.keep_alive_max,
            subsystem_nqn: &subsystem.nqn,
            volume: (!subsystem.closing).then_some((subsystem.uuid, subsystem.namespace)),
            stats: &|| gathered.clone(),
            discovery: &DiscoveryPage::default,
        };
        let Some(controller) = self.controllers.get_mut(controller_index) else { return };
        let answer = controller.admin(sqe, data, &view);
        self.carry_out(key, controller_index, answer);
    }

    fn carry_out(&mut self, key: ConnectionKey, controller: u32, answer: Answer) {
        match answer {
            Answer::Hold => {}
            Answer::Complete(cqe) => self.complete_admin(key, cqe),
            Answer::Data(cqe, data) => self.complete_data(key, cqe, data),
            Answer::DataAndEvent(cqe, data, event) => {
                self.complete_data(key, cqe, data);
                self.complete_admin(key, event);
            }
            Answer::Aborted { abort, request } => {
                self.complete_admin(key, request);
                self.complete_admin(key, abort);
            }
            Answer::Abort { cid, sqid, target } => {
                let aborted = self.abort_command(controller, sqid, target);
                // Bit 0 of dword 0 tells that the command was not aborted.
                let cqe = Cqe::new(cid, Status::SUCCESS).with_dw0(u32::from(!aborted));
                self.complete_admin(key, cqe);
            }
            Answer::Reset(cqe, waiting) => {
                for cid in waiting {
                    self.complete_admin(key, Cqe::new(cid, Status::ABORTED_SQ_DELETION));
                }
                self.close_io_queues(controller);
                self.complete_admin(key, cqe);
            }
        }
    }

    pub(super) fn complete_admin(&mut self, key: ConnectionKey, cqe: Cqe) {
        if let Some(connection) = live(&mut self.connections, key) {
            connection.wire.qpair.respond(cqe);
            mark_dirty(&mut self.io.dirty, connection);
        }
    }

    fn complete_data(&mut self, key: ConnectionKey, cqe: Cqe, data: Vec<u8>) {
        let Ok(length) = u32::try_from(data.len()) else { return };
        if let Some(connection) = live(&mut self.connections, key) {
            let payload = Payload::Buffer { buffer: Data::from(data), length };
            connection.wire.respond_data(cqe, payload, length.into());
            mark_dirty(&mut self.io.dirty, connection);
        }
    }

    fn abort_command(&mut self, controller: u32, sqid: u16, cid: u16) -> bool {
        let of_queue = |connection: &crate::connection::Connection| {
            connection.controller == controller && connection.role == Role::Io(sqid)
        };
        let queue = self.connections.iter().find(|(_, c)| of_queue(c)).map(|(_, c)| c.key);
        let queue = queue.and_then(|key| live(&mut self.connections, key));
        queue.is_some_and(|queue| self.io.abort(queue, cid, self.now))
    }

    fn close_io_queues(&mut self, controller: u32) {
        let queues: Vec<u32> = self
            .connections
            .iter()
            .filter(|(_, c)| c.controller == controller && matches!(c.role, Role::Io(_)))
            .map(|(index, _)| index)
            .collect();
        for index in queues {
            self.close(index, "its controller was reset");
        }
    }

    /// Changes what the queues of a subsystem know of its namespace; hosts are told.
    pub(super) fn change_namespace(&mut self, subsystem: u32, change: impl Fn(&mut Option<Namespace>)) {
        let controllers: Vec<u32> = self
            .controllers
            .iter()
            .filter(|(_, c)| c.subsystem == subsystem)
            .map(|(index, _)| index)
            .collect();
        for controller in controllers {
            for (_, connection) in self.connections.iter_mut().filter(|(_, c)| c.controller == controller) {
                change(&mut connection.namespace);
            }
            let event = self.controllers.get_mut(controller).and_then(|c| c.namespace_changed());
            let admin = self
                .connections
                .iter()
                .find(|(_, c)| c.controller == controller && c.role == Role::Admin)
                .map(|(_, c)| c.key);
            if let (Some(event), Some(key)) = (event, admin) {
                self.complete_admin(key, event);
            }
        }
    }
}

/// Whether the command reads the SMART page, the only one that needs the volume's figures.
fn wants_stats(sqe: &Sqe) -> bool {
    use sluice_nvme::log::{GetLogPage, LogId};
    use sluice_nvme::opcode::AdminOpcode;
    sqe.opcode == AdminOpcode::GetLogPage.wire() && GetLogPage::from_sqe(sqe).lid() == Some(LogId::Smart)
}
