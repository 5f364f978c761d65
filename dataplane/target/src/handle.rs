//! The way to a running reactor from other threads: ask, await the answer.

use crate::service::Message;
use crate::stats::IoStats;
use sluice_device::{DeviceInfo, Nanos};
use sluice_qos::{AppSpec, AppStats, DeviceView, QosSpec, SpecError};
use sluice_reactor::Sender;
use sluice_volume::{HostAccess, VolumeError, VolumeSpec};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use uuid::Uuid;

/// Why a control operation failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No volume has this name.
    #[error("no volume {name:?} in this pool; `volume list` shows those there are")]
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

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeStatus {
    /// Its name.
    pub name: String,
    /// The application it belongs to.
    pub app: String,
    /// Its UUID.
    pub uuid: Uuid,
    /// The NGUID hosts see.
    pub nguid: [u8; 16],
    /// The NQN of its subsystem.
    pub nqn: String,
    /// Block size in bytes: 512 or 4096.
    pub block_size: u32,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Whether hosts may reach it.
    pub published: bool,
    /// Which hosts.
    pub access: HostAccess,
    /// Connections (queues) that hosts hold on it.
    pub connections: u32,
}

/// A pool and the device it is on.
#[derive(Clone, Debug)]
pub struct PoolStatus {
    /// The pool's UUID.
    pub uuid: Uuid,
    /// The device.
    pub device: DeviceInfo,
    /// Bytes that volumes can have in all.
    pub capacity_bytes: u64,
    /// Bytes that no volume has.
    pub free_bytes: u64,
    /// The largest volume that can be created, in bytes.
    pub largest_free_bytes: u64,
    /// Number of volumes.
    pub volumes: u32,
    /// I/Os at the device.
    pub in_flight: u32,
}

/// A connection: one queue of one host.
#[derive(Clone, Debug)]
pub struct ConnectionStatus {
    /// The volume's name.
    pub volume: String,
    /// The subsystem's NQN.
    pub subsystem_nqn: String,
    /// The host's NQN.
    pub host_nqn: String,
    /// The host's address.
    pub peer: SocketAddr,
    /// The controller's identifier.
    pub controller_id: u16,
    /// The queue's identifier; 0 is the admin queue.
    pub queue_id: u16,
    /// Entries of the queue.
    pub queue_entries: u16,
    /// Commands in flight.
    pub outstanding: u16,
    /// Whether PDU headers carry a digest.
    pub header_digest: bool,
    /// Whether PDU data carry a digest.
    pub data_digest: bool,
    /// How long it has been open.
    pub age: Duration,
}

/// What commands and responses under way hold of a reactor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// Request slots: I/O commands taken and not answered, those of hosts that are gone included.
    pub commands: u32,
    /// Data memory, in bytes, responses not yet sent and the superblock's buffer included.
    pub buffer_bytes: u64,
}

/// An application on one device.
#[derive(Clone, Debug)]
pub struct AppStatus {
    /// As set; the default QoS without labels if it was not.
    pub app: AppSpec,
    /// Whether it was set, or is here because volumes name it.
    pub set: bool,
    /// In force: a lease included.
    pub now: QosSpec,
    /// Time left of its lease.
    pub lease_remaining: Option<Duration>,
    /// What is given of its Min while the device cannot keep all, in I/O units per second.
    pub min_iops_now: u64,
    /// I/Os that wait.
    pub queued: u32,
    /// Volumes and clones.
    pub volumes: u32,
}

/// More for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseSpec {
    /// Min meanwhile, in I/O units per second; 0: its own.
    pub min_iops: u32,
    /// Max meanwhile; `None`: its own.
    pub max_iops: Option<u32>,
    /// For how long.
    pub length: Duration,
}

/// What an application got.
#[derive(Clone, Debug)]
pub struct AppFigures {
    /// Its name.
    pub name: String,
    /// In force.
    pub qos: QosSpec,
    /// Its figures since it was there.
    pub stats: AppStats,
}

/// A device's scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerFigures {
    /// When they and the applications' figures were taken, on the reactor's clock.
    pub at: Nanos,
    /// As it stands.
    pub view: DeviceView,
    /// What happened of late, oldest first.
    pub events: Vec<NotedEvent>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotedEvent {
    /// Counts up from 1 since the reactor began.
    pub sequence: u64,
    /// How long ago.
    pub age: Duration,
    /// The application it is about; empty: the device.
    pub app: String,
    /// In words.
    pub text: String,
}

/// Figures per volume and connection.
#[derive(Clone, Debug, Default)]
pub struct StatsReport {
    /// What is held at the moment.
    pub in_flight: InFlight,
    /// Per volume: name, application, figures of all its connections, closed ones included.
    pub volumes: Vec<(String, String, IoStats)>,
    /// Per I/O connection that is open: which, and its figures.
    pub connections: Vec<(ConnectionStatus, IoStats)>,
    /// Per application, by name.
    pub apps: Vec<AppFigures>,
    /// The scheduler; always there in a report.
    pub scheduler: Option<SchedulerFigures>,
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

    /// Creates a volume; its blocks read as zeroes. The same call again returns the same volume.
    ///
    /// # Errors
    /// [`ControlError::Exists`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn create_volume(&self, spec: VolumeSpec) -> Result<VolumeStatus, ControlError> {
        self.ask(|reply| Message::Create(spec, reply)).await
    }

    /// Deletes a volume that is not published.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Published`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn delete_volume(&self, name: &str) -> Result<(), ControlError> {
        self.ask(|reply| Message::Delete(name.to_owned(), reply)).await
    }

    /// Lets `access` reach a volume; survives a restart. Publishing again changes who may connect from
    /// then on; hosts that are connected stay.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn publish(&self, name: &str, access: HostAccess) -> Result<VolumeStatus, ControlError> {
        self.ask(|reply| Message::Publish(name.to_owned(), access, reply)).await
    }

    /// Lets no host reach a volume. Hosts that are connected are told that the namespace is gone, and
    /// disconnected a second later.
    ///
    /// # Errors
    /// [`ControlError::NotFound`], [`ControlError::Volume`], [`ControlError::Busy`].
    pub async fn unpublish(&self, name: &str) -> Result<VolumeStatus, ControlError> {
        self.ask(|reply| Message::Unpublish(name.to_owned(), reply)).await
    }

    /// Sets what an application is promised on this device; in force with the next I/O.
    ///
    /// # Errors
    /// [`ControlError::App`], [`ControlError::Scheduler`] if the device cannot keep it, [`ControlError::Busy`].
    pub async fn set_app(&self, app: AppSpec) -> Result<AppStatus, ControlError> {
        self.ask(|reply| Message::SetApp(app, reply)).await
    }

    /// Forgets an application without volumes; one that is not there is no error.
    ///
    /// # Errors
    /// [`ControlError::AppInUse`], [`ControlError::Busy`].
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

    /// All volumes, by name.
    ///
    /// # Errors
    /// [`ControlError::Busy`], [`ControlError::ShuttingDown`].
    pub async fn volumes(&self) -> Result<Vec<VolumeStatus>, ControlError> {
        self.ask(Message::Volumes).await
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
