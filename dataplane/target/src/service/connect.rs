//! Connect (NVMe Base section 6.3): a connection becomes a queue of a controller, or is told why not.

use super::TargetService;
use super::drain::Life;
use super::io::mark_dirty;
use super::message::ConnectRequest;
use super::receive::token_of;
use crate::config::{ADMIN_QUEUE_ENTRIES, Limits};
use crate::connection::{Connection, ConnectionKey, Role, Wire};
use crate::controller::{Controller, Host, Personality};
use crate::stats::IoStats;
use sluice_nvme::cqe::Cqe;
use sluice_nvme::fabrics::connect::{
    CNTLID_ANY, CONNECT_RECFMT, ConnectAccepted, ConnectCommand, ConnectData, ConnectInvalid,
};
use sluice_nvme::status::Status;
use sluice_reactor::Context;
use std::time::Duration;
use zerocopy::FromBytes;

/// Largest controller identifier (NVMe Base section 3.1.1: FFF0h and above are reserved).
const CNTLID_MAX: u16 = 0xffef;

/// Why a Connect fails: status and dword 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) dw0: u32,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { status, dw0: 0 }
    }
}

impl From<ConnectInvalid> for Refusal {
    fn from(invalid: ConnectInvalid) -> Self {
        Self { status: Status::CONNECT_INVALID_PARAMETERS.dnr(), dw0: invalid.bits() }
    }
}

/// What a Connect asks for, once its form is checked.
pub(crate) struct Asked {
    pub(crate) qid: u16,
    pub(crate) entries: u16,
    pub(crate) sq_flow_control: bool,
    pub(crate) kato_ms: u32,
    pub(crate) cntlid: u16,
    pub(crate) subsystem: String,
    pub(crate) host: Host,
}

/// Checks what can be checked without knowing any controller.
pub(crate) fn check(
    command: &ConnectCommand,
    data: &[u8],
    limits: &Limits,
    keep_alive_max: Duration,
) -> Result<Asked, Refusal> {
    if command.cdw10.recfmt() != CONNECT_RECFMT {
        return Err(Status::CONNECT_INCOMPATIBLE_FORMAT.dnr().into());
    }
    let data = ConnectData::read_from_bytes(data).map_err(|_| Status::SGL_DATA_LENGTH_INVALID.dnr())?;
    let subsystem = data.subnqn.name().map_err(|_| ConnectInvalid::SUBNQN)?.to_owned();
    let nqn = data.hostnqn.name().map_err(|_| ConnectInvalid::HOSTNQN)?.to_owned();
    let qid = command.cdw10.qid();
    let most = if qid == 0 { ADMIN_QUEUE_ENTRIES.max(limits.queue_entries) } else { limits.queue_entries };
    let entries = u16::try_from(command.entries()).ok().filter(|entries| (2..=most).contains(entries));
    let entries = entries.ok_or(ConnectInvalid::SQSIZE)?;
    if qid == 0 && u128::from(command.kato_ms) > keep_alive_max.as_millis() {
        return Err(Refusal { status: Status::KEEP_ALIVE_INVALID.dnr(), dw0: ConnectInvalid::KATO.bits() });
    }
    Ok(Asked {
        qid,
        entries,
        sq_flow_control: !command.cdw11.disable_sq_flow_control(),
        kato_ms: command.kato_ms,
        cntlid: data.cntlid.get(),
        subsystem,
        host: Host { nqn, id: data.hostid },
    })
}

impl TargetService {
    /// Takes a connection over from the acceptor.
    pub(super) fn connect(&mut self, cx: &Context<'_>, request: ConnectRequest) {
        let ConnectRequest { socket, qpair, carry, peer, sqe, data } = request;
        let mut connection = Connection {
            key: ConnectionKey { index: 0, generation: self.next_generation },
            wire: Wire::new(socket, qpair.retype(), carry),
            peer,
            role: Role::Refused,
            controller: u32::MAX,
            namespace: None,
            entries: 0,
            outstanding: 0,
            waiting: 0,
            receiving: 0,
            held_bytes: 0,
            opened: cx.now,
            last_received: cx.now,
            last_sent: cx.now,
            hot: false,
            unread: true,
            held_back: false,
            dirty: false,
            closing: false,
            stats: IoStats::default(),
        };
        self.next_generation = self.next_generation.wrapping_add(1);
        let command = ConnectCommand::from_sqe(&sqe);
        let outcome = check(&command, &data, &self.config.limits, self.config.timeouts.keep_alive_max)
            .and_then(|asked| self.admit(&mut connection, asked));
        let cqe = match outcome {
            Ok(cntlid) => Cqe::new(sqe.cid.get(), Status::SUCCESS)
                .with_dw0(ConnectAccepted::default().with_cntlid(cntlid).bits()),
            Err(refusal) => {
                tracing::warn!(%peer, status = %refusal.status, "connect refused");
                connection.closing = true;
                Cqe::new(sqe.cid.get(), refusal.status).with_dw0(refusal.dw0)
            }
        };
        connection.wire.qpair.respond(cqe);
        self.install(cx, connection);
    }

