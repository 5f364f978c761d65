//! A configured device and, while it is served, its reactor.
//!
//! ```text
//!   idle (why) --- start: opens or formats the pool ---> serving (reactor) --- take ---> idle
//!                                                             |
//!                                             the drive is lost: start drains it first
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use sluice_reactor::{Config as ReactorConfig, Polling};
use sluice_target::{
    Directory, Format, PoolOptions, ReactorHandle, ReactorOptions, RunningReactor, TargetConfig,
    start_reactor,
};

use super::drive::DriveWatch;
use super::open::{OpenError, backing, open};
use crate::config::DeviceConfig;

/// Why a device's reactor did not start.
pub(crate) type ReactorError = sluice_target::StartError<OpenError>;

/// Messages that may wait for a reactor: a burst of connections as large as the default limit fits.
const RING_ENTRIES: usize = 256;

/// What every reactor of the node needs.
#[derive(Clone, Debug)]
pub(crate) struct ReactorSetup {
    pub(crate) polling: Polling,
    pub(crate) target: TargetConfig,
    pub(crate) directory: Directory,
}

/// A configured device.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) config: DeviceConfig,
    /// Where its reactor is pinned.
    pub(crate) core: Option<usize>,
    /// What the device tells of itself, if it is a drive in user space.
    pub(crate) watch: DriveWatch,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle { reason: String },
    Serving(RunningReactor),
}

impl Slot {
    pub(crate) fn new(config: DeviceConfig, core: Option<usize>) -> Slot {
        let state = Mutex::new(State::Idle { reason: "not started yet".to_owned() });
        Slot { config, core, watch: DriveWatch::default(), state }
    }

    /// The way to the reactor.
    pub(crate) fn handle(&self) -> Option<ReactorHandle> {
        match &*self.state() {
            State::Serving(reactor) => Some(reactor.handle.clone()),
            State::Idle { .. } => None,
        }
    }

    /// Why there is no reactor.
    pub(crate) fn reason(&self) -> Option<String> {
        match &*self.state() {
            State::Serving(_) => None,
            State::Idle { reason } => Some(reason.clone()),
        }
    }

    /// Opens the device and starts its reactor, unless there is one. Blocks while the device is opened; no two
    /// calls open it at once, because the lock is held.
    ///
    /// A reactor whose drive is lost makes room: there may be a new drive in its place.
    pub(crate) fn start(&self, setup: &ReactorSetup, format: Format) -> Result<ReactorHandle, ReactorError> {
        if self.watch.told().lost.is_some() {
            super::drain_one(self);
        }
        let mut state = self.state();
        if let State::Serving(reactor) = &*state {
            return Ok(reactor.handle.clone());
        }
        match self.spawn(setup, format) {
            Ok(reactor) => {
                let handle = reactor.handle.clone();
                *state = State::Serving(reactor);
                Ok(handle)
            }
            Err(error) => {
                *state = State::Idle { reason: error.to_string() };
                Err(error)
            }
        }
    }

    fn spawn(&self, setup: &ReactorSetup, format: Format) -> Result<RunningReactor, ReactorError> {
        let reactor = ReactorConfig {
            name: thread_name(&self.config.name),
            core: self.core,
            polling: setup.polling,
            ring_entries: RING_ENTRIES,
        };
        let backing = backing(&self.config.source);
        let pool = PoolOptions { format, uuid: self.config.pool };
        let options = ReactorOptions { reactor, target: setup.target.clone(), pool, backing };
        let (device, watch) = (self.config.clone(), self.watch.clone());
        start_reactor(options, &setup.directory, move |buffers| open(&device, buffers, &watch))
    }

    /// Takes the reactor's thread, to be joined once the reactor is drained.
    pub(crate) fn take(&self) -> Option<JoinHandle<()>> {
        let stopped = State::Idle { reason: "the node is shutting down".to_owned() };
        match std::mem::replace(&mut *self.state(), stopped) {
            State::Serving(reactor) => Some(reactor.thread),
            State::Idle { .. } => None,
        }
    }

    /// Every change of the state is one assignment, so a panic elsewhere leaves it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The kernel keeps 15 bytes of a thread's name.
fn thread_name(device: &str) -> String {
    let name = format!("reactor-{device}");
    name.chars().take(15).collect()
}
