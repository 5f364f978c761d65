//! A connection at the acceptor: in its handshake, or a discovery controller's admin queue.

use crate::connection::Wire;
use crate::controller::Controller;
use sluice_device::Nanos;
use std::net::SocketAddr;

/// What a guest is there for.
pub(super) enum Purpose {
    /// Its Connect has not come.
    Handshake,
    /// Discovery.
    Discovery(Box<Controller>),
    /// Its last response is being sent.
    Closing,
}

/// A connection that is not a reactor's, or not yet.
pub(super) struct Guest {
    pub(super) generation: u32,
    pub(super) wire: Wire<Vec<u8>>,
    pub(super) peer: SocketAddr,
    /// The address the host reached.
    pub(super) local: SocketAddr,
    pub(super) purpose: Purpose,
    /// When it is closed: the handshake's limit, or that of its last response.
    pub(super) deadline: Nanos,
    pub(super) last_received: Nanos,
    /// Whether it is on the list of those to be served.
    pub(super) queued: bool,
}

/// Data queued for a host beyond which no command is taken from it: one page of the discovery log, and no second.
const BACKLOG_BYTES: u64 = 64 << 10;

impl Guest {
    /// Whether the host has to take what is queued for it first.
    pub(super) fn is_backlogged(&self) -> bool {
        self.wire.backlog_bytes() > BACKLOG_BYTES
    }

    /// Puts it on the list of those to be served, once.
    pub(super) fn enqueue(&mut self, ready: &mut Vec<u32>, index: u32) {
        if !self.queued {
            self.queued = true;
            ready.push(index);
        }
    }

    /// Why the guest has to go now, if it has.
    pub(super) fn overdue(&self, now: Nanos) -> Option<&'static str> {
        match &self.purpose {
            Purpose::Handshake if now >= self.deadline => Some("no Connect in time"),
            Purpose::Closing if now >= self.deadline => Some("its last response was not taken"),
            Purpose::Discovery(controller) if controller.keep_alive_expired(self.last_received, now) => {
                Some("keep-alive timer expired")
            }
            _ => None,
        }
    }
}
