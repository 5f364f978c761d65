//! A running node: what is started in which order, and how it is stopped.
//!
//! Start: reactors first, so that every published volume is there when the acceptor takes the first host; then the
//! acceptor, the API, and last the ready file. Stop goes the other way: no new hosts, no new calls, the reactors
//! drain what is in flight and flush their devices, then the threads are joined.

mod cores;
mod drive;
mod erase;
mod open;
mod slot;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sluice_node_api::ApiAddress;
use sluice_target::{
    Acceptor, AcceptorError, AcceptorOptions, ControlError, Directory, Format, ReactorHandle,
};

pub(crate) use cores::avoid;
pub(crate) use drive::{Counts, DriveWatch, Heard, Told};
pub(crate) use erase::EraseError;
pub(crate) use open::{OpenError, backing, open};
pub(crate) use slot::{ReactorError, ReactorSetup, Slot};

use crate::api::{ApiError, ApiServer};
use crate::config::{self, Config, DeviceConfig};
use crate::ready::ReadyFile;

/// How often a drain that found the reactor's ring full is tried again, and the pause between two tries.
const DRAIN_TRIES: u32 = 100;
const DRAIN_PAUSE: Duration = Duration::from_millis(10);

/// Why a node does not start. Devices that cannot be opened are no reason: they are listed as idle.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The NVMe/TCP listeners.
    #[error(transparent)]
    Acceptor(#[from] AcceptorError),
    /// The API.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The ready file.
    #[error("cannot write the ready file {path}: {source}")]
    ReadyFile {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What the API serves: the devices, and what does not change while the node runs.
#[derive(Debug)]
pub(crate) struct NodeState {
    pub(crate) name: String,
    pub(crate) started: Instant,
    pub(crate) setup: ReactorSetup,
    /// By name.
    pub(crate) slots: Vec<Slot>,
}

/// A storage node that serves. Dropping it shuts it down.
#[derive(Debug)]
pub struct Node {
    state: Arc<NodeState>,
    acceptor: Option<Acceptor>,
    api: Option<ApiServer>,
    ready: Option<ReadyFile>,
}

impl Node {
    /// Starts a node and returns once it serves. Blocks for as long as the devices take to open.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(config: Config) -> Result<Node, StartError> {
        let directory = Directory::new();
        let acceptor_options =
            AcceptorOptions { listen: config.listen, advertise: None, target: config.target.clone() };
        let setup =
            ReactorSetup { polling: config.polling, target: config.target, directory: directory.clone() };
        let slots = start_devices(config.devices, &setup);
        let state = Arc::new(NodeState { name: config.name, started: Instant::now(), setup, slots });

        // From here on a failure drops the node, which stops what was started.
        let mut node = Node { state: Arc::clone(&state), acceptor: None, api: None, ready: None };
        let acceptor = node.acceptor.insert(Acceptor::start(acceptor_options, &directory)?);
        let listeners = acceptor.addresses().to_vec();
        node.api = Some(ApiServer::start(config.api, config.metrics, state, listeners)?);
        node.ready = config.ready_file.map(|path| node.write_ready(path)).transpose()?;
        tracing::info!(api = %node.api_address(), nvme_tcp = ?node.nvme_tcp_addresses(), "serving");
        Ok(node)
    }

    /// Bound NVMe/TCP addresses, with the ports that port 0 became.
    pub fn nvme_tcp_addresses(&self) -> &[SocketAddr] {
        self.acceptor.as_ref().map_or(&[], Acceptor::addresses)
    }

    /// The API's address, as callers take it.
    ///
    /// # Panics
    /// Never: a node that was started has an API.
    pub fn api_address(&self) -> &ApiAddress {
        self.api.as_ref().expect("a node that was started has an API").address()
    }

    /// Where metrics are served, with the port that port 0 became.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.api.as_ref().and_then(ApiServer::metrics_address)
    }

    /// Stops taking hosts and calls, lets commands in flight finish within the drain timeout, flushes the devices and
    /// ends all threads. Blocks until that is done.
    pub fn shutdown(self) {
        drop(self);
    }

    fn write_ready(&self, path: PathBuf) -> Result<ReadyFile, StartError> {
        let metrics = self.metrics_address();
        let written = ReadyFile::write(&path, self.api_address(), self.nvme_tcp_addresses(), metrics);
        written.map_err(|source| StartError::ReadyFile { path, source })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.ready = None;
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.stop();
        }
        self.api.iter_mut().for_each(ApiServer::close);
        self.state.slots.iter().for_each(Slot::stop);
        drain_all(&self.state.slots);
        self.api = None;
        tracing::info!("stopped");
    }
}

/// Starts a reactor for every device that opens. One that does not is no reason not to serve the others.
fn start_devices(mut devices: Vec<DeviceConfig>, setup: &ReactorSetup) -> Vec<Slot> {
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    let prescribed: Vec<Option<u32>> = devices.iter().map(|device| device.core).collect();
    let cores = cores::assign(&prescribed, &cores::allowed());
    let start = |(device, core): (DeviceConfig, Option<usize>)| {
        let format = match device.format {
            config::Format::IfBlank => Format::IfBlank,
            config::Format::Never => Format::Never,
        };
        let slot = Slot::new(device, core);
        match slot.start(setup, format) {
            Ok(_) => tracing::info!(device = slot.config.name, core, "serving the pool"),
            Err(error) => tracing::error!(device = slot.config.name, %error, "the device is not served"),
        }
        slot
    };
    devices.into_iter().zip(cores).map(start).collect()
}

/// Drains all reactors at once and joins their threads. On a thread of its own, because the caller may be inside an
/// asynchronous runtime, where blocking on another is not allowed.
fn drain_all(slots: &[Slot]) {
    thread::scope(|scope| {
        for slot in slots {
            scope.spawn(|| drain_one(slot));
        }
    });
}

fn drain_one(slot: &Slot) {
    let Some(handle) = slot.handle() else { return };
    let drained = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(drain(&handle)),
        Err(error) => {
            tracing::error!(%error, "no runtime to drain with");
            false
        }
    };
    let thread = slot.take();
    if !drained {
        tracing::error!(device = slot.config.name, "the reactor does not take the order to stop");
    } else if thread.is_some_and(|thread| thread.join().is_err()) {
        tracing::error!(device = slot.config.name, "the reactor panicked");
    }
}

/// Whether the reactor has stopped.
async fn drain(handle: &ReactorHandle) -> bool {
    for _ in 0..DRAIN_TRIES {
        match handle.drain().await {
            Ok(()) => return true,
            Err(ControlError::Busy) => tokio::time::sleep(DRAIN_PAUSE).await,
            Err(_) => return false,
        }
    }
    false
}
