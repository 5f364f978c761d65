//! A configured device and, while it is served, its reactor.
//!
//! ```text
//!   idle (why) --- start: opens or formats the pool ---> serving (reactor) --- take ---> idle
//!                                                             |
//!       |                                     the drive is lost: start drains it first
//!       '--- erase, drained first: erasing --- done, or why not ---> idle
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use sluice_reactor::{Config as ReactorConfig, Polling};
use sluice_target::{
    Directory, Format, PoolOptions, ReactorHandle, ReactorOptions, RunningReactor, TargetConfig,
    start_reactor,
};

use sluice_nvme_pcie::Erase;

use super::drive::DriveWatch;
use super::erase::{Drive, EraseError};
use super::open::{OpenError, backing, open};
use crate::config::{DeviceConfig, Source};

/// Why a device's reactor did not start.
pub(crate) type ReactorError = sluice_target::StartError<OpenError>;

/// Messages that may wait for a reactor: a burst of connections as large as the default limit fits.
const RING_ENTRIES: usize = 256;

/// Between two looks at a drive that is being erased.
const ERASE_PAUSE: Duration = Duration::from_millis(1);

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
    /// The node shuts down.
    stopping: AtomicBool,
}

#[derive(Debug)]
enum State {
    Idle { reason: String },
    Erasing,
    Serving(RunningReactor),
}

impl Slot {
    pub(crate) fn new(config: DeviceConfig, core: Option<usize>) -> Slot {
        let state = Mutex::new(State::Idle { reason: "not started yet".to_owned() });
        let stopping = AtomicBool::new(false);
        Slot { config, core, watch: DriveWatch::default(), state, stopping }
    }

    /// The way to the reactor.
    pub(crate) fn handle(&self) -> Option<ReactorHandle> {
        match &*self.state() {
            State::Serving(reactor) => Some(reactor.handle.clone()),
            State::Idle { .. } | State::Erasing => None,
        }
    }

    /// Why there is no reactor.
    pub(crate) fn reason(&self) -> Option<String> {
        match &*self.state() {
            State::Serving(_) => None,
            State::Erasing => Some(match self.watch.told().erasing_percent {
                Some(percent) => format!("it is being sanitized, {percent} % done"),
                None => "it is being erased".to_owned(),
            }),
            State::Idle { reason } => Some(reason.clone()),
        }
    }

    /// Whether its drive is being erased.
    pub(crate) fn is_erasing(&self) -> bool {
        matches!(&*self.state(), State::Erasing)
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
        if matches!(&*state, State::Erasing) {
            return Err(ReactorError::Open(OpenError::Erasing));
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

    /// Erases the drive: all its data are lost. Blocks until that is done, or the node shuts down. A drive that holds
    /// something is refused without `force`; a reactor that serves it is drained first.
    pub(crate) fn erase(&self, erase: Erase, force: bool) -> Result<(), EraseError> {
        let Source::Pcie { address, namespace, .. } = self.config.source else {
            return Err(EraseError::NoDrive { uri: self.config.source.to_string() });
        };
        let drive = Drive { name: &self.config.name, address, namespace, watch: &self.watch };
        if self.handle().is_some() && !force {
            return Err(EraseError::Holds("a pool of volumes"));
        }
        super::drain_one(self);
        match &mut *self.state() {
            // Begun meanwhile.
            State::Erasing | State::Serving(_) => return Err(EraseError::Busy),
            state => *state = State::Erasing,
        }
        self.watch.forget();
        let goes_on = || {
            thread::sleep(ERASE_PAUSE);
            !self.stopping.load(Ordering::Relaxed)
        };
        let looked = if force { Ok(()) } else { drive.look() };
        let outcome = looked.and_then(|()| drive.erase(erase, goes_on));
        let reason = match &outcome {
            Ok(_) => "it was erased: format it as a pool with `sluice pool create`".to_owned(),
            Err(error) => error.to_string(),
        };
        *self.state() = State::Idle { reason };
        outcome.map(drop)
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
            State::Idle { .. } | State::Erasing => None,
        }
    }

    /// The node shuts down: nobody waits for the drive any more.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
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
