//! Control messages: volumes created, published, counted; the drain at the end.
//!
//! The volume layer carries out one operation at a time and none of them waits here: an operation is
//! begun, the reactor goes on with I/O, and each round looks whether it is done.

use super::drain::Life;
use super::message::Reply;
use super::{Message, TargetService, Timer};
use crate::connection::{Connection, Role};
use crate::handle::{ConnectionStatus, ControlError, InFlight, PoolStatus, StatsReport, VolumeStatus};
use crate::nqn;
use crate::stats::IoStats;
use crate::subsystem::Subsystem;
use sluice_device::Nanos;
use sluice_reactor::Context;
use sluice_volume::{
    ControlDone, HostAccess, MAX_VOLUMES, VolumeError, VolumeIndex, VolumeRecord, VolumeSpec,
};
use std::collections::VecDeque;
use std::time::Duration;

/// Every volume may be published at once, and as many again may be closing.
#[expect(clippy::cast_possible_truncation, reason = "MAX_VOLUMES is 255")]
pub(super) const MAX_SUBSYSTEMS: u32 = 2 * MAX_VOLUMES as u32;
/// Control operations in line.
const MAX_QUEUED: usize = 64;
/// How long the hosts of an unpublished volume have to notice that their namespace is gone.
const UNPUBLISH_GRACE_NS: u64 = 1_000_000_000;

/// An operation of the volume layer and who waits for it.
pub(super) enum Operation {
    Create(VolumeSpec, Reply<VolumeStatus>),
    Delete(String, Reply<()>),
    Publish(String, HostAccess, Reply<VolumeStatus>),
    Unpublish(String, Reply<VolumeStatus>),
}

/// Operations in line, and the one at work.
#[derive(Default)]
pub(super) struct ControlQueue {
    waiting: VecDeque<Operation>,
    current: Option<Operation>,
}

impl TargetService {
    pub(super) fn take_message(&mut self, cx: &Context<'_>, message: Message) {
        match message {
            Message::Connect(request) => self.connect(cx, *request),
            Message::Create(spec, reply) => self.enqueue(Operation::Create(spec, reply)),
            Message::Delete(name, reply) => self.enqueue(Operation::Delete(name, reply)),
            Message::Publish(name, access, reply) => self.enqueue(Operation::Publish(name, access, reply)),
            Message::Unpublish(name, reply) => self.enqueue(Operation::Unpublish(name, reply)),
            // Who asked may have gone meanwhile; then there is nobody to tell.
            Message::Volumes(reply) => drop(reply.send(Ok(self.volume_statuses()))),
            Message::Pool(reply) => drop(reply.send(self.pool_status())),
            Message::Connections(reply) => drop(reply.send(Ok(self.connection_statuses(cx.now)))),
            Message::SetApp(spec, reply) => drop(reply.send(self.io.apps.set(cx.now, spec))),
            Message::RemoveApp(name, reply) => drop(reply.send(self.io.apps.remove(&name))),
            Message::LeaseApp(name, lease, reply) => {
                drop(reply.send(self.io.apps.lease(cx.now, &name, lease)));
            }
            Message::EndLease(name, reply) => drop(reply.send(self.io.apps.end_lease(cx.now, &name))),
            Message::Apps(reply) => drop(reply.send(Ok(self.io.apps.statuses(cx.now)))),
            Message::Stats(reply) => drop(reply.send(Ok(self.stats_report(cx.now)))),
            Message::Drain(reply) => self.begin_drain(cx.now, reply),
        }
    }

    fn enqueue(&mut self, operation: Operation) {
        if self.life != Life::Serving {
            operation.fail(ControlError::ShuttingDown);
        } else if self.control.waiting.len() >= MAX_QUEUED {
            operation.fail(ControlError::Busy);
        } else {
            self.control.waiting.push_back(operation);
        }
    }

