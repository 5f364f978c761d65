//! `recv` on every connection, `sendmsg` of what is due: the plain path, and the parts that others share.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::{c_int, iovec};

use super::{Options, Round};
use crate::connection::Connection;
use crate::sys::{self, Calls, Pages};
use crate::wire::Workload;

/// A connection with its socket.
pub(super) struct Served {
    pub(super) fd: OwnedFd,
    pub(super) connection: Connection,
    /// The socket took less than it was offered.
    pub(super) blocked: bool,
}

impl Served {
    pub(super) fn all(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Vec<Self> {
        let served = |fd| Self {
            fd,
            connection: Connection::new(workload, options.layout, options.source),
            blocked: false,
        };
        fds.into_iter().map(served).collect()
    }

    pub(super) fn raw_fd(&self) -> c_int {
        self.fd.as_raw_fd()
    }
}

/// What connections of a target share.
pub(super) struct Scratch {
    pub(super) buffer: Pages,
    iovecs: Vec<iovec>,
    receives: usize,
    send_flags: c_int,
}

impl Scratch {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            buffer: Pages::new(options.receive_bytes),
            iovecs: vec![sys::NO_IOV; options.iovecs],
            receives: options.receives,
            send_flags: options.send_flags,
        }
    }

    pub(super) fn receive(&self, served: &mut Served, calls: &mut Calls) -> io::Result<bool> {
        let mut moved = false;
        for _ in 0..self.receives {
            let (direct, got) = self.receive_once(served, calls)?;
            let Some(length) = got else { break };
            moved = true;
            let landed = length.min(direct);
            if landed > 0 {
                served.connection.landed(landed);
            }
            served.connection.consume(self.buffer.slice(0, length - landed));
            if length < direct + self.buffer.length() {
                break;
            }
        }
        Ok(moved)
    }

    /// Payload that is expected goes straight into place, what follows into the buffer.
    fn receive_once(&self, served: &Served, calls: &mut Calls) -> io::Result<(usize, Option<usize>)> {
        let Some((base, missing)) = served.connection.wanted() else {
            return Ok((0, calls.recv(served.raw_fd(), self.buffer.at(0), self.buffer.length())?));
        };
        let mut iovecs = [sys::iov(base, missing), sys::iov(self.buffer.at(0), self.buffer.length())];
        Ok((missing, calls.recv_vectored(served.raw_fd(), &mut iovecs)?))
    }

    pub(super) fn gather(&mut self, served: &Served) -> &mut [iovec] {
        let count = served.connection.gather(&mut self.iovecs);
        &mut self.iovecs[..count]
    }

    pub(super) fn send(&mut self, served: &mut Served, calls: &mut Calls) -> io::Result<bool> {
        let mut moved = false;
        served.blocked = false;
        while served.connection.has_output() && !served.blocked {
            let flags = self.send_flags;
            let iovecs = self.gather(served);
            let length: usize = iovecs.iter().map(|iovec| iovec.iov_len).sum();
            let sent = calls.send(served.raw_fd(), iovecs, flags)?;
            if flags & libc::MSG_ZEROCOPY != 0 {
                calls.drop_notification(served.raw_fd());
            }
            moved |= sent.is_some();
            served.blocked = sent != Some(length);
            served.connection.sent(sent.unwrap_or(0));
        }
        Ok(moved)
    }
}

/// Polls every socket with `recv`.
pub(super) struct Sockets {
    served: Vec<Served>,
    scratch: Scratch,
    phased: bool,
}

impl Sockets {
    pub(super) fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Self {
        let served = Served::all(fds, workload, options);
        Self { served, scratch: Scratch::new(options), phased: options.phased }
    }
}

impl Round for Sockets {
    fn round(&mut self, calls: &mut Calls) -> io::Result<bool> {
        let mut moved = false;
        for served in &mut self.served {
            moved |= self.scratch.receive(served, calls)?;
            if !self.phased {
                moved |= self.scratch.send(served, calls)?;
            }
        }
        if self.phased {
            for served in &mut self.served {
                moved |= self.scratch.send(served, calls)?;
            }
        }
        Ok(moved)
    }
}