    /// Gives the connection its slot and watches its socket.
    fn install(&mut self, cx: &Context<'_>, connection: Connection) {
        let refused = connection.closing;
        match self.connections.insert(connection) {
            Ok(index) => {
                let Some(connection) = self.connections.get_mut(index) else { return };
                connection.key.index = index;
                if let Err(error) = cx.watch(connection.wire.socket(), token_of(connection.key)) {
                    tracing::error!(%error, "cannot watch a socket");
                    return self.close(index, "cannot be watched");
                }
                mark_dirty(&mut self.io.dirty, connection);
                self.heat(index);
                self.arm_housekeeping(cx.now);
            }
            // Only a refused one can find no slot: the others were admitted with one.
            Err(mut connection) => {
                debug_assert!(refused, "an admitted connection has its slot");
                let _ = connection.wire.flush();
            }
        }
    }

    fn admit(&mut self, connection: &mut Connection, asked: Asked) -> Result<u16, Refusal> {
        if self.connections.len() == self.connections.capacity() || self.life != Life::Serving {
            return Err(Status::CONNECT_CONTROLLER_BUSY.into());
        }
        let subsystem = *self.by_nqn.get(&asked.subsystem).ok_or(ConnectInvalid::SUBNQN)?;
        let admits = self.subsystems.get(subsystem).is_some_and(|s| s.admits(&asked.host.nqn));
        if !admits {
            return Err(Status::CONNECT_INVALID_HOST.dnr().into());
        }
        connection.entries = asked.entries;
        connection.wire.qpair.set_queue(asked.qid, asked.entries, asked.sq_flow_control);
        if asked.qid == 0 {
            self.admit_admin(connection, subsystem, asked)
        } else {
            self.admit_io(connection, subsystem, &asked)
        }
    }

    fn admit_admin(
        &mut self,
        connection: &mut Connection,
        subsystem: u32,
        asked: Asked,
    ) -> Result<u16, Refusal> {
        if asked.cntlid != CNTLID_ANY {
            return Err(ConnectInvalid::CNTLID.into());
        }
        let cntlid = self.free_cntlid(subsystem);
        let (limits, host) = (self.config.limits, asked.host.nqn.clone());
        let controller =
            Controller::new(Personality::Volume, subsystem, cntlid, asked.host, asked.kato_ms, &limits);
        connection.controller =
            self.controllers.insert(controller).map_err(|_| Status::CONNECT_CONTROLLER_BUSY)?;
        connection.role = Role::Admin;
        let volume = self.subsystems.get(subsystem).map(|s| s.name.as_str()).unwrap_or_default();
        tracing::info!(%host, volume, controller = cntlid, peer = %connection.peer, "controller connected");
        Ok(cntlid)
    }

    fn admit_io(
        &mut self,
        connection: &mut Connection,
        subsystem: u32,
        asked: &Asked,
    ) -> Result<u16, Refusal> {
        let found =
            self.controllers.iter_mut().find(|(_, c)| c.subsystem == subsystem && c.cntlid == asked.cntlid);
        let (index, controller) = found.ok_or(ConnectInvalid::CNTLID)?;
        if controller.host_nqn != asked.host.nqn {
            return Err(ConnectInvalid::HOSTNQN.into());
        }
        if controller.host_id() != asked.host.id {
            return Err(ConnectInvalid::HOSTID.into());
        }
        if !controller.is_ready() {
            return Err(Status::COMMAND_SEQUENCE_ERROR.dnr().into());
        }
        match controller.open_queue(asked.qid) {
            None => return Err(ConnectInvalid::QID.into()),
            Some(false) => return Err(Status::COMMAND_SEQUENCE_ERROR.dnr().into()),
            Some(true) => {}
        }
        connection.controller = index;
        connection.role = Role::Io(asked.qid);
        connection.namespace = self.subsystems.get(subsystem).map(|s| s.queue_namespace(&self.config.limits));
        Ok(asked.cntlid)
    }

    /// An identifier no controller of the subsystem has. There are fewer controllers than identifiers.
    fn free_cntlid(&mut self, subsystem: u32) -> u16 {
        loop {
            let cntlid = self.next_cntlid;
            self.next_cntlid = if cntlid == CNTLID_MAX { 1 } else { cntlid + 1 };
            let taken = self.controllers.iter().any(|(_, c)| c.subsystem == subsystem && c.cntlid == cntlid);
            if !taken {
                return cntlid;
            }
        }
    }
}
