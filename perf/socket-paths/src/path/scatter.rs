//! Guesses that writes follow each other and receives them in place: header slot, payload buffer, header slot, and
//! so on. A wrong guess costs a copy.

use std::io;
use std::os::fd::OwnedFd;

use libc::iovec;

use super::socket::{Scratch, Served};
use super::{Options, Round};
use crate::sys::{self, Calls, Pages};
use crate::wire::{Mix, REQUEST_BYTES, Workload};

pub(super) struct Scatter {
    served: Vec<Served>,
    scratch: Scratch,
    guess: Guess,
}

struct Guess {
    headers: Pages,
    payloads: Pages,
    iovecs: Vec<iovec>,
    pairs: usize,
    workload: Workload,
}

impl Scatter {
    pub(super) fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Self {
        Self {
            served: Served::all(fds, workload, options),
            scratch: Scratch::new(options),
            guess: Guess::new(workload, workload.depth.min(options.iovecs / 2)),
        }
    }
}

impl Guess {
    fn new(workload: Workload, pairs: usize) -> Self {
        Self {
            headers: Pages::new(pairs * REQUEST_BYTES),
            payloads: Pages::new(pairs * workload.payload_bytes),
            iovecs: vec![sys::NO_IOV; 2 * pairs + 1],
            pairs,
            workload,
        }
    }

    fn pair(&self, index: usize) -> (&mut [u8], &mut [u8]) {
        let length = self.workload.payload_bytes;
        let header = self.headers.slice(index * REQUEST_BYTES, REQUEST_BYTES);
        (header, self.payloads.slice(index * length, length))
    }

    /// The rest of a torn payload, if there is one, then pairs.
    fn lay_out(&mut self, torn: Option<(*mut u8, usize)>) -> &mut [iovec] {
        let mut out = sys::Gather::new(&mut self.iovecs, false);
        if let Some((base, missing)) = torn {
            out.push(base, missing);
        }
        for index in 0..self.pairs {
            out.push(self.headers.at(index * REQUEST_BYTES), REQUEST_BYTES);
            out.push(self.payloads.at(index * self.workload.payload_bytes), self.workload.payload_bytes);
        }
        let count = out.count();
        &mut self.iovecs[..count]
    }

    fn receive(&mut self, served: &mut Served, calls: &mut Calls) -> io::Result<bool> {
        let torn = served.connection.wanted();
        let missing = torn.map_or(0, |(_, missing)| missing);
        let Some(length) = calls.recv_vectored(served.raw_fd(), self.lay_out(torn))? else {
            return Ok(false);
        };
        let direct = length.min(missing);
        if direct > 0 {
            served.connection.landed(direct);
        }
        self.take(served, length - direct);
        Ok(true)
    }

    fn take(&self, served: &mut Served, mut left: usize) {
        for index in 0..self.pairs {
            let (header, payload) = self.pair(index);
            if left < header.len() + payload.len() {
                let part = left.min(header.len());
                served.connection.consume(&header[..part]);
                served.connection.consume(&payload[..left - part]);
                return;
            }
            served.connection.write_landed_elsewhere(header);
            left -= header.len() + payload.len();
        }
    }
}

impl Round for Scatter {
    fn round(&mut self, calls: &mut Calls) -> io::Result<bool> {
        let mut moved = false;
        for served in &mut self.served {
            let torn_header = !served.connection.at_boundary() && served.connection.wanted().is_none();
            moved |= if torn_header || self.guess.workload.mix != Mix::Write {
                self.scratch.receive(served, calls)?
            } else {
                self.guess.receive(served, calls)?
            };
            moved |= self.scratch.send(served, calls)?;
        }
        Ok(moved)
    }
}