    /// Collects the operation at work if it is done, and begins the next.
    pub(super) fn advance_control(&mut self, now: Nanos) -> bool {
        if self.control.current.is_some() {
            let Some(result) = self.io.volume.take_control_result() else { return false };
            if let Some(operation) = self.control.current.take() {
                self.finish_operation(now, operation, result);
            }
            return true;
        }
        let Some(operation) = self.control.waiting.pop_front() else { return false };
        match self.begin_operation(&operation) {
            Ok(Begun::Started) => self.control.current = Some(operation),
            Ok(Begun::AlreadySo(index)) => self.succeed(operation, index),
            Err(error) => operation.fail(error),
        }
        true
    }

    fn begin_operation(&mut self, operation: &Operation) -> Result<Begun, ControlError> {
        match operation {
            Operation::Create(spec, _) => {
                if let Some(record) = self.io.volume.volumes().find(|record| record.name == spec.name) {
                    return same_volume(record, spec).map(|()| Begun::AlreadySo(record.index));
                }
                self.io.apps.prepare(self.now, &spec.app)?;
                self.io.volume.begin_create(spec.clone())?;
            }
            Operation::Delete(name, _) => {
                let record = self.record(name)?;
                if record.published {
                    return Err(ControlError::Published { name: name.clone() });
                }
                let index = record.index;
                // Hosts that were connected have a moment left; what of theirs waits will not be carried out.
                self.io.fail_held(&mut self.connections, self.io.apps.tag(index), self.now);
                self.io.volume.begin_delete(index)?;
            }
            Operation::Publish(name, access, _) => {
                let record = self.record(name)?;
                if record.published && record.access == *access {
                    return Ok(Begun::AlreadySo(record.index));
                }
                let index = record.index;
                self.io.volume.begin_publish(index, access.clone())?;
            }
            Operation::Unpublish(name, _) => {
                let record = self.record(name)?;
                let (index, published) = (record.index, record.published);
                if !published {
                    return Ok(Begun::AlreadySo(index));
                }
                self.io.volume.begin_unpublish(index)?;
            }
        }
        Ok(Begun::Started)
    }

    fn finish_operation(
        &mut self,
        now: Nanos,
        operation: Operation,
        result: Result<ControlDone, VolumeError>,
    ) {
        let done = match result {
            Ok(done) => done,
            Err(error) => return operation.fail(error.into()),
        };
        match done {
            ControlDone::Published(index) => self.open_subsystem(index),
            ControlDone::Unpublished(index) => self.close_subsystem(now, index),
            ControlDone::Deleted(index) => {
                self.closed_stats.remove(&index);
                self.io.apps.remove_volume(index);
            }
            ControlDone::Created(index) => {
                if let Err(error) = self.adopt(now, index) {
                    return operation.fail(error);
                }
            }
            ControlDone::Opened | ControlDone::Formatted => {}
        }
        match done {
            ControlDone::Created(index)
            | ControlDone::Deleted(index)
            | ControlDone::Published(index)
            | ControlDone::Unpublished(index) => self.succeed(operation, index),
            // The pool was opened before the service was made, and is not formatted under it.
            ControlDone::Opened | ControlDone::Formatted => {}
        }
    }

    fn succeed(&self, operation: Operation, index: VolumeIndex) {
        match operation {
            Operation::Delete(_, reply) => drop(reply.send(Ok(()))),
            Operation::Create(_, reply)
            | Operation::Publish(_, _, reply)
            | Operation::Unpublish(_, reply) => {
                let status = self.io.volume.volume(index).map(|record| self.volume_status(record));
                drop(
                    reply.send(
                        status.ok_or(ControlError::Volume(VolumeError::NoSuchVolume { volume: index })),
                    ),
                );
            }
        }
    }

    fn record(&self, name: &str) -> Result<&VolumeRecord, ControlError> {
        let found = self.io.volume.volumes().find(|record| record.name == name);
        found.ok_or_else(|| ControlError::NotFound { name: name.to_owned() })
    }

    /// Charges a volume's I/O to its application.
    fn adopt(&mut self, now: Nanos, index: VolumeIndex) -> Result<(), ControlError> {
        let app = self.io.volume.volume(index).map(|record| record.app.clone()).unwrap_or_default();
        self.io.apps.add_volume(now, index, &app)
    }

