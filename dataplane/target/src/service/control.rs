//! Control messages, and operations on the pool one after the other.
//!
//! The volume layer carries out one operation at a time and none of them waits here: an operation is
//! begun, the reactor goes on with I/O, and each round looks whether it is done.

use super::drain::Life;
use super::message::Reply;
use super::operation::{Answer, Operation, Task};
use super::{Message, TargetService};
use crate::handle::{AppStatus, ControlError};
use crate::words;
use sluice_device::Nanos;
use sluice_qos::AppSpec;
use sluice_reactor::Context;
use sluice_volume::thin::{ThinDone, ThinRecord};
use sluice_volume::{VolumeError, VolumeIndex};
use std::collections::VecDeque;

/// Control operations in line.
const MAX_QUEUED: usize = 64;

/// Operations in line, and the one at work.
#[derive(Default)]
pub(super) struct ControlQueue {
    waiting: VecDeque<Operation>,
    current: Option<Current>,
}

struct Current {
    operation: Operation,
    /// The application that loses a volume by it.
    bereaved: Option<String>,
}

/// How an operation began.
pub(super) enum Begun {
    Started,
    /// A volume is on its way out.
    Deleting {
        app: String,
    },
    /// Nothing is to be done: the operation was carried out before.
    AlreadySo(Vec<VolumeIndex>),
}

impl TargetService {
    pub(super) fn take_message(&mut self, cx: &Context<'_>, message: Message) {
        match message {
            Message::Connect(request) => self.connect(cx, *request),
            Message::Operate(operation) => self.enqueue(*operation),
            // Who asked may have gone meanwhile; then there is nobody to tell.
            Message::Volume(name, reply) => drop(reply.send(self.one_volume(&name))),
            Message::Volumes(from, reply) => drop(reply.send(Ok(self.volumes_page(from)))),
            Message::Snapshots(from, of, reply) => drop(reply.send(self.snapshots_page(from, &of))),
            Message::Changes(ask, reply) => drop(reply.send(self.changes_page(&ask))),
            Message::Pool(reply) => drop(reply.send(self.pool_status())),
            Message::Connections(reply) => drop(reply.send(Ok(self.connection_statuses(cx.now)))),
            Message::SetApp(spec, reply) => self.set_app(cx.now, spec, reply),
            Message::RemoveApp(name, reply) => self.remove_app(name, reply),
            Message::LeaseApp(name, lease, reply) => {
                drop(reply.send(self.io.apps.lease(cx.now, &name, lease)));
            }
            Message::EndLease(name, reply) => drop(reply.send(self.io.apps.end_lease(cx.now, &name))),
            Message::Apps(reply) => drop(reply.send(Ok(self.io.apps.statuses(cx.now)))),
            Message::Stats(reply) => drop(reply.send(Ok(self.stats_report(cx.now)))),
            Message::Drain(reply) => self.begin_drain(cx.now, reply),
        }
    }

