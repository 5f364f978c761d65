//! The load: keeps every connection of a lane at its depth, the same for every target path.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libc::iovec;

use crate::sys::{self, Pages};
use crate::wire::{self, Kind, REQUEST_BYTES, Stream, Workload, narrow, wide};

/// Size of the buffer responses are received into.
pub(crate) const RECEIVE_BYTES: usize = 256 << 10;
const IOVECS: usize = 256;

struct Connection {
    fd: OwnedFd,
    received_bytes: u64,
    sent_bytes: u64,
    done: u64,
    issued: u64,
    /// When each slot's operation was issued, in TSC ticks.
    issued_at: Vec<u64>,
}

/// When requests are issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issue {
    /// As soon as a response makes room: the depth is always full.
    Stream,
    /// A whole depth when all responses are in.
    Burst,
    /// Not any more.
    Drain,
}

/// The client's side of one variant.
pub(crate) struct Lane {
    connections: Vec<Connection>,
    requests: Requests,
    responses: Stream,
    depth: u64,
    flags: i32,
    /// Ticks from issue to response, one for each operation; only while it has capacity left.
    pub latencies: Vec<u64>,
}

impl Lane {
    /// `drops`: the kernel drops the responses instead of copying them out (MSG_TRUNC).
    pub(crate) fn new(fds: Vec<OwnedFd>, workload: Workload, drops: bool) -> Self {
        let connection = |fd| Connection {
            fd,
            received_bytes: 0,
            sent_bytes: 0,
            done: 0,
            issued: 0,
            issued_at: vec![0; workload.depth],
        };
        Self {
            connections: fds.into_iter().map(connection).collect(),
            requests: Requests::new(workload),
            responses: workload.responses(),
            depth: wide(workload.depth),
            flags: if drops { libc::MSG_TRUNC } else { 0 },
            latencies: Vec::new(),
        }
    }

    /// Operations in flight when the depth is full.
    pub(crate) fn in_flight(&self) -> u64 {
        self.depth * wide(self.connections.len())
    }

    /// Sends what is due and takes what came on every connection. Returns operations done and issued so far.
    pub(crate) fn pump(&mut self, issue: Issue, buffer: &Pages) -> io::Result<(u64, u64)> {
        let (mut done, mut issued) = (0, 0);
        for connection in &mut self.connections {
            connection.issue(issue, self.depth);
            self.requests.send(connection)?;
            connection.receive(buffer, self.flags)?;
            connection.account(&self.responses, &mut self.latencies);
            done += connection.done;
            issued += connection.issued;
        }
        Ok((done, issued))
    }
}

impl Connection {
    fn issue(&mut self, issue: Issue, depth: u64) {
        let to = match issue {
            Issue::Stream => self.done + depth,
            Issue::Burst if self.done == self.issued => self.done + depth,
            Issue::Burst | Issue::Drain => return,
        };
        let now = if self.issued < to { sys::tsc() } else { 0 };
        for op in self.issued..to {
            self.issued_at[narrow(op % depth)] = now;
        }
        self.issued = to;
    }

    fn receive(&mut self, buffer: &Pages, flags: i32) -> io::Result<()> {
        let got = sys::nonblocking(sys::recv(self.fd.as_raw_fd(), buffer.at(0), RECEIVE_BYTES, flags))?;
        if got == Some(0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received_bytes += wide(got.unwrap_or(0));
        Ok(())
    }

    fn account(&mut self, responses: &Stream, latencies: &mut Vec<u64>) {
        let done = responses.locate(self.received_bytes).0;
        if done == self.done {
            return;
        }
        let now = sys::tsc();
        let slots = wide(self.issued_at.len());
        let room = wide(latencies.capacity() - latencies.len());
        let measured = (self.done..done).take(narrow(room));
        latencies.extend(measured.map(|op| now - self.issued_at[narrow(op % slots)]));
        self.done = done;
    }
}

/// The periodic stream of requests, gathered from any position.
struct Requests {
    stream: Stream,
    headers: Vec<u8>,
    payload: Pages,
    workload: Workload,
}

impl Requests {
    fn new(workload: Workload) -> Self {
        let kinds = workload.mix.kinds();
        // As many headers as it takes until kinds and slots repeat together, or a multiple of that.
        let mut headers = vec![0; REQUEST_BYTES * workload.depth * kinds.len()];
        for (op, header) in headers.chunks_mut(REQUEST_BYTES).enumerate() {
            wire::write_request(header, kinds[op % kinds.len()], op % workload.depth);
        }
        let payload = Pages::new(workload.payload_bytes * workload.depth);
        Self { stream: workload.requests(), headers, payload, workload }
    }

    fn send(&self, connection: &mut Connection) -> io::Result<()> {
        let due = self.stream.bytes(connection.issued);
        if connection.sent_bytes == due {
            return Ok(());
        }
        let mut iovecs = [sys::iov(std::ptr::null(), 0); IOVECS];
        let count = self.gather(connection.sent_bytes, due, &mut iovecs);
        let sent = sys::nonblocking(sys::send_vectored(connection.fd.as_raw_fd(), &mut iovecs[..count], 0))?;
        connection.sent_bytes += wide(sent.unwrap_or(0));
        Ok(())
    }

    fn gather(&self, mut from: u64, to: u64, iovecs: &mut [iovec]) -> usize {
        let mut out = sys::Gather::new(iovecs, true);
        while from < to && out.has_room() {
            let (base, length) = self.part(from);
            out.push(base, length);
            from += wide(length);
        }
        out.count()
    }

    /// The rest of the header or payload that a byte of the stream lies in.
    fn part(&self, byte: u64) -> (*const u8, usize) {
        let (op, kind, offset) = self.stream.locate(byte);
        if kind == Kind::Read || offset < REQUEST_BYTES {
            let headers = wide(self.headers.len() / REQUEST_BYTES);
            let start = narrow(op % headers) * REQUEST_BYTES + offset;
            return (self.headers[start..].as_ptr(), REQUEST_BYTES - offset);
        }
        let (slot, within) = (narrow(op % wide(self.workload.depth)), offset - REQUEST_BYTES);
        let start = slot * self.workload.payload_bytes + within;
        (self.payload.at(start).cast_const(), self.workload.payload_bytes - within)
    }
}