    /// Publishes what the superblock says is published: after a restart hosts find their volumes again.
    pub(super) fn adopt_volumes(&mut self, now: Nanos) -> Result<(), ControlError> {
        let all: Vec<VolumeIndex> = self.io.volume.volumes().map(|record| record.index).collect();
        for index in all {
            self.adopt(now, index)?;
        }
        let published: Vec<VolumeIndex> =
            self.io.volume.volumes().filter(|record| record.published).map(|record| record.index).collect();
        for index in published {
            self.open_subsystem(index);
        }
        Ok(())
    }

    fn open_subsystem(&mut self, index: VolumeIndex) {
        let Some(record) = self.io.volume.volume(index) else { return };
        let limits = self.io.volume.limits(index).unwrap_or_else(|| unreachable!("a volume has limits"));
        let tag = self.io.apps.tag(index);
        let fresh = Subsystem::of(record, tag, self.io.volume.device_info(), limits);
        match self.by_nqn.get(&fresh.nqn).and_then(|at| self.subsystems.get_mut(*at)) {
            // Published again with another access: hosts that are connected stay.
            Some(subsystem) => subsystem.access = fresh.access,
            None => {
                let nqn = fresh.nqn.clone();
                tracing::info!(volume = %fresh.name, %nqn, "published");
                match self.subsystems.insert(fresh) {
                    Ok(at) => drop(self.by_nqn.insert(nqn.clone(), at)),
                    Err(_) => unreachable!("there is a subsystem for every volume"),
                }
            }
        }
        if let Some(subsystem) =
            self.by_nqn.get(&nqn::of_volume(&record.uuid)).and_then(|at| self.subsystems.get(*at))
        {
            self.directory.publish(self.reactor, &subsystem.nqn, subsystem.access.clone());
        }
    }

    /// No host may connect any more; those connected see their namespace go.
    fn close_subsystem(&mut self, now: Nanos, index: VolumeIndex) {
        let Some((at, subsystem)) = self.subsystems.iter_mut().find(|(_, s)| s.volume == index && !s.closing)
        else {
            return;
        };
        subsystem.closing = true;
        let nqn = subsystem.nqn.clone();
        tracing::info!(volume = %subsystem.name, %nqn, "unpublished");
        self.by_nqn.remove(&nqn);
        self.directory.unpublish(&nqn);
        self.remove_namespace(now, at);
        self.timers.arm(Nanos(now.0 + UNPUBLISH_GRACE_NS), Timer::Unpublished(at));
    }