    /// In force at once; the answer waits until it is durable.
    fn set_app(&mut self, now: Nanos, spec: AppSpec, reply: Reply<AppStatus>) {
        match self.io.apps.set(now, spec.clone()) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(_) => self.enqueue(Operation { task: Task::SetApp(spec), answer: Answer::App(reply) }),
        }
    }

    fn remove_app(&mut self, name: String, reply: Reply<()>) {
        match self.io.apps.remove(&name) {
            Err(error) => drop(reply.send(Err(error))),
            Ok(()) => self.enqueue(Operation { task: Task::RemoveApp(name), answer: Answer::Done(reply) }),
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

    /// Puts the last operation in line, behind which there is no other.
    pub(super) fn enqueue_checkpoint(&mut self) {
        let last = Operation { task: Task::Checkpoint, answer: Answer::Nobody };
        self.control.waiting.push_back(last);
    }

    /// Collects the operation at work if it is done, and begins the next.
    pub(super) fn advance_control(&mut self, now: Nanos) -> bool {
        if self.control.current.is_some() {
            let Some(result) = self.io.volume.take_control_result() else { return false };
            if let Some(current) = self.control.current.take() {
                self.finish_operation(now, current, result);
            }
            return true;
        }
        let Some(operation) = self.control.waiting.pop_front() else { return false };
        let started = |operation, bereaved| Some(Current { operation, bereaved });
        match self.begin_operation(&operation.task) {
            Ok(Begun::Started) => self.control.current = started(operation, None),
            Ok(Begun::Deleting { app }) => self.control.current = started(operation, Some(app)),
            Ok(Begun::AlreadySo(made)) => self.succeed(operation, &made),
            Err(error) => operation.fail(error),
        }
        true
    }

    fn finish_operation(&mut self, now: Nanos, current: Current, result: Result<ThinDone, VolumeError>) {
        let Current { operation, bereaved } = current;
        let made = match result.map_err(ControlError::from).and_then(|done| self.take_effect(now, done)) {
            Ok(made) => made,
            Err(error) => return operation.fail(error),
        };
        if let Some(app) = bereaved {
            self.io.apps.remove_volume(&app);
        }
        self.succeed(operation, &made);
    }

    /// Lets hosts and applications see what was done; returns the volumes or snapshots that it was done to.
    fn take_effect(&mut self, now: Nanos, done: ThinDone) -> Result<Vec<VolumeIndex>, ControlError> {
        match done {
            ThinDone::Created(index) | ThinDone::Cloned(index) => {
                let app = self.io.volume.volume(index).map(|record| record.app.clone());
                self.io.apps.add_volume(now, &app.unwrap_or_default())?;
                Ok(vec![index])
            }
            ThinDone::Snapshotted(made) => Ok(made),
            ThinDone::Deleted(index) => {
                self.closed_stats.remove(&index);
                Ok(Vec::new())
            }
            ThinDone::Resized(index) => {
                self.grow_namespace(index);
                Ok(vec![index])
            }
            ThinDone::Published(index) => {
                self.open_subsystem(now, index)?;
                Ok(vec![index])
            }
            ThinDone::Unpublished(index) => {
                self.close_subsystem(now, index);
                Ok(vec![index])
            }
            ThinDone::RolledBack(index) => Ok(vec![index]),
            ThinDone::Configured | ThinDone::Checkpointed => Ok(Vec::new()),
            // The pool was opened before the service was made; groups are taken in one step.
            ThinDone::Opened
            | ThinDone::Formatted
            | ThinDone::Repaired
            | ThinDone::Prepared
            | ThinDone::Aborted => Ok(Vec::new()),
        }
    }

    fn succeed(&self, operation: Operation, made: &[VolumeIndex]) {
        let records: Vec<&ThinRecord> =
            made.iter().filter_map(|index| self.io.volume.volume(*index)).collect();
        match (operation.answer, operation.task) {
            (Answer::Volume(reply), _) => {
                let gone = ControlError::Volume(VolumeError::NotOpen);
                drop(reply.send(records.first().map(|record| self.volume_status(record)).ok_or(gone)));
            }
            (Answer::Snapshots(reply), _) => {
                let all = records.into_iter().map(|record| self.snapshot_status(record)).collect();
                drop(reply.send(Ok(all)));
            }
            (Answer::App(reply), Task::SetApp(spec)) => {
                drop(reply.send(self.io.apps.status(self.now, &spec.name)));
            }
            (Answer::Done(reply), _) => drop(reply.send(Ok(()))),
            (Answer::App(_) | Answer::Nobody, _) => {}
        }
    }

    /// Brings back what the pool knows: after a restart hosts find their volumes again, and applications what they were
    /// promised.
    pub(super) fn adopt_pool(&mut self, now: Nanos) -> Result<(), ControlError> {
        let specs: Vec<AppSpec> = self.io.volume.apps().map(words::app_spec).collect();
        specs.into_iter().for_each(|spec| self.io.apps.restore(now, spec));
        let volumes: Vec<(VolumeIndex, String, bool)> =
            self.volumes().map(|record| (record.index, record.app.clone(), record.published)).collect();
        for (index, app, published) in volumes {
            self.io.apps.add_volume(now, &app)?;
            if published {
                self.open_subsystem(now, index)?;
            }
        }
        Ok(())
    }

    /// Whether no control operation is at work or in line.
    pub(super) fn control_is_idle(&self) -> bool {
        self.control.current.is_none() && self.control.waiting.is_empty()
    }

    /// Fails the operations in line; the one at work goes on.
    pub(super) fn refuse_operations(&mut self, why: impl Fn() -> ControlError) {
        for operation in self.control.waiting.drain(..) {
            operation.fail(why());
        }
    }
}
