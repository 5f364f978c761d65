//! The loop itself: who is called when, and when the thread sleeps.
//!
//! Sockets are watched edge-triggered and once: a busy service reads its sockets directly, without
//! asking epoll, and the edge that arrives while nobody looks is still there when the reactor sleeps.
//! epoll is asked in passing, every [`SWEEP_ROUNDS`] rounds, so that a socket the service has stopped
//! reading for want of traffic is found again.

use crate::clock;
use crate::ring::{self, Receiver, Sender};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};
use rustix::time::Timespec;
use sluice_device::Nanos;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::thread::JoinHandle;
use std::time::Duration;

/// A busy reactor looks at epoll every so many rounds. An `epoll_wait` that finds nothing costs about
/// a third of a microsecond, a round under load some microseconds: at 16 this is around 1 % of the time,
/// and a socket that wakes up waits well under 100 us.
const SWEEP_ROUNDS: u32 = 16;
/// Events taken from epoll at once. Level- and edge-triggered entries rotate, so a small batch starves nobody.
const EVENTS: usize = 64;
/// The longest sleep without a deadline; bounds the harm of a clock that jumps.
const MAX_SLEEP: Duration = Duration::from_secs(10);

/// What a watched file descriptor is to its service.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// The token of the control ring; services must not use it.
const RING: Token = Token(u64::MAX);
/// The token of the service's own wake-up descriptor.
const DEVICE: Token = Token(u64::MAX - 1);

/// What a reactor does when nothing is to be done.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Polling {
    /// Spin for this long after the last work, then sleep until something happens.
    Adaptive {
        /// Time without work before sleep.
        spin: Duration,
    },
    /// Never sleep: one core is burnt, no wake-up is ever paid for.
    Always,
}

/// How to run a reactor.
#[derive(Clone, Debug)]
pub struct Config {
    /// Name of the thread, up to 15 bytes.
    pub name: String,
    /// The core to pin to; `None` leaves the thread to the scheduler.
    pub core: Option<usize>,
    /// What to do when idle.
    pub polling: Polling,
    /// Control messages that may wait at once.
    pub ring_entries: usize,
}

/// What a round came to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Something was done: go on at once.
    Busy,
    /// Nothing was to be done.
    Idle,
    /// The service is finished: the thread ends.
    Stop,
}

/// What a service is given in each call.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time at the beginning of the round.
    pub now: Nanos,
    epoll: &'a OwnedFd,
}

impl Context<'_> {
    /// Watches a socket, edge-triggered, for input, output and hang-up. Closing it ends the watch.
    ///
    /// # Errors
    /// The kernel's, when it is out of memory or watches.
    pub fn watch(&self, fd: impl AsFd, token: Token) -> Result<(), Errno> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(self.epoll, fd, EventData::new_u64(token.0), flags)
    }

    /// Ends a watch without closing the socket, before it goes to another reactor.
    pub fn unwatch(&self, fd: impl AsFd) {
        // Fails only for a socket that is not watched.
        let _ = epoll::delete(self.epoll, fd);
    }
}

/// What runs on a reactor. All calls come from its one thread.
pub trait Service {
    /// What other threads may send.
    type Message: Send + 'static;

