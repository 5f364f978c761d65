//! What every target path has in common: its options, its counters, its loop.

use std::os::fd::OwnedFd;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::connection::{Layout, Source};
use crate::wire::Workload;
use crate::{ring, socket, sys};

/// The calls a target serves with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// No protocol: counts bytes in, sends as many as they are worth.
    Ceiling,
    /// `recv` into one buffer, `sendmsg`.
    Socket,
    /// `epoll_wait(0)`, then as Socket for what is ready.
    Epoll,
    /// `recvmsg` scattered over header slots and payload buffers, `sendmsg`.
    Scatter,
    /// io_uring.
    Ring(ring::Options),
}

/// A target to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// The calls.
    pub path: Path,
    /// How responses lie.
    pub layout: Layout,
    /// Where read payload comes from.
    pub source: Source,
    /// Size of the receive buffer.
    pub receive_bytes: usize,
    /// Iovecs of one `sendmsg`.
    pub iovecs: usize,
    /// Flags of `sendmsg`.
    pub send_flags: i32,
    /// Receives that came with less than asked are the last of the round; otherwise repeat until empty.
    pub receives: usize,
    /// Receive first on all connections, then send on all.
    pub phased: bool,
    /// Client uses MSG_TRUNC.
    pub client_drops: bool,
    /// Socket options: level, name, value; set on both sides.
    pub socket: Vec<(i32, i32, i32)>,
    /// Congestion control.
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
            phased: false,
            client_drops: false,
            socket: vec![(libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)],
            congestion: None,
        }
    }
}

/// What the target thread counts; read by the client's thread.
#[derive(Debug, Default)]
pub struct Counters {
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
pub struct Shared {
    /// The lane that is served.
    pub active: AtomicUsize,
    /// The target's counters.
    pub counters: Counters,
    /// The end.
    pub stop: AtomicBool,
}

/// One pass over all connections. Returns true if bytes moved; adds its kernel calls to `syscalls`.
pub trait Round {
    /// Does the pass.
    fn round(&mut self, syscalls: &mut u64) -> io::Result<bool>;
}

/// Makes a path.
pub fn open(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> io::Result<Box<dyn Round>> {
    Ok(match options.path {
        Path::Ceiling => Box::new(socket::Ceiling::new(fds, workload, options)),
        Path::Socket => Box::new(socket::Sockets::new(fds, workload, options)),
        Path::Epoll => Box::new(socket::Epoll::new(fds, workload, options)?),
        Path::Scatter => Box::new(socket::Scatter::new(fds, workload, options)),
        Path::Ring(ring) => Box::new(ring::Ring::new(fds, workload, options, ring)?),
    })
}

/// Serves the active lane until told to stop.
pub fn run(mut lanes: Vec<Box<dyn Round>>, shared: &Shared, gap_ticks: u64) -> io::Result<()> {
    let (mut syscalls, mut busy, mut gaps) = (0, 0, 0);
    let mut before = sys::tsc();
    while !shared.stop.load(Ordering::Relaxed) {
        let moved = lanes[shared.active.load(Ordering::Relaxed)].round(&mut syscalls)?;
        let now = sys::tsc();
        if moved {
            busy += now - before;
            shared.counters.busy_ticks.store(busy, Ordering::Relaxed);
        }
        if now - before > gap_ticks {
            gaps += 1;
            shared.counters.gaps.store(gaps, Ordering::Relaxed);
        }
        shared.counters.syscalls.store(syscalls, Ordering::Relaxed);
        shared.counters.beat.store(now, Ordering::Relaxed);
        before = now;
    }
    Ok(())
}
