//! The NVMe/TCP host: sockets around the host's qpair machine.
//!
//! `wire` is one connection, `controller` the association of an admin queue and I/O queues with one subsystem, `queue`
//! the hot path of one I/O queue, `command` what an access looks like as a submission queue entry.
//!
//! Setting up is synchronous with a deadline, because a job has nothing else to do until it stands. Afterwards nothing
//! blocks: per round and queue there is one read of up to [`INPUT_BYTES`] and as few gathered writes as the socket
//! takes, and read data are looked at where they arrived, or not at all.

mod command;
mod controller;
mod error;
mod queue;
mod wire;

pub(crate) use error::HostError;

pub(crate) use controller::Controller;
pub(crate) use queue::IoQueue;

/// Bytes read from a socket at once: a full queue of 4 KiB reads at depth 128 in one call.
const INPUT_BYTES: usize = 1 << 20;