    fn volume_statuses(&self) -> Vec<VolumeStatus> {
        let mut all: Vec<VolumeStatus> =
            self.io.volume.volumes().map(|record| self.volume_status(record)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn volume_status(&self, record: &VolumeRecord) -> VolumeStatus {
        let of_volume = |connection: &Connection| self.volume_of(connection) == Some(record.index);
        let connections = self.connections.iter().filter(|(_, connection)| of_volume(connection)).count();
        VolumeStatus {
            name: record.name.clone(),
            app: record.app.clone(),
            uuid: record.uuid,
            nguid: nqn::nguid(&record.uuid),
            nqn: nqn::of_volume(&record.uuid),
            block_size: record.block_size.bytes(),
            size_bytes: record.size_bytes,
            published: record.published,
            access: record.access.clone(),
            connections: u32::try_from(connections).unwrap_or(u32::MAX),
        }
    }

    fn pool_status(&self) -> Result<PoolStatus, ControlError> {
        let info = self.io.volume.info().ok_or(ControlError::Volume(VolumeError::NotOpen))?;
        Ok(PoolStatus {
            uuid: info.uuid,
            device: self.io.volume.device_info().clone(),
            capacity_bytes: info.capacity_bytes,
            free_bytes: info.free_bytes,
            largest_free_bytes: info.largest_free_bytes,
            volumes: u32::try_from(info.volumes).unwrap_or(u32::MAX),
            in_flight: u32::try_from(self.io.volume.in_flight()).unwrap_or(u32::MAX),
        })
    }

    fn connection_statuses(&self, now: Nanos) -> Vec<ConnectionStatus> {
        let connected = self.connections.iter().filter(|(_, connection)| connection.role != Role::Refused);
        connected.map(|(_, connection)| self.connection_status(connection, now)).collect()
    }

    fn connection_status(&self, connection: &Connection, now: Nanos) -> ConnectionStatus {
        let controller = self.controllers.get(connection.controller);
        let subsystem = controller.and_then(|controller| self.subsystems.get(controller.subsystem));
        let (header_digest, data_digest) = connection.wire.qpair.digests();
        ConnectionStatus {
            volume: subsystem.map(|s| s.name.clone()).unwrap_or_default(),
            subsystem_nqn: subsystem.map(|s| s.nqn.clone()).unwrap_or_default(),
            host_nqn: controller.map(|c| c.host_nqn.clone()).unwrap_or_default(),
            peer: connection.peer,
            controller_id: controller.map_or(0, |c| c.cntlid),
            queue_id: connection.role.qid(),
            queue_entries: connection.entries,
            outstanding: connection.outstanding,
            header_digest,
            data_digest,
            age: Duration::from_nanos(now.0.saturating_sub(connection.opened.0)),
        }
    }

    /// The volume a connection serves.
    pub(super) fn volume_of(&self, connection: &Connection) -> Option<VolumeIndex> {
        let controller = self.controllers.get(connection.controller)?;
        Some(self.subsystems.get(controller.subsystem)?.volume)
    }

    /// The figures of a volume: those of its connections, open and closed.
    pub(super) fn volume_stats(&self, volume: VolumeIndex) -> IoStats {
        let mut sum = self.closed_stats.get(&volume).cloned().unwrap_or_default();
        for (_, connection) in self.connections.iter() {
            if self.volume_of(connection) == Some(volume) {
                sum.add(&connection.stats);
            }
        }
        sum
    }

    /// Whether no control operation is at work or in line.
    pub(super) fn control_is_idle(&self) -> bool {
        self.control.current.is_none() && self.control.waiting.is_empty()
    }

    fn in_flight(&self) -> InFlight {
        let commands = u32::try_from(self.io.requests.len()).unwrap_or(u32::MAX);
        InFlight {
            commands,
            buffer_bytes: self.io.buffers.total_bytes(0) - self.io.buffers.available_bytes(0),
        }
    }

    fn stats_report(&self, now: Nanos) -> StatsReport {
        let mut report = StatsReport { in_flight: self.in_flight(), ..StatsReport::default() };
        for record in self.io.volume.volumes() {
            let stats = self.volume_stats(record.index);
            report.volumes.push((record.name.clone(), record.app.clone(), stats));
        }
        report.volumes.sort_by(|a, b| a.0.cmp(&b.0));
        report.apps = self.io.apps.figures();
        report.scheduler = Some(self.io.apps.scheduler_figures(now));
        let io_queues = self.connections.iter().filter(|(_, c)| matches!(c.role, Role::Io(_)));
        report.connections = io_queues
            .map(|(_, connection)| {
                let mut stats = IoStats::default();
                stats.add(&connection.stats);
                (self.connection_status(connection, now), stats)
            })
            .collect();
        report
    }

    /// Fails the operations in line; the one at work goes on.
    pub(super) fn refuse_operations(&mut self, why: impl Fn() -> ControlError) {
        for operation in self.control.waiting.drain(..) {
            operation.fail(why());
        }
    }
}

enum Begun {
    Started,
    /// Nothing is to be done: the operation was carried out before.
    AlreadySo(VolumeIndex),
}

impl Operation {
    fn fail(self, error: ControlError) {
        match self {
            Self::Delete(_, reply) => drop(reply.send(Err(error))),
            Self::Create(_, reply) | Self::Publish(_, _, reply) | Self::Unpublish(_, reply) => {
                drop(reply.send(Err(error)));
            }
        }
    }
}

/// Whether creating `spec` again would give the volume there is. The UUID is chosen anew with every
/// request and does not count.
fn same_volume(record: &VolumeRecord, spec: &VolumeSpec) -> Result<(), ControlError> {
    let differs = if record.app != spec.app {
        "application"
    } else if record.size_bytes != spec.size_bytes {
        "size"
    } else if record.block_size != spec.block_size {
        "block size"
    } else {
        return Ok(());
    };
    Err(ControlError::Exists { name: spec.name.clone(), differs })
}
