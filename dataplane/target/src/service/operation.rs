//! Operations on a pool: what is asked for, and where the answer goes.

use sluice_qos::AppSpec;
use sluice_volume::thin::{CloneSpec, Provision, Role};
use sluice_volume::{HostAccess, VolumeSpec};
use uuid::Uuid;

use super::message::Reply;
use crate::handle::{AppStatus, ControlError, SnapshotStatus, VolumeStatus};

/// A snapshot to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotAsk {
    /// Of which volume.
    pub volume: String,
    /// Unique among the volume's snapshots.
    pub name: String,
    /// Unique in the pool.
    pub uuid: Uuid,
}

/// What is to be done. Volumes and snapshots are named as [`crate::ReactorHandle::volume`] tells.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    Create {
        spec: VolumeSpec,
        provision: Provision,
        created_us: u64,
    },
    Clone {
        source: String,
        spec: CloneSpec,
        created_us: u64,
    },
    /// One, or several at one moment.
    Snapshot {
        group: Vec<SnapshotAsk>,
        created_us: u64,
    },
    Rollback {
        volume: String,
        snapshot: String,
        /// Even though hosts are connected.
        connected: bool,
    },
    Resize {
        volume: String,
        size_bytes: u64,
    },
    Delete {
        name: String,
        role: Role,
    },
    Publish {
        volume: String,
        access: HostAccess,
    },
    Unpublish {
        volume: String,
    },
    /// Its QoS is in force already, and becomes durable.
    SetApp(AppSpec),
    /// It is gone from the scheduler already.
    RemoveApp(String),
    /// The end: what is recorded goes where the next opening finds it at once.
    Checkpoint,
}

/// Who waits for it.
pub(crate) enum Answer {
    Volume(Reply<VolumeStatus>),
    Snapshots(Reply<Vec<SnapshotStatus>>),
    App(Reply<AppStatus>),
    Done(Reply<()>),
    /// The reactor itself.
    Nobody,
}

/// A task and who waits for it.
pub struct Operation {
    pub(crate) task: Task,
    pub(crate) answer: Answer,
}

impl Operation {
    /// Tells why it was not done. Who asked may have gone meanwhile; then there is nobody to tell.
    pub(crate) fn fail(self, error: ControlError) {
        match self.answer {
            Answer::Volume(reply) => drop(reply.send(Err(error))),
            Answer::Snapshots(reply) => drop(reply.send(Err(error))),
            Answer::App(reply) => drop(reply.send(Err(error))),
            Answer::Done(reply) => drop(reply.send(Err(error))),
            Answer::Nobody => tracing::error!(%error, "the last checkpoint failed"),
        }
    }
}
