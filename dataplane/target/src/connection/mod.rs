//! A connection: one socket, one qpair, and what a reactor knows about the host at the other end.

mod linger;
mod wire;

pub(crate) use linger::Lingering;
pub(crate) use wire::{Closed, Received, Wire};

use crate::data::Data;
use crate::plan::Shape;
use crate::stats::IoStats;
use sluice_device::Nanos;
use sluice_nvme::cqe::Cqe;
use sluice_nvme::status::Status;
use sluice_qos::Tag;
use sluice_volume::VolumeIndex;
use std::net::SocketAddr;

/// Names a connection for longer than it may live: a slot that was given away has another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Which queue of its controller a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The admin queue.
    Admin,
    /// An I/O queue, by its identifier, 1 and up.
    Io(u16),
    /// None: its Connect was refused, and it is closed when it has heard so.
    Refused,
}

impl Role {
    /// The queue's identifier, as logs and lists show it.
    pub(crate) fn qid(self) -> u16 {
        match self {
            Self::Io(qid) => qid,
            Self::Admin | Self::Refused => 0,
        }
    }
}

/// The namespace as an I/O queue sees it: copied here so that a command looks nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Namespace {
    pub(crate) volume: VolumeIndex,
    /// What its I/O carries to the scheduler.
    pub(crate) tag: Tag,
    pub(crate) shape: Shape,
    pub(crate) write_zeroes_blocks: u32,
    pub(crate) deallocate_blocks: u32,
}

/// A connection that a reactor serves.
pub(crate) struct Connection {
    pub(crate) key: ConnectionKey,
    pub(crate) wire: Wire<Data>,
    pub(crate) peer: SocketAddr,
    pub(crate) role: Role,
    /// Index of its controller; of none if it was refused.
    pub(crate) controller: u32,
    /// `None` once the volume is no longer published.
    pub(crate) namespace: Option<Namespace>,
    /// Entries of the queue: commands beyond them are the host's mistake.
    pub(crate) entries: u16,
    /// Commands taken and not yet answered, Asynchronous Event Requests left out.
    pub(crate) outstanding: u16,
    /// How many of them are in line for data memory.
    pub(crate) waiting: u16,
    /// How many of them wait for the host's data.
    pub(crate) receiving: u16,
    /// Bytes of data memory held for commands not yet answered.
    pub(crate) held_bytes: u64,
    /// When it was opened.
    pub(crate) opened: Nanos,
    /// The last round that brought bytes.
    pub(crate) last_received: Nanos,
    /// The last round that sent bytes.
    pub(crate) last_sent: Nanos,
    /// Whether it is on the list of connections read every round.
    pub(crate) hot: bool,
    /// Whether its socket may have bytes that will not announce themselves again.
    pub(crate) unread: bool,
    /// Whether bytes that were read wait for memory.
    pub(crate) held_back: bool,
    /// Whether it is on the list of connections with something to send.
    pub(crate) dirty: bool,
    /// Nothing more is taken from the host; the socket closes when what is queued is sent.
    pub(crate) closing: bool,
    pub(crate) stats: IoStats,
}

/// Data queued for a host that does not take them, beyond which nothing more is read from an I/O queue.
const BACKLOG_BYTES: u64 = 4 << 20;
/// The same for an admin queue, whose data come from the heap: one answer of full size, and no second.
const ADMIN_BACKLOG_BYTES: u64 = 64 << 10;

impl Connection {
    /// Whether the host takes its data so slowly that it has to wait with new commands.
    pub(crate) fn is_backlogged(&self) -> bool {
        let most = if self.role == Role::Admin { ADMIN_BACKLOG_BYTES } else { BACKLOG_BYTES };
        self.wire.backlog_bytes() > most
    }

    /// Data memory it keeps from others: of commands under way, and of responses not sent.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.held_bytes + self.wire.backlog_bytes()
    }

    /// Queues a response without data.
    pub(crate) fn respond(&mut self, cid: u16, status: Status) {
        self.wire.qpair.respond(Cqe::new(cid, status));
    }
}
