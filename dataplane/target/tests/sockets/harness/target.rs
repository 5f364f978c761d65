//! A target in this process: a reactor over a memory device and an acceptor, started as the daemon does.

use super::device::{Gate, GatedDevice};
use super::{Association, BLOCK, until};
use sluice_device::BlockDevice;
use sluice_reactor::Polling;
use sluice_target::handle::{ConnectionStatus, InFlight};
use sluice_target::{
    Acceptor, AcceptorOptions, ControlError, Directory, Format, PoolOptions, ReactorHandle, ReactorOptions,
    TargetConfig, start_reactor,
};
use sluice_volume::thin::Provision;
use sluice_volume::{BlockSize, HostAccess, VolumeSpec};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;
use uuid::Uuid;

/// Size of every volume, in blocks of 4 KiB.
pub(crate) const VOLUME_BLOCKS: u64 = 1024;

/// A live target; dropping it shuts it down and fails the test if one of its threads has panicked.
pub(crate) struct Target {
    pub(crate) handle: ReactorHandle,
    pub(crate) gate: Gate,
    pub(crate) config: TargetConfig,
    /// Data memory that the reactor holds with nothing in flight, in bytes.
    pub(crate) idle_bytes: u64,
    acceptor: Option<Acceptor>,
    thread: Option<JoinHandle<()>>,
    runtime: tokio::runtime::Runtime,
}

impl Target {
    /// With the defaults.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// With other limits.
    pub(crate) fn with(change: impl FnOnce(&mut TargetConfig)) -> Self {
        Self::over(change, false)
    }

    /// With other limits, over a device with a volatile write cache if `cached`.
    pub(crate) fn over(change: impl FnOnce(&mut TargetConfig), cached: bool) -> Self {
        let mut config = TargetConfig::default();
        change(&mut config);
        let reactor = sluice_reactor::Config {
            name: "reactor".to_owned(),
            core: None,
            polling: Polling::Adaptive { spin: Duration::from_micros(50) },
            ring_entries: 256,
        };
        let pool = PoolOptions { format: Format::IfBlank, uuid: None };
        let options = ReactorOptions { reactor, target: config.clone(), pool, backing: None };
        let (gate, directory) = (Gate::default(), Directory::new());
        let held = gate.clone();
        let device = move |_: &_| {
            Ok::<_, Infallible>(Box::new(GatedDevice::new(held, cached)) as Box<dyn BlockDevice>)
        };
        let running = start_reactor(options, &directory, device).expect("the reactor starts");
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let options = AcceptorOptions { listen, advertise: None, target: config.clone() };
        let acceptor = Acceptor::start(options, &directory).expect("the acceptor starts");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let mut target = Self {
            handle: running.handle,
            gate,
            config,
            idle_bytes: 0,
            acceptor: Some(acceptor),
            thread: Some(running.thread),
            runtime,
        };
        target.idle_bytes = target.in_flight().buffer_bytes;
        target
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.acceptor.as_ref().expect("it runs").addresses()[0]
    }

    /// Waits for an answer of the reactor.
    pub(crate) fn ask<T>(&self, question: impl Future<Output = Result<T, ControlError>>) -> T {
        self.runtime.block_on(question).expect("the reactor answers")
    }

    /// Creates and publishes a volume for any host; returns its subsystem's NQN.
    pub(crate) fn volume(&self, name: &str) -> String {
        self.volume_for(name, HostAccess::Any)
    }

    /// The same for certain hosts.
    pub(crate) fn volume_for(&self, name: &str, access: HostAccess) -> String {
        let spec = VolumeSpec {
            name: name.to_owned(),
            app: "test".to_owned(),
            size_bytes: VOLUME_BLOCKS * 4096,
            block_size: BlockSize::B4096,
            uuid: Uuid::new_v4(),
        };
        self.ask(self.handle.create_volume(spec, Provision::Thin));
        self.ask(self.handle.publish(name, access)).nqn
    }

    /// Creates and publishes a volume whose blocks are all written, with zeroes: reads go to the device.
    pub(crate) fn filled_volume(&self, name: &str) -> String {
        let subsystem = self.volume(name);
        let mut association = Association::open(self, &subsystem, 1);
        for lba in (0..VOLUME_BLOCKS).step_by(4) {
            assert!(association.io[0].write(lba, vec![0; 4 * BLOCK], false).is_success());
        }
        drop(association);
        self.until_connections(0);
        self.until_idle();
        subsystem
    }

    /// What commands in flight hold. Asking also wakes the reactor.
    pub(crate) fn in_flight(&self) -> InFlight {
        self.ask(self.handle.stats()).in_flight
    }

    pub(crate) fn connections(&self) -> Vec<ConnectionStatus> {
        self.ask(self.handle.connections())
    }

    /// Commands that connections have outstanding, as far as they are not answered.
    pub(crate) fn outstanding(&self) -> u32 {
        self.connections().iter().map(|connection| u32::from(connection.outstanding)).sum()
    }

    /// Lets the device go on.
    pub(crate) fn open_gate(&self) {
        self.gate.open();
        self.in_flight();
    }

    /// Waits until `count` connections are left.
    pub(crate) fn until_connections(&self, count: usize) {
        until(&format!("{count} connections"), || (self.connections().len() == count).then_some(()));
    }

    /// Waits until nothing is in flight and all memory is back.
    pub(crate) fn until_idle(&self) {
        let idle = InFlight { commands: 0, buffer_bytes: self.idle_bytes };
        until("all memory back", || (self.in_flight() == idle).then_some(()));
    }

    /// Shuts the target down in order.
    pub(crate) fn drain(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.stop();
        }
        if let Some(thread) = self.thread.take() {
            self.ask(self.handle.drain());
            thread.join().expect("the reactor did not panic");
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.gate.open();
            self.drain();
        }
    }
}
