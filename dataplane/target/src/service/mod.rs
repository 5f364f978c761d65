//! The target's side of a reactor: owns its connections, controllers, subsystems and the I/O path, and
//! routes between them.
//!
//! One round, top to bottom; each step is a module:
//!
//! ```text
//!   receive   sockets -> qpairs -> commands        (receive.rs, admin.rs)
//!   submit    commands -> volume, one batch        (io.rs)
//!   complete  volume -> responses                  (io.rs)
//!   send      responses -> sockets, one call each  (here)
//!   the rest  timers, control operations, drain    (housekeeping.rs, control.rs, drain.rs)
//!
//! An operation on the pool: operation.rs says what there is, begin.rs how each begins, control.rs how one follows the
//! other, volumes.rs and report.rs what is told of it all.
//! ```
//!
//! A connection that brings bytes is *hot*: it is read every round without asking epoll. One that has
//! been quiet for a while cools down and is found again through its edge in epoll.

mod admin;
mod begin;
mod connect;
mod control;
mod drain;
mod housekeeping;
mod io;
mod memory;
mod message;
mod operation;
mod publish;
mod receive;
mod report;
mod volumes;

pub(crate) use connect::{Asked, Refusal, check as check_connect};
pub use message::{ChangesAsk, ConnectRequest, Message, Reply};
pub(crate) use operation::{Answer, Task};
pub use operation::{Operation, SnapshotAsk};

use crate::acceptor::{Directory, ReactorId};
use crate::apps::Apps;
use crate::config::TargetConfig;
use crate::connection::{Closed, Connection, ConnectionKey, Lingering};
use crate::controller::Controller;
use crate::handle::ControlError;
use crate::stats::IoStats;
use crate::subsystem::Subsystem;
use control::ControlQueue;
use drain::Life;
use io::{IoPath, live, mark_dirty};
use rustix::fd::BorrowedFd;
use sluice_device::{Nanos, Pool};
use sluice_qos::DeviceProfile;
use sluice_reactor::timer::Timers;
use sluice_reactor::{Context, Flow, Service, Slab, Token};
use sluice_volume::VolumeIndex;
use sluice_volume::thin::{BACKGROUND_SLOTS, ThinPool};
use std::collections::HashMap;

/// Bytes read from a socket at once. 60 writes of 4 KiB, or the whole queue of reads; stays in L2 with the data.
const RECEIVE_BYTES: usize = 256 << 10;

/// What timers are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Keep-alive, stalled hosts, closing connections.
    Housekeeping,
    /// The grace of an unpublished volume's hosts is over.
    Unpublished(u32),
    /// Commands in flight had their time.
    Drain,
    /// The checkpoint at the end had its time.
    Checkpoint,
}

/// The service that a target's reactor runs.
pub struct TargetService {
    config: TargetConfig,
    directory: Directory,
    reactor: ReactorId,
    io: IoPath,
    connections: Slab<Connection>,
    /// Connections read every round.
    hot: Vec<ConnectionKey>,
    /// Closed connections whose hosts may still be reading the last PDU.
    lingering: Lingering,
    /// What sockets are read into; taken out while a connection is read.
    space: Box<[u8]>,
    controllers: Slab<Controller>,
    subsystems: Slab<Subsystem>,
    by_nqn: HashMap<String, u32>,
    /// Figures of connections that are closed, by volume.
    closed_stats: HashMap<VolumeIndex, IoStats>,
    control: ControlQueue,
    timers: Timers<Timer>,
    housekeeping_armed: bool,
    next_generation: u32,
    next_cntlid: u16,
    life: Life,
    /// The latest time anybody here was told: the scheduler's clock must not go back.
    now: Nanos,
    /// Told when a drain is over.
    drained: Vec<tokio::sync::oneshot::Sender<()>>,
}

