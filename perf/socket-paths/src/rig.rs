//! Two pinned threads, a target and a client, joined by the connections of every lane.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, Lane};
use crate::path::{self, Options, Shared};
use crate::sys::{self, Pages};
use crate::wire::{Workload, wide};

/// Which cores the threads run on.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Cores {
    /// Core of the target.
    #[arg(long, default_value_t = 0)]
    pub target_core: usize,
    /// Core of the client.
    #[arg(long, default_value_t = 1)]
    pub client_core: usize,
}

/// What the client thread works with.
pub(crate) struct Rig {
    /// The target's side.
    pub shared: Arc<Shared>,
    /// Speed of the time stamp counter.
    pub ticks_per_us: u64,
    /// A round longer than this was interrupted.
    pub gap_ticks: u64,
    /// Where responses go.
    pub buffer: Pages,
}

impl Rig {
    fn new(workload: Workload) -> Self {
        // A round moves what is in flight at 4 GiB/s or faster; a scheduler's slice is longer.
        let bytes = workload.payload_bytes * workload.depth * workload.connections;
        let ticks_per_us = calibrate();
        Self {
            shared: Arc::default(),
            ticks_per_us,
            gap_ticks: ticks_per_us * wide(200 + bytes / 4096),
            buffer: Pages::new(client::RECEIVE_BYTES),
        }
    }

    /// The target's busy ticks, kernel calls and gaps.
    pub(crate) fn counters(&self) -> [u64; 3] {
        let counters = &self.shared.counters;
        [&counters.busy_ticks, &counters.syscalls, &counters.gaps].map(|one| one.load(Ordering::Relaxed))
    }
}

/// Runs `drive` in the client thread while the target thread serves the active lane.
pub(crate) fn run<T: Send + 'static>(
    workload: Workload,
    options: &[Options],
    cores: Cores,
    drive: impl FnOnce(&Rig, &mut [Lane]) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (mut clients, targets) = connect(workload, options)?;
    let rig = Rig::new(workload);
    let (shared, ready, gap_ticks) = (rig.shared.clone(), Arc::new(Barrier::new(2)), rig.gap_ticks);
    let target = thread::spawn({
        let ready = ready.clone();
        move || {
            let lanes = sys::pin(cores.target_core).and_then(|()| open(targets, workload));
            ready.wait();
            path::serve(lanes?, &shared, gap_ticks)
        }
    });
    let client = thread::spawn(move || {
        ready.wait();
        let result = sys::pin(cores.client_core).and_then(|()| drive(&rig, &mut clients));
        rig.shared.stop.store(true, Ordering::Relaxed);
        // The connections stay open until the target has ended, lest it see them close.
        (result, clients)
    });
    let (result, _clients) = client.join().expect("the client thread does not panic");
    target.join().expect("the target thread does not panic")?;
    result
}

type Target = (Vec<OwnedFd>, Options);

fn connect(workload: Workload, options: &[Options]) -> io::Result<(Vec<Lane>, Vec<Target>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let lane = |options: &Options| {
        let pairs = (0..workload.connections).map(|_| pair(&listener, options));
        let (client, target): (Vec<_>, _) = pairs.collect::<io::Result<Vec<_>>>()?.into_iter().unzip();
        Ok((Lane::new(client, workload, options.client_drops), (target, options.clone())))
    };
    Ok(options.iter().map(lane).collect::<io::Result<Vec<_>>>()?.into_iter().unzip())
}

fn pair(listener: &TcpListener, options: &Options) -> io::Result<(OwnedFd, OwnedFd)> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (target, _) = listener.accept()?;
    for stream in [&client, &target] {
        for &(level, name, value) in &options.socket {
            sys::set_option(stream.as_raw_fd(), level, name, value)?;
        }
        if let Some(name) = options.congestion {
            sys::set_congestion(stream.as_raw_fd(), name)?;
        }
    }
    Ok((client.into(), target.into()))
}

fn open(targets: Vec<Target>, workload: Workload) -> io::Result<Vec<path::Lane>> {
    let lane = |(fds, options): Target| Ok((path::open(fds, workload, &options)?, options.pause));
    targets.into_iter().map(lane).collect()
}

fn calibrate() -> u64 {
    let (began, ticks) = (Instant::now(), sys::tsc());
    thread::sleep(Duration::from_millis(20));
    let elapsed = u64::try_from(began.elapsed().as_micros()).expect("milliseconds");
    (sys::tsc() - ticks) / elapsed
}
