//! The load: keeps every connection of a lane at its depth, the same for every target path.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::sys::{self, Pages};
use crate::wire::{self, Kind, REQUEST_BYTES, Workload};

/// Size of the buffer responses are received into.
pub const RECEIVE_BYTES: usize = 256 << 10;
const IOVECS: usize = 256;

struct Connection {
    fd: OwnedFd,
    received: u64,
    issued: u64,
    sent: u64,
}

/// When requests are issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issue {
    /// As soon as a response makes room: the depth is always full.
    Stream,
    /// A whole depth when all responses are in.
    Burst,
    /// Not any more.
    Drain,
}

/// The client's side of one variant.
pub struct Lane {
    connections: Vec<Connection>,
    requests: Requests,
    depth: u64,
    response: u64,
    flags: i32,
}

impl Lane {
    /// `drops`: the kernel drops the responses instead of copying them out (MSG_TRUNC).
    pub fn new(fds: Vec<OwnedFd>, workload: Workload, drops: bool) -> Self {
        let connections = fds.into_iter().map(|fd| Connection { fd, received: 0, issued: 0, sent: 0 }).collect();
        Self {
            connections,
            requests: Requests::new(workload),
            depth: wide(workload.depth),
            response: wide(workload.response_bytes()),
            flags: if drops { libc::MSG_TRUNC } else { 0 },
        }
    }

    /// Operations in flight when the depth is full.
    pub fn in_flight(&self) -> u64 {
        self.depth * wide(self.connections.len())
    }

    /// Sends what is due and takes what came on every connection. Returns operations done and issued so far.
    pub fn pump(&mut self, issue: Issue, buffer: &Pages) -> io::Result<(u64, u64)> {
        let (mut all_done, mut all_issued) = (0, 0);
        for connection in &mut self.connections {
            let done = connection.received / self.response;
            match issue {
                Issue::Stream => connection.issued = done + self.depth,
                Issue::Burst if done == connection.issued => connection.issued = done + self.depth,
                Issue::Burst | Issue::Drain => {}
            }
            if connection.sent < connection.issued * self.requests.length {
                self.requests.send(connection)?;
            }
            let got = sys::nonblocking(sys::recv(connection.fd.as_raw_fd(), buffer.at(0), RECEIVE_BYTES, self.flags))?;
            if got == Some(0) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            connection.received += wide(got.unwrap_or(0));
            all_done += connection.received / self.response;
            all_issued += connection.issued;
        }
        Ok((all_done, all_issued))
    }
}

fn wide(value: usize) -> u64 {
    u64::try_from(value).expect("usize is at most 64 bits")
}

fn narrow(value: u64) -> usize {
    usize::try_from(value).expect("usize is 64 bits")
}

/// The periodic stream of requests, gathered from any position.
struct Requests {
    headers: Vec<u8>,
    payload: Pages,
    workload: Workload,
    length: u64,
}

impl Requests {
    fn new(workload: Workload) -> Self {
        let mut headers = vec![0; REQUEST_BYTES * workload.depth];
        for (slot, header) in headers.chunks_mut(REQUEST_BYTES).enumerate() {
            wire::write_request(header, workload.kind, slot);
        }
        let payload = Pages::new(workload.payload_bytes * workload.depth);
        Self { headers, payload, workload, length: wide(workload.request_bytes()) }
    }

    fn send(&self, connection: &mut Connection) -> io::Result<()> {
        let mut iovecs = [sys::iov(std::ptr::null(), 0); IOVECS];
        let count = self.gather(connection.sent, connection.issued * self.length, &mut iovecs);
        let sent = sys::nonblocking(sys::send_vectored(connection.fd.as_raw_fd(), &mut iovecs[..count], 0))?;
        connection.sent += wide(sent.unwrap_or(0));
        Ok(())
    }

    fn gather(&self, mut from: u64, to: u64, iovecs: &mut [libc::iovec]) -> usize {
        let mut count = 0;
        while from < to && count < iovecs.len() {
            let slot = narrow(from / self.length % wide(self.workload.depth));
            let offset = narrow(from % self.length);
            let (base, length) = self.part(slot, offset, narrow(to - from));
            iovecs[count] = sys::iov(base, length);
            count += 1;
            from += wide(length);
        }
        count
    }

    /// The longest contiguous piece that begins at `offset` of a slot's request.
    fn part(&self, slot: usize, offset: usize, limit: usize) -> (*const u8, usize) {
        let header = slot * REQUEST_BYTES + offset;
        if self.workload.kind == Kind::Read {
            return (self.headers[header..].as_ptr(), limit.min(self.headers.len() - header));
        }
        if offset < REQUEST_BYTES {
            return (self.headers[header..].as_ptr(), REQUEST_BYTES - offset);
        }
        let within = offset - REQUEST_BYTES;
        let payload = self.payload.at(slot * self.workload.payload_bytes + within);
        (payload.cast_const(), self.workload.payload_bytes - within)
    }
}
