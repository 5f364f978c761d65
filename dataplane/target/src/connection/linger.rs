//! Sockets whose last PDU is sent: half-closed, and kept for a moment so that the host can read it.
//!
//! Closing a socket with bytes unread makes the kernel send a reset, and a reset throws away what the
//! host has not read yet: just the C2HTermReq that tells it what it did wrong (NVMe/TCP section 3.5.2
//! leaves the host time to close first), or the response that refuses its Connect.

use rustix::fd::OwnedFd;
use rustix::net::{Shutdown, shutdown};
use sluice_device::Nanos;
use std::collections::VecDeque;

/// How long a socket is kept.
const LINGER_NS: u64 = 1_000_000_000;
/// How many are kept; the oldest makes room.
const SOCKETS: usize = 64;

/// The sockets, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Lingering {
    sockets: VecDeque<(Nanos, OwnedFd)>,
}

impl Lingering {
    /// Ends the sending side of a socket and keeps it.
    pub(crate) fn keep(&mut self, now: Nanos, socket: OwnedFd) {
        // Fails only if the host has reset the connection: then there is nobody to wait for.
        if shutdown(&socket, Shutdown::Write).is_err() {
            return;
        }
        if self.sockets.len() == SOCKETS {
            self.sockets.pop_front();
        }
        self.sockets.push_back((Nanos(now.0 + LINGER_NS), socket));
    }

    /// Closes those whose time is over.
    pub(crate) fn expire(&mut self, now: Nanos) {
        while self.sockets.front().is_some_and(|(until, _)| *until <= now) {
            self.sockets.pop_front();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn the_last_words_arrive_though_bytes_are_unread() {
        let (mut near, mut far) = pair();
        let mut lingering = Lingering::default();
        far.write_all(&[0; 4096]).unwrap();
        near.write_all(b"why").unwrap();
        lingering.keep(Nanos(5), near.into());
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"why");
        lingering.expire(Nanos(4 + LINGER_NS));
        assert!(!lingering.is_empty());
        lingering.expire(Nanos(5 + LINGER_NS));
        assert!(lingering.is_empty());
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut lingering = Lingering::default();
        let mut pairs: Vec<(TcpStream, TcpStream)> = (0..=SOCKETS).map(|_| pair()).collect();
        for (near, _) in &mut pairs {
            lingering.keep(Nanos(0), near.try_clone().unwrap().into());
        }
        assert_eq!(lingering.sockets.len(), SOCKETS);
    }
}
