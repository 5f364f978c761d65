//! The way to a running reactor from other threads: ask, await the answer.

mod status;

pub use status::{
    AppFigures, AppStatus, ChangesPage, ConnectionStatus, InFlight, LeaseSpec, NotedEvent, Page, PoolStatus,
    SchedulerFigures, SnapshotStatus, StatsReport, VolumeStatus,
};

pub use crate::service::SnapshotAsk;
use crate::service::{Answer, ChangesAsk, Message, Operation, Reply, Task};
use sluice_qos::{AppSpec, SpecError};
use sluice_reactor::Sender;
use sluice_volume::thin::{CloneSpec, Provision, Role};
use sluice_volume::{HostAccess, VolumeError, VolumeSpec};
use std::time::SystemTime;
use tokio::sync::oneshot;

/// Why a control operation failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No volume or snapshot has this name.
    #[error("no {name:?} in this pool; `volume list` and `snapshot list` show those there are")]
    NotFound {
        /// The name.
        name: String,
    },
    /// The name is taken by a volume with other properties.
    #[error("volume {name:?} exists with another {differs}; choose another name or the same properties")]
    Exists {
        /// The name.
        name: String,
        /// What differs.
        differs: &'static str,
    },
    /// Some of a group's snapshots exist, others do not.
    #[error(
        "snapshot {name:?} exists already, and others of its group do not; choose another name or delete it"
    )]
    GroupExists {
        /// The snapshot that exists.
        name: String,
    },
    /// Rollback: hosts are connected.
    #[error(
        "hosts hold {connections} connections on volume {name:?}: unmount and disconnect it there first, or they will \
         go on with what they remember of it"
    )]
    Connected {
        /// The volume.
        name: String,
        /// How many.
        connections: u32,
    },
    /// Changes are told between snapshots, which do not change.
    #[error("{name:?} is a volume, and may change meanwhile; take a snapshot and compare that")]
    NotSnapshot {
        /// The name.
        name: String,
    },
    /// The volume is published.
    #[error("volume {name:?} is published; unpublish it first")]
    Published {
        /// The name.
        name: String,
    },
    /// Too many control operations at once.
    #[error("the reactor has too many control operations in line; try again")]
    Busy,
    /// The reactor is shutting down.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// No application has this name.
    #[error("no application {name:?} on this device; `app list` shows those there are")]
    AppNotFound {
        /// The name.
        name: String,
    },
    /// Volumes name the application.
    #[error("application {name:?} has {volumes} volumes on this device; delete them first")]
    AppInUse {
        /// The name.
        name: String,
        /// How many.
        volumes: u32,
    },
    /// QoS or labels that cannot be.
    #[error(transparent)]
    App(#[from] SpecError),
    /// The scheduler's refusal.
    #[error(transparent)]
    Scheduler(#[from] sluice_qos::ControlError),
    /// From the volume layer.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

/// Asks one reactor.
#[derive(Clone, Debug)]
pub struct ReactorHandle {
    sender: Sender<Message>,
}

impl ReactorHandle {
    /// Over the ring of a reactor that runs a [`crate::service::TargetService`].
    #[must_use]
    pub fn new(sender: Sender<Message>) -> Self {
        Self { sender }
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, ControlError>>) -> Message,
    ) -> Result<T, ControlError> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(message(reply)).map_err(|_| ControlError::Busy)?;
        answer.await.unwrap_or(Err(ControlError::ShuttingDown))
    }

    async fn operate<T>(
        &self,
        task: Task,
        answer: impl FnOnce(Reply<T>) -> Answer,
    ) -> Result<T, ControlError> {
        self.ask(|reply| Message::Operate(Box::new(Operation { task, answer: answer(reply) }))).await
    }

    /// Creates a volume; its blocks read as zeroes. The same call again returns the same volume.
    ///
    /// # Errors
    /// [`ControlError::Exists`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn create_volume(
        &self,
        spec: VolumeSpec,
        provision: Provision,
    ) -> Result<VolumeStatus, ControlError> {
        self.operate(Task::Create { spec, provision, created_us: unix_us() }, Answer::Volume).await
    }

    /// Makes a volume with the contents of a volume or snapshot, in constant time. The same call again returns the same
    /// volume.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Exists`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn clone_volume(&self, source: &str, spec: CloneSpec) -> Result<VolumeStatus, ControlError> {
        let task = Task::Clone { source: source.to_owned(), spec, created_us: unix_us() };
        self.operate(task, Answer::Volume).await
    }

    /// Takes snapshots of one or several volumes at one moment, in constant time. The same call again returns the same
    /// snapshots.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::GroupExists`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn snapshot(&self, group: Vec<SnapshotAsk>) -> Result<Vec<SnapshotStatus>, ControlError> {
        self.operate(Task::Snapshot { group, created_us: unix_us() }, Answer::Snapshots).await
    }

    /// Makes a volume what a snapshot of it is, in constant time; `connected`: even though hosts are.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Connected`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn rollback(
        &self,
        volume: &str,
        snapshot: &str,
        connected: bool,
    ) -> Result<VolumeStatus, ControlError> {
        let (volume, snapshot) = (volume.to_owned(), snapshot.to_owned());
        self.operate(Task::Rollback { volume, snapshot, connected }, Answer::Volume).await
    }

    /// Makes a volume larger; hosts that are connected are told.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn resize(&self, volume: &str, size_bytes: u64) -> Result<VolumeStatus, ControlError> {
        self.operate(Task::Resize { volume: volume.to_owned(), size_bytes }, Answer::Volume).await
    }

    /// Deletes a volume that is not published. Its snapshots and clones stay.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Published`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn delete_volume(&self, name: &str) -> Result<(), ControlError> {
        self.operate(Task::Delete { name: name.to_owned(), role: Role::Volume }, Answer::Done).await
    }

    /// Deletes a snapshot. Its clones stay.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn delete_snapshot(&self, name: &str) -> Result<(), ControlError> {
        self.operate(Task::Delete { name: name.to_owned(), role: Role::Snapshot }, Answer::Done).await
    }

    /// Lets `access` reach a volume; survives a restart. Publishing again changes who may connect from
    /// then on; hosts that are connected stay.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn publish(&self, name: &str, access: HostAccess) -> Result<VolumeStatus, ControlError> {
        self.operate(Task::Publish { volume: name.to_owned(), access }, Answer::Volume).await
    }

    /// Lets no host reach a volume. Hosts that are connected are told that the namespace is gone, and
    /// disconnected a second later.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn unpublish(&self, name: &str) -> Result<VolumeStatus, ControlError> {
        self.operate(Task::Unpublish { volume: name.to_owned() }, Answer::Volume).await
    }

    /// Sets what an application is promised on this device; in force with the next I/O, and returned when it is
    /// durable. After an error of the volume layer it is in force until the next restart.
    ///
    /// # Errors
    /// [`ControlError::App`], [`ControlError::Scheduler`] if the device cannot keep it, [`ControlError::Volume`],
    /// [`ControlError::Busy`].
    pub async fn set_app(&self, app: AppSpec) -> Result<AppStatus, ControlError> {
        self.ask(|reply| Message::SetApp(app, reply)).await
    }

    /// Forgets an application without volumes; one that is not there is no error.
    ///
    /// # Errors
    /// [`ControlError::AppInUse`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn remove_app(&self, name: &str) -> Result<(), ControlError> {
        self.ask(|reply| Message::RemoveApp(name.to_owned(), reply)).await
    }

    /// Raises an application's Min or Max for a while.
    ///
    /// # Errors
    /// [`ControlError::AppNotFound`], [`ControlError::Scheduler`], [`ControlError::Busy`].
    pub async fn lease_app(&self, name: &str, lease: LeaseSpec) -> Result<AppStatus, ControlError> {
        self.ask(|reply| Message::LeaseApp(name.to_owned(), lease, reply)).await
    }

    /// Ends an application's lease, if it has one.
    ///
    /// # Errors
    /// [`ControlError::AppNotFound`], [`ControlError::Busy`].
    pub async fn end_lease(&self, name: &str) -> Result<AppStatus, ControlError> {
        self.ask(|reply| Message::EndLease(name.to_owned(), reply)).await
    }

    /// All applications, by name.
    ///
    /// # Errors
    /// [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn apps(&self) -> Result<Vec<AppStatus>, ControlError> {
        self.ask(Message::Apps).await
    }

    /// One volume, by its name or UUID.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn volume(&self, name: &str) -> Result<VolumeStatus, ControlError> {
        self.ask(|reply| Message::Volume(name.to_owned(), reply)).await
    }

    /// All volumes, by name.
    ///
    /// # Errors
    /// [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn volumes(&self) -> Result<Vec<VolumeStatus>, ControlError> {
        let (mut all, mut from) = (Vec::new(), Some(0));
        while let Some(slot) = from {
            let page = self.ask(|reply| Message::Volumes(slot, reply)).await?;
            all.extend(page.items);
            from = page.next;
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// The snapshots of a volume, or all if it is empty; by volume, then from the oldest on.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn snapshots(&self, volume: &str) -> Result<Vec<SnapshotStatus>, ControlError> {
        let (mut all, mut from) = (Vec::new(), Some(0));
        while let Some(slot) = from {
            let page = self.ask(|reply| Message::Snapshots(slot, volume.to_owned(), reply)).await?;
            all.extend(page.items);
            from = page.next;
        }
        let order = |status: &SnapshotStatus| (status.volume.clone(), status.created_us, status.name.clone());
        all.sort_by_cached_key(order);
        Ok(all)
    }

    /// What the snapshot `newer` has differently from the snapshot `older`, or all it has if that is empty, from block
    /// `from` on, in blocks of 4096 bytes.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::NotSnapshot`], [`ControlError::Busy`].
    pub async fn changes(&self, older: &str, newer: &str, from: u64) -> Result<ChangesPage, ControlError> {
        let ask = ChangesAsk { older: older.to_owned(), newer: newer.to_owned(), from };
        self.ask(|reply| Message::Changes(ask, reply)).await
    }

    /// The pool and its device.
    ///
    /// # Errors
    /// [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn pool(&self) -> Result<PoolStatus, ControlError> {
        self.ask(Message::Pool).await
    }

    /// All connections.
    ///
    /// # Errors
    /// [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn connections(&self) -> Result<Vec<ConnectionStatus>, ControlError> {
        self.ask(Message::Connections).await
    }

    /// Figures per volume and connection.
    ///
    /// # Errors
    /// [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn stats(&self) -> Result<StatsReport, ControlError> {
        self.ask(Message::Stats).await
    }

    /// Takes nothing new, answers what is in flight, flushes a device with a volatile write cache and stops the
    /// reactor. Returns when that is done, or when the drain timeout and ten seconds for the Flush have passed.
    ///
    /// # Errors
    /// [`ControlError::Busy`] when the ring is full; the reactor goes on.
    pub async fn drain(&self) -> Result<(), ControlError> {
        let (reply, answer) = oneshot::channel();
        self.sender.send(Message::Drain(reply)).map_err(|_| ControlError::Busy)?;
        // A reactor that stopped meanwhile dropped its end: drained as well.
        let _ = answer.await;
        Ok(())
    }

    /// Hands a connection over; gives it back when the ring is full.
    pub(crate) fn connect(
        &self,
        request: Box<crate::service::ConnectRequest>,
    ) -> Result<(), Box<crate::service::ConnectRequest>> {
        match self.sender.send(Message::Connect(request)) {
            Ok(()) => Ok(()),
            Err(full) => match full.0 {
                Message::Connect(request) => Err(request),
                _ => unreachable!("the ring returns what it was given"),
            },
        }
    }
}

/// Now, in microseconds of Unix time.
fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
