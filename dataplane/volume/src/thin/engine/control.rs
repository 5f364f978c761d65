//! Operations on volumes, snapshots and the pool: one at a time, beside the I/O.
//!
//! ```text
//!   open, format:       load ──► checkpoint ──► done
//!   delete, rollback:   drain ──► change ──► commit ──► done
//!   prepare:            drain ──► done; then commit or abort, or the deadline aborts
//!   all others:         change ──► commit ──► done
//! ```
//!
//! A change is made in memory and its record appended at the same moment; it is reported done once the record is
//! durable and, where it shares a map, the I/O that was in flight is over.

pub(super) mod group;
pub(super) mod volume;

use sluice_device::Nanos;

use super::super::open::Load;
use super::super::volume::Gate;
use super::Engine;
use crate::{PoolState, VolumeError, VolumeIndex};
pub(crate) use group::Prepared;
pub(crate) use volume::roll_back;

/// What an operation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThinDone {
    /// The pool on the device is open.
    Opened,
    /// A new pool is on the device, and open.
    Formatted,
    /// What could be put right is; the pool is closed.
    Repaired,
    /// The volume exists, unpublished; every block reads as zeroes.
    Created(VolumeIndex),
    /// The volume exists, unpublished, with its source's contents.
    Cloned(VolumeIndex),
    /// The snapshots exist, in the order in which they were asked for.
    Snapshotted(Vec<VolumeIndex>),
    /// The volume or snapshot is gone; its space becomes free in the background.
    Deleted(VolumeIndex),
    /// The volume has its new size.
    Resized(VolumeIndex),
    /// The volume is what the snapshot is.
    RolledBack(VolumeIndex),
    /// Hosts may reach the volume, as its record says.
    Published(VolumeIndex),
    /// No host may reach the volume.
    Unpublished(VolumeIndex),
    /// The group's volumes take no writes until commit, abort or the deadline.
    Prepared,
    /// The group's volumes take writes again; there are no snapshots.
    Aborted,
    /// An application, quality of service or profile is recorded, or gone.
    Configured,
    /// Everything that was recorded before is in a checkpoint: the next opening has little to replay.
    Checkpointed,
}

/// What is to be done once a volume's I/O is over.
#[derive(Debug)]
enum Then {
    Delete { slot: usize },
    Rollback { slot: usize, snapshot: usize },
    Prepare,
}

/// The operation under way.
#[derive(Debug)]
enum Running {
    Load(Box<Load>),
    Drain {
        io: u64,
        then: Then,
    },
    /// Generation of a superblock that is too old.
    Checkpoint {
        after: u64,
    },
    /// The last record; the ticket of I/O that must be over as well; then the flush's.
    Commit {
        record: u64,
        io: Option<u64>,
        flush: Option<u64>,
        done: ThinDone,
    },
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Control {
    running: Option<Running>,
    result: Option<Result<ThinDone, VolumeError>>,
    prepared: Option<Prepared>,
}

impl Control {
    /// The result of the last operation, once.
    pub(crate) fn take_result(&mut self) -> Option<Result<ThinDone, VolumeError>> {
        self.result.take()
    }

    /// Whether an operation is under way, or its result was not collected.
    pub(crate) fn is_busy(&self) -> bool {
        self.running.is_some() || self.result.is_some()
    }

    /// The opening or formatting under way.
    pub(crate) fn load(&mut self) -> Option<&mut Load> {
        match &mut self.running {
            Some(Running::Load(load)) => Some(load),
            _ => None,
        }
    }
}

impl Engine {
    /// Whether an operation on an open pool may begin.
    pub(super) fn check_ready(&self) -> Result<(), VolumeError> {
        match self.state {
            _ if self.control.is_busy() || self.control.prepared.is_some() => Err(VolumeError::Busy),
            PoolState::Closed => Err(VolumeError::NotOpen),
            PoolState::Suspended => Err(VolumeError::Suspended),
            PoolState::Open => Ok(()),
        }
    }

    /// Begins to open or to format.
    pub(crate) fn begin_load(&mut self, load: Load) -> Result<(), VolumeError> {
        if self.control.is_busy() {
            return Err(VolumeError::Busy);
        }
        if self.state != PoolState::Closed {
            return Err(VolumeError::AlreadyOpen);
        }
        self.control.running = Some(Running::Load(Box::new(load)));
        Ok(())
    }

