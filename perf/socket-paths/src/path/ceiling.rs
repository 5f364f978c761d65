//! The ceiling: the same bytes with no framing, no landing and no response queue.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::iovec;

use super::{Options, Round};
use crate::connection::Source;
use crate::sys::{self, Calls, Pages};
use crate::wire::{Stream, Workload, narrow, wide};

pub(super) struct Ceiling {
    connections: Vec<Connection>,
    buffer: Pages,
    requests: Stream,
    responses: Stream,
    /// What is sent, over and over.
    source: Pages,
    source_bytes: u64,
    iovecs: Vec<iovec>,
}

struct Connection {
    fd: OwnedFd,
    received_bytes: u64,
    sent_bytes: u64,
}

impl Ceiling {
    pub(super) fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Self {
        // The null device's zeroes are one page, which stays in the cache.
        let ops = if options.source == Source::ZeroPage { 1 } else { wide(workload.depth) };
        let source_bytes = workload.responses().bytes(ops);
        let connection = |fd| Connection { fd, received_bytes: 0, sent_bytes: 0 };
        Self {
            connections: fds.into_iter().map(connection).collect(),
            buffer: Pages::new(options.receive_bytes),
            requests: workload.requests(),
            responses: workload.responses(),
            source: Pages::new(narrow(source_bytes)),
            source_bytes,
            iovecs: vec![sys::NO_IOV; options.iovecs],
        }
    }

    fn gather(iovecs: &mut [iovec], source: &Pages, source_bytes: u64, mut from: u64, to: u64) -> usize {
        let mut out = sys::Gather::new(iovecs, false);
        while from < to && out.has_room() {
            let offset = from % source_bytes;
            let length = (to - from).min(source_bytes - offset);
            out.push(source.at(narrow(offset)), narrow(length));
            from += length;
        }
        out.count()
    }
}

impl Round for Ceiling {
    fn round(&mut self, calls: &mut Calls) -> io::Result<bool> {
        let mut moved = false;
        for connection in &mut self.connections {
            let fd = connection.fd.as_raw_fd();
            let got = calls.recv(fd, self.buffer.at(0), self.buffer.length())?;
            connection.received_bytes += wide(got.unwrap_or(0));
            let due = self.responses.bytes(self.requests.locate(connection.received_bytes).0);
            moved |= got.is_some();
            if connection.sent_bytes < due {
                let from = connection.sent_bytes;
                let count = Self::gather(&mut self.iovecs, &self.source, self.source_bytes, from, due);
                let sent = calls.send(fd, &mut self.iovecs[..count], 0)?;
                connection.sent_bytes += wide(sent.unwrap_or(0));
                moved |= sent.is_some();
            }
        }
        Ok(moved)
    }
}
