//! What a reactor tells of its pool, volumes, connections and applications.

use std::net::SocketAddr;
use std::time::Duration;

use sluice_device::{DeviceInfo, Nanos};
use sluice_qos::{AppSpec, AppStats, DeviceView, QosSpec};
use sluice_volume::HostAccess;
use sluice_volume::map::{Change, Level, Usage};
use sluice_volume::thin::Provision;
use uuid::Uuid;

use crate::stats::IoStats;

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
    /// Whether its space is set aside.
    pub provision: Provision,
    /// What it was cloned from, as [`ReactorHandle::volume`](super::ReactorHandle::volume) takes it; empty if from
    /// nothing, or if that is gone.
    pub origin: String,
    /// When it was made, in microseconds of Unix time.
    pub created_us: u64,
    /// What it takes.
    pub usage: Usage,
    /// Whether hosts may reach it.
    pub published: bool,
    /// Which hosts.
    pub access: HostAccess,
    /// Connections (queues) that hosts hold on it.
    pub connections: u32,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// Its name among the snapshots of its volume.
    pub name: String,
    /// The volume; empty if that is gone. Then the UUID is the only way to the snapshot.
    pub volume: String,
    /// The application that the volume belonged to.
    pub app: String,
    /// Its UUID.
    pub uuid: Uuid,
    /// Block size in bytes: 512 or 4096.
    pub block_size: u32,
    /// Size in bytes, as the volume had it.
    pub size_bytes: u64,
    /// When it was taken, in microseconds of Unix time.
    pub created_us: u64,
    /// What it takes.
    pub usage: Usage,
}

/// A pool and the device it is on.
#[derive(Clone, Debug)]
pub struct PoolStatus {
    /// The pool's UUID.
    pub uuid: Uuid,
    /// The device.
    pub device: DeviceInfo,
    /// Bytes that volumes can fill in all.
    pub capacity_bytes: u64,
    /// Bytes that are free and promised to nobody.
    pub free_bytes: u64,
    /// Bytes promised to thick volumes and not written yet.
    pub promised_bytes: u64,
    /// Bytes that metadata take.
    pub metadata_bytes: u64,
    /// Something that was deleted still holds space.
    pub reclaiming: bool,
    /// How much of that is known by now, in bytes.
    pub reclaiming_bytes: u64,
    /// How urgent more space is.
    pub level: Level,
    /// Why the pool takes no changes until it is opened again; `None`: all is well.
    pub suspended: Option<String>,
    /// Number of volumes.
    pub volumes: u32,
    /// Number of snapshots.
    pub snapshots: u32,
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
    /// Data memory, in bytes, responses not yet sent and the pool's own buffers included.
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

/// A part of a list that may be long.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// Where the next one begins; `None`: there is none.
    pub next: Option<usize>,
}

/// A part of what one snapshot has differently from another.
#[derive(Clone, Debug)]
pub struct ChangesPage {
    /// In blocks of 4096 bytes, ascending.
    pub changes: Vec<Change>,
    /// Where the next part begins; `None`: there is none.
    pub next: Option<u64>,
    /// Size of the newer snapshot in bytes.
    pub size_bytes: u64,
}