    /// Begins a checkpoint of all that is recorded by now.
    pub(crate) fn begin_checkpointing(&mut self) -> Result<(), VolumeError> {
        self.check_ready()?;
        // One that is running began too early.
        let after = self.superblock.generation + u64::from(self.checkpoint.is_running());
        self.checkpoint.wanted = true;
        self.control.running = Some(Running::Checkpoint { after });
        Ok(())
    }

    /// The change is made: all that is left is to make it durable.
    fn commit(&mut self, io: Option<u64>, done: ThinDone) {
        let record = self.journal.appended();
        self.control.running = Some(Running::Commit { record, io, flush: None, done });
    }

    fn conclude(&mut self, result: Result<ThinDone, VolumeError>) {
        self.control.running = None;
        self.control.result = Some(result);
        self.wake = true;
    }

    /// Whether I/O that was in flight when a map was shared may still change what both see.
    pub(super) fn is_sharing(&self) -> bool {
        match &self.control.running {
            Some(Running::Commit { io: Some(io), .. }) => !self.drains.is_drained(*io),
            _ => false,
        }
    }

    /// When a group's preparation ends by itself.
    pub(super) fn control_deadline(&self) -> Option<Nanos> {
        self.control.prepared.as_ref().map(|prepared| prepared.deadline)
    }

    /// Whether an operation goes on without the device's help.
    pub(super) fn is_control_runnable(&self) -> bool {
        match &self.control.running {
            Some(Running::Load(load)) => load.is_runnable(),
            _ => false,
        }
    }

    /// Goes on with the operation.
    pub(super) fn advance_control(&mut self, now: Nanos) {
        self.expire_group(now);
        match self.control.running.take() {
            None => {}
            Some(Running::Load(mut load)) => match load.advance(self) {
                None => self.control.running = Some(Running::Load(load)),
                Some(Ok(done)) => self.conclude(Ok(done)),
                Some(Err(error)) => {
                    self.close();
                    self.conclude(Err(error));
                }
            },
            Some(Running::Drain { io, then }) => self.advance_drain(io, then),
            Some(Running::Checkpoint { after }) => {
                if self.superblock.generation > after {
                    return self.conclude(Ok(ThinDone::Checkpointed));
                }
                self.control.running = Some(Running::Checkpoint { after });
            }
            Some(Running::Commit { record, io, flush, done }) => self.advance_commit(record, io, flush, done),
        }
    }

    fn advance_drain(&mut self, io: u64, then: Then) {
        if self.drains.is_drained(io) && !self.is_merging(&then) {
            return self.drained(then);
        }
        self.control.running = Some(Running::Drain { io, then });
    }

    fn is_merging(&self, then: &Then) -> bool {
        match then {
            Then::Delete { slot } | Then::Rollback { slot, .. } => {
                self.background.is_merging(self.table.volume(*slot).id())
            }
            Then::Prepare => false,
        }
    }

    fn advance_commit(&mut self, record: u64, io: Option<u64>, flush: Option<u64>, done: ThinDone) {
        let over = io.is_none_or(|io| self.drains.is_drained(io));
        let mut flush = flush;
        if flush.is_none() && over && self.journal.is_acknowledged(record) {
            flush = Some(self.flusher.ticket());
        }
        if flush.is_some_and(|ticket| self.flusher.is_done(ticket)) {
            return self.conclude(Ok(done));
        }
        self.control.running = Some(Running::Commit { record, io, flush, done });
    }

    /// The pool is suspended: what is under way has failed.
    pub(super) fn fail_control(&mut self, error: VolumeError) {
        self.release_group();
        match self.control.running {
            // Opening takes notice by itself.
            Some(Running::Load(_)) | None => return,
            Some(Running::Drain { then: Then::Rollback { slot, .. }, .. }) => {
                self.table.volume_mut(slot).gate = Gate::Open;
            }
            Some(_) => {}
        }
        self.conclude(Err(error));
    }

    /// Takes a completion for opening or formatting.
    pub(super) fn complete_load(&mut self, piece: u32, completion: sluice_device::Completion) {
        let load = self.control.load().expect("it reads until it is over");
        let buffer = load.complete(piece, completion);
        self.buffers.large.give(buffer);
    }
}
