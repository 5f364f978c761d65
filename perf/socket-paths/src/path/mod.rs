//! The ways of serving that are compared, and what they have in common: options, counters, the loop.

mod ceiling;
mod epoll;
mod ring;
mod scatter;
mod socket;
mod splice;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::connection::{Layout, Source};
use crate::sys::{self, Calls};
use crate::wire::Workload;

pub(crate) use ring::Options as RingOptions;

/// The calls that a target serves with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// No protocol: counts bytes in, sends as many as they are worth.
    Ceiling,
    /// `recv` into one buffer, `sendmsg`.
    Socket,
    /// `epoll_wait` without waiting, then as Socket for what is ready.
    Epoll,
    /// `recvmsg` scattered over header slots and payload buffers, `sendmsg`.
    Scatter,
    /// `recv`, then `vmsplice` and `splice`: pages go by reference.
    Splice,
    /// io_uring.
    Ring(RingOptions),
}

/// A variant to measure.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The calls.
    pub path: Path,
    /// How responses lie in memory.
    pub layout: Layout,
    /// Where read payload comes from.
    pub source: Source,
    /// Size of the receive buffer.
    pub receive_bytes: usize,
    /// Most iovecs of one `sendmsg`.
    pub iovecs: usize,
    /// Flags of `sendmsg`.
    pub send_flags: i32,
    /// Most receives on one connection in a round; one that comes back short is the last in any case.
    pub receives: usize,
    /// Spin-loop hints after a round in which nothing moved.
    pub pause: u32,
    /// Receive on all connections, then send on all.
    pub phased: bool,
    /// The client lets the kernel drop the responses (MSG_TRUNC).
    pub client_drops: bool,
    /// Socket options set on both sides: level, name, value.
    pub socket: Vec<(i32, i32, i32)>,
    /// Congestion control; None for the system's.
    pub congestion: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: Path::Socket,
            layout: Layout::Merged,
            source: Source::Buffers,
            receive_bytes: 256 << 10,
            iovecs: 256,
            send_flags: 0,
            receives: 1,
            pause: 0,
            phased: false,
            client_drops: false,
            socket: vec![(libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)],
            congestion: None,
        }
    }
}

/// What the target thread counts; the client thread reads it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Kernel calls.
    pub syscalls: AtomicU64,
    /// TSC ticks of rounds that moved bytes.
    pub busy_ticks: AtomicU64,
    /// TSC at the end of the last round.
    pub beat: AtomicU64,
    /// Rounds that took so long that something else must have run.
    pub gaps: AtomicU64,
}

/// What the two threads share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// The lane that is served.
    pub active: AtomicUsize,
    /// The target's counters.
    pub counters: Counters,
    /// The end.
    pub stop: AtomicBool,
}

/// A way of serving, with its connections.
pub(crate) trait Round {
    /// Passes over all connections once; true if bytes moved.
    fn round(&mut self, calls: &mut Calls) -> io::Result<bool>;
}

/// Makes a path of its options.
pub(crate) fn open(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> io::Result<Box<dyn Round>> {
    Ok(match options.path {
        Path::Ceiling => Box::new(ceiling::Ceiling::new(fds, workload, options)),
        Path::Socket => Box::new(socket::Sockets::new(fds, workload, options)),
        Path::Epoll => Box::new(epoll::Epoll::new(fds, workload, options)?),
        Path::Scatter => Box::new(scatter::Scatter::new(fds, workload, options)),
        Path::Splice => Box::new(splice::Splice::new(fds, workload, options)?),
        Path::Ring(ring) => Box::new(ring::Ring::new(fds, workload, options, ring)?),
    })
}

/// A path and the pause after its empty rounds.
pub(crate) type Lane = (Box<dyn Round>, u32);

/// Serves the active lane until told to stop.
pub(crate) fn serve(mut lanes: Vec<Lane>, shared: &Shared, gap_ticks: u64) -> io::Result<()> {
    let counters = &shared.counters;
    let (mut calls, mut busy, mut gaps) = (Calls::default(), 0, 0);
    let mut before = sys::tsc();
    while !shared.stop.load(Ordering::Relaxed) {
        let (lane, pause) = &mut lanes[shared.active.load(Ordering::Relaxed)];
        let moved = lane.round(&mut calls)?;
        let now = sys::tsc();
        if moved {
            busy += now - before;
            counters.busy_ticks.store(busy, Ordering::Relaxed);
        } else {
            (0..*pause).for_each(|_| std::hint::spin_loop());
        }
        gaps += u64::from(now - before > gap_ticks);
        counters.gaps.store(gaps, Ordering::Relaxed);
        counters.syscalls.store(calls.count(), Ordering::Relaxed);
        counters.beat.store(now, Ordering::Relaxed);
        before = now;
    }
    Ok(())
}
