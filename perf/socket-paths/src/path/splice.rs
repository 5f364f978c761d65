//! Hands pages to the socket by reference, through a pipe.
//!
//! A page must not change until the peer has read it. Here a slot is used again only by a request that its response
//! allowed, and the ring of headers is longer than any depth. A target could promise the same: a command identifier
//! comes back only when its host has the response.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::socket::{Scratch, Served};
use super::{Options, Round};
use crate::sys::{self, Calls};
use crate::wire::Workload;

pub(super) struct Splice {
    connections: Vec<Piped>,
    scratch: Scratch,
}

struct Piped {
    served: Served,
    pipe: [OwnedFd; 2],
    /// Bytes in the pipe.
    waiting: usize,
}

impl Splice {
    pub(super) fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> io::Result<Self> {
        let piped = |served| Ok(Piped { served, pipe: sys::pipe(1 << 20)?, waiting: 0 });
        let connections =
            Served::all(fds, workload, options).into_iter().map(piped).collect::<io::Result<_>>()?;
        Ok(Self { connections, scratch: Scratch::new(options) })
    }
}

impl Piped {
    fn send(&mut self, scratch: &mut Scratch, calls: &mut Calls) -> io::Result<bool> {
        let mut moved = false;
        loop {
            if self.waiting == 0 && self.served.connection.has_output() {
                self.waiting = calls.vmsplice(self.pipe[1].as_raw_fd(), scratch.gather(&self.served))?;
                self.served.connection.sent(self.waiting);
            }
            if self.waiting == 0 {
                return Ok(moved);
            }
            let (from, to) = (self.pipe[0].as_raw_fd(), self.served.raw_fd());
            let Some(sent) = calls.splice(from, to, self.waiting)? else { return Ok(moved) };
            self.waiting -= sent;
            moved = true;
        }
    }
}

impl Round for Splice {
    fn round(&mut self, calls: &mut Calls) -> io::Result<bool> {
        let mut moved = false;
        for piped in &mut self.connections {
            moved |= self.scratch.receive(&mut piped.served, calls)?;
            moved |= piped.send(&mut self.scratch, calls)?;
        }
        Ok(moved)
    }
}