impl TargetService {
    /// A service over an open pool. `buffers` is the pool of data memory that the device was opened with.
    pub(crate) fn new(
        config: TargetConfig,
        volume: ThinPool,
        buffers: Pool,
        directory: Directory,
        reactor: ReactorId,
        profile: Option<DeviceProfile>,
    ) -> Result<Self, ControlError> {
        let limits = config.limits;
        let now = sluice_reactor::clock::now();
        let slots = limits.requests() + BACKGROUND_SLOTS;
        let apps = Apps::new(now, volume.device_info(), slots, profile, &config);
        let mut service = Self {
            io: IoPath::new(volume, buffers, apps, &config),
            now,
            connections: Slab::new(limits.connections),
            hot: Vec::with_capacity(limits.connections as usize),
            lingering: Lingering::default(),
            space: vec![0; RECEIVE_BYTES].into_boxed_slice(),
            controllers: Slab::new(limits.connections),
            subsystems: Slab::new(publish::MAX_SUBSYSTEMS),
            by_nqn: HashMap::new(),
            closed_stats: HashMap::new(),
            control: ControlQueue::default(),
            timers: Timers::with_capacity(8),
            housekeeping_armed: false,
            next_generation: 0,
            next_cntlid: 1,
            life: Life::Serving,
            drained: Vec::new(),
            directory,
            reactor,
            config,
        };
        service.adopt_pool(now)?;
        Ok(service)
    }

    /// Sends what connections have queued, and closes those that end with it.
    fn flush_dirty(&mut self, now: Nanos) -> bool {
        let mut dirty = std::mem::take(&mut self.io.dirty);
        let any = !dirty.is_empty();
        for index in dirty.drain(..) {
            let Some(connection) = self.connections.get_mut(index) else { continue };
            connection.dirty = false;
            match connection.wire.flush() {
                Ok(true) => connection.last_sent = now,
                Ok(false) => {}
                Err(closed) => {
                    self.close(index, reason(closed));
                    continue;
                }
            }
            if connection.closing && !connection.wire.qpair.has_output() {
                self.conclude(index, now);
            }
        }
        // Closing a connection may mark others; they are few and go with the next round.
        dirty.append(&mut self.io.dirty);
        self.io.dirty = dirty;
        any
    }

    fn heat(&mut self, index: u32) {
        if let Some(connection) = self.connections.get_mut(index)
            && !connection.hot
        {
            connection.hot = true;
            self.hot.push(connection.key);
        }
    }
}

fn reason(closed: Closed) -> &'static str {
    match closed {
        Closed::ByHost => "closed by the host",
        Closed::Error(_) => "network error",
    }
}

impl Service for TargetService {
    type Message = Message;

    fn message(&mut self, cx: &Context<'_>, message: Message) {
        self.now = cx.now;
        self.take_message(cx, message);
    }

    fn ready(&mut self, _: &Context<'_>, token: Token) {
        let key = receive::key_of(token);
        if let Some(connection) = live(&mut self.connections, key) {
            if connection.wire.qpair.has_output() {
                mark_dirty(&mut self.io.dirty, connection);
            }
            self.heat(key.index);
        }
    }

    fn round(&mut self, cx: &Context<'_>) -> Flow {
        self.now = cx.now;
        let mut busy = self.receive_hot(cx);
        let looked = self.io.retry_waiting(&mut self.connections, cx.now);
        self.io.dispatch(&mut self.connections, cx.now);
        let submitted = self.io.submit_queue(cx.now);
        // A device of memory is done within `submit`; by the round's own clock that would take no time at all.
        let now = if submitted { sluice_reactor::clock::now() } else { cx.now };
        self.now = now;
        let completed = self.io.complete(&mut self.connections, now);
        if completed {
            // The device has room again: it need not wait until the responses are sent.
            self.io.dispatch(&mut self.connections, now);
            let _ = self.io.submit_queue(now);
        }
        busy |= submitted | completed;
        self.log_failures();
        busy |= self.flush_dirty(cx.now);
        busy |= self.expire_timers(cx.now);
        busy |= self.advance_control(cx.now);
        self.io.apps.note_events(now);
        self.io.apps.sweep();
        if busy {
            self.io.look_again();
        }
        match self.advance_drain(cx.now) {
            Life::Finished => Flow::Stop,
            _ if busy || looked => Flow::Busy,
            _ => Flow::Idle,
        }
    }

    fn next_deadline(&self) -> Option<Nanos> {
        let scheduled = self.io.apps.scheduler.next_deadline(self.now);
        [self.timers.next_deadline(), self.io.volume.next_deadline(), scheduled].into_iter().flatten().min()
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.io.volume.wake_fd()
    }

    fn arm(&mut self) -> bool {
        self.io.volume.arm()
    }

    fn disarm(&mut self) {
        self.io.volume.disarm();
    }
}
