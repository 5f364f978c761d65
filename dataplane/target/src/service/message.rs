//! What other threads say to a target's reactor.

use crate::handle::{
    AppStatus, ChangesPage, ConnectionStatus, ControlError, LeaseSpec, Page, PoolStatus, SnapshotStatus,
    StatsReport, VolumeStatus,
};
use crate::service::operation::Operation;
use rustix::fd::OwnedFd;
use sluice_nvme::qpair::ControllerQpair;
use sluice_nvme::sqe::Sqe;
use sluice_qos::AppSpec;
use std::net::SocketAddr;
use tokio::sync::oneshot::Sender;

/// Where an answer goes.
pub type Reply<T> = Sender<Result<T, ControlError>>;

/// A connection whose Connect command names a volume of this reactor.
pub struct ConnectRequest {
    /// The socket, non-blocking.
    pub socket: OwnedFd,
    /// Its qpair, past the ICReq.
    pub qpair: ControllerQpair<Vec<u8>>,
    /// Bytes behind the Connect capsule.
    pub carry: Vec<u8>,
    /// The host's address.
    pub peer: SocketAddr,
    /// The Connect command.
    pub sqe: Sqe,
    /// Its data, 1024 bytes.
    pub data: Vec<u8>,
}

/// A control message.
pub enum Message {
    /// Serve a connection.
    Connect(Box<ConnectRequest>),
    /// Change the pool.
    Operate(Box<Operation>),
    /// One volume.
    Volume(String, Reply<VolumeStatus>),
    /// Volumes from a slot on.
    Volumes(usize, Reply<Page<VolumeStatus>>),
    /// Snapshots from a slot on; of one volume, if one is named.
    Snapshots(usize, String, Reply<Page<SnapshotStatus>>),
    /// What a snapshot has differently from another, from a block on.
    Changes(ChangesAsk, Reply<ChangesPage>),
    /// The pool and its device.
    Pool(Reply<PoolStatus>),
    /// All connections.
    Connections(Reply<Vec<ConnectionStatus>>),
    /// Set an application's QoS.
    SetApp(AppSpec, Reply<AppStatus>),
    /// Forget an application.
    RemoveApp(String, Reply<()>),
    /// Raise an application's Min or Max for a while.
    LeaseApp(String, LeaseSpec, Reply<AppStatus>),
    /// End a lease.
    EndLease(String, Reply<AppStatus>),
    /// All applications.
    Apps(Reply<Vec<AppStatus>>),
    /// Figures per volume and connection.
    Stats(Reply<StatsReport>),
    /// Take nothing new, answer what is in flight, then stop.
    Drain(Sender<()>),
}

/// Which changes.
pub struct ChangesAsk {
    /// Since this snapshot; empty: since nothing was written.
    pub(crate) older: String,
    /// Until this one.
    pub(crate) newer: String,
    /// In blocks of 4096 bytes.
    pub(crate) from: u64,
}