    /// Takes one control message.
    fn message(&mut self, cx: &Context<'_>, message: Self::Message);

    /// A watched socket may have become readable, writable or dead. Spurious calls happen.
    fn ready(&mut self, cx: &Context<'_>, token: Token);

    /// One round: take what arrived, submit, complete, send.
    fn round(&mut self, cx: &Context<'_>) -> Flow;

    /// The earliest time at which a round is needed though nothing arrives.
    fn next_deadline(&self) -> Option<Nanos>;

    /// A descriptor that wakes the reactor besides sockets and ring: the device's. Asked for once.
    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// The reactor is about to sleep. `false`: there is work already, do not.
    fn arm(&mut self) -> bool {
        true
    }

    /// The reactor is awake again.
    fn disarm(&mut self) {}
}

/// A reactor did not start.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError<E> {
    /// A system call that the loop itself needs.
    #[error("{call}: {source}")]
    System {
        /// Which call.
        call: &'static str,
        /// The kernel's answer.
        source: Errno,
    },
    /// The core to pin to.
    #[error("cannot pin to core {core}: {source}; choose one of the cores this process may use")]
    Core {
        /// The core asked for.
        core: usize,
        /// The kernel's answer.
        source: Errno,
    },
    /// The thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The service's own start.
    #[error(transparent)]
    Service(E),
}

/// A running reactor.
#[derive(Debug)]
pub struct Reactor<M> {
    /// The way to it.
    pub sender: Sender<M>,
    /// Its thread, which ends when the service returns [`Flow::Stop`].
    pub thread: JoinHandle<()>,
}

impl<M: Send + 'static> Reactor<M> {
    /// Starts a thread, pins it, builds the service on it and runs it. `build` runs on the new thread,
    /// so that what it makes need not be `Send`; this call returns when it is done.
    ///
    /// # Errors
    /// [`SpawnError`], also with what `build` returned; no thread is left behind.
    pub fn spawn<S, E, F>(config: Config, build: F) -> Result<Self, SpawnError<E>>
    where
        S: Service<Message = M> + 'static,
        E: Send + 'static,
        F: FnOnce() -> Result<S, E> + Send + 'static,
    {
        let (sender, receiver) = ring::ring(config.ring_entries).map_err(system("eventfd"))?;
        let (started, outcome) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(config.name.clone())
            .spawn(move || match prepare(&config, receiver, build) {
                Ok(mut run) => {
                    let _ = started.send(Ok(()));
                    run.run();
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            })
            .map_err(SpawnError::Thread)?;
        match outcome.recv() {
            Ok(Ok(())) => Ok(Self { sender, thread }),
            Ok(Err(error)) => {
                let _ = thread.join();
                Err(error)
            }
            Err(_) => {
                std::panic::resume_unwind(thread.join().expect_err("the thread sent nothing, so it panicked"))
            }
        }
    }
}

fn system<E>(call: &'static str) -> impl FnOnce(Errno) -> SpawnError<E> {
    move |source| SpawnError::System { call, source }
}

fn prepare<S, E, F>(
    config: &Config,
    receiver: Receiver<S::Message>,
    build: F,
) -> Result<Loop<S>, SpawnError<E>>
where
    S: Service,
    F: FnOnce() -> Result<S, E>,
{
    if let Some(core) = config.core {
        pin(core).map_err(|source| SpawnError::Core { core, source })?;
    }
    // The kernel lets a sleeper wait 50 us more, to wake it together with others: as long as a drive reads. If it does
    // not let us ask, that is how it is.
    let _ = set_current_timer_slack(Some(NonZeroU64::MIN));
    let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(system("epoll_create"))?;
    watch_level(&epoll, receiver.wake_fd(), RING).map_err(system("epoll_ctl"))?;
    let service = build().map_err(SpawnError::Service)?;
    if let Some(fd) = service.wake_fd() {
        watch_level(&epoll, fd, DEVICE).map_err(system("epoll_ctl"))?;
    }
    Ok(Loop { service, receiver, epoll, polling: config.polling, ready: Vec::with_capacity(EVENTS) })
}

fn watch_level(epoll: &OwnedFd, fd: BorrowedFd<'_>, token: Token) -> Result<(), Errno> {
    epoll::add(epoll, fd, EventData::new_u64(token.0), EventFlags::IN)
}

/// Pins the calling thread to one core.
///
/// # Errors
/// `EINVAL` when the core does not exist or is not this process's to use.
pub fn pin(core: usize) -> Result<(), Errno> {
    if core >= CpuSet::MAX_CPU {
        return Err(Errno::INVAL);
    }
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)
}

struct Loop<S: Service> {
    service: S,
    receiver: Receiver<S::Message>,
    epoll: OwnedFd,
    polling: Polling,
    ready: Vec<Token>,
}

impl<S: Service> Loop<S> {
    fn run(&mut self) {
        let mut rounds = 0u32;
        let mut last_work = clock::now();
        loop {
            let now = clock::now();
            let taken = self.take_messages(now);
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(SWEEP_ROUNDS) {
                self.sweep(now, Duration::ZERO);
            }
            match self.service.round(&Context { now, epoll: &self.epoll }) {
                Flow::Stop => return,
                Flow::Busy => last_work = now,
                Flow::Idle if taken => last_work = now,
                Flow::Idle => {
                    if self.should_sleep(now, last_work) {
                        self.sleep();
                        last_work = clock::now();
                    } else {
                        std::hint::spin_loop();
                    }
                }
            }
        }
    }

    fn take_messages(&mut self, now: Nanos) -> bool {
        let mut taken = false;
        while let Some(message) = self.receiver.receive() {
            self.service.message(&Context { now, epoll: &self.epoll }, message);
            taken = true;
        }
        taken
    }

    fn should_sleep(&self, now: Nanos, last_work: Nanos) -> bool {
        match self.polling {
            Polling::Always => false,
            Polling::Adaptive { spin } => u128::from(now.0.saturating_sub(last_work.0)) >= spin.as_nanos(),
        }
    }

    /// Sleeps until something happens. Every source is armed before the last look at it, so nothing
    /// that comes in between is missed.
    fn sleep(&mut self) {
        if !self.service.arm() {
            self.service.disarm();
            return;
        }
        if self.receiver.arm() {
            let now = clock::now();
            let until =
                self.service.next_deadline().map(|at| Duration::from_nanos(at.0.saturating_sub(now.0)));
            self.sweep(now, until.unwrap_or(MAX_SLEEP).min(MAX_SLEEP));
            self.receiver.disarm();
        }
        self.service.disarm();
    }

    /// Asks epoll, waiting up to `timeout`, and tells the service which sockets to look at.
    fn sweep(&mut self, now: Nanos, timeout: Duration) {
        let mut events = [MaybeUninit::<Event>::uninit(); EVENTS];
        self.ready.clear();
        match epoll::wait(&self.epoll, events.as_mut_slice(), Some(&timespec(timeout))) {
            Ok((events, _)) => self.ready.extend(events.iter().map(|event| Token(event.data.u64()))),
            Err(Errno::INTR) => return,
            Err(error) => panic!("epoll_wait on our own descriptor failed: {error}"),
        }
        // Time went by while waiting.
        let cx = Context { now: if timeout.is_zero() { now } else { clock::now() }, epoll: &self.epoll };
        for token in self.ready.drain(..).filter(|token| *token != RING && *token != DEVICE) {
            self.service.ready(&cx, token);
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    let tv_sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec, tv_nsec: i64::from(duration.subsec_nanos()) }
}

#[cfg(test)]
mod test;
