//! Paths of plain socket calls.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::iovec;

use crate::connection::{Connection, Layout, Source};
use crate::sys::{self, Pages};
use crate::target::{Options, Round};
use crate::wire::{Kind, REQUEST_BYTES, Workload};

const NOTHING: iovec = iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

fn closed() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// The ceiling: the same bytes, no framing.
pub struct Ceiling {
    connections: Vec<(OwnedFd, u64, u64)>,
    buffer: Pages,
    responses: Pages,
    workload: Workload,
    options: Options,
    period: u64,
}

impl Ceiling {
    pub fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Self {
        // The null device's zeroes lie in one response, which is sent again and again.
        let responses = if options.source == Source::ZeroPage { 1 } else { workload.depth };
        let period = responses * workload.response_bytes();
        Self {
            connections: fds.into_iter().map(|fd| (fd, 0, 0)).collect(),
            buffer: Pages::new(options.receive_bytes),
            responses: Pages::new(period),
            workload,
            options: options.clone(),
            period: u64::try_from(period).expect("small"),
        }
    }
}

impl Round for Ceiling {
    fn round(&mut self, syscalls: &mut u64) -> io::Result<bool> {
        let request = u64::try_from(self.workload.request_bytes()).expect("small");
        let response = u64::try_from(self.workload.response_bytes()).expect("small");
        let mut moved = false;
        for (fd, received, sent) in &mut self.connections {
            *syscalls += 1;
            if let Some(length) = sys::nonblocking(sys::recv(fd.as_raw_fd(), self.buffer.at(0), self.options.receive_bytes, 0))? {
                if length == 0 {
                    return Err(closed());
                }
                *received += u64::try_from(length).expect("small");
                moved = true;
            }
            let due = *received / request * response;
            if *sent < due {
                let mut iovecs = [NOTHING; 512];
                let (mut count, mut at) = (0, *sent);
                while at < due && count < self.options.iovecs {
                    let offset = at % self.period;
                    let length = (due - at).min(self.period - offset);
                    iovecs[count] = sys::iov(self.responses.at(usize::try_from(offset).expect("small")), usize::try_from(length).expect("small"));
                    at += length;
                    count += 1;
                }
                *syscalls += 1;
                if let Some(length) = sys::nonblocking(sys::send_vectored(fd.as_raw_fd(), &mut iovecs[..count], 0))? {
                    *sent += u64::try_from(length).expect("small");
                    moved = true;
                }
            }
        }
        Ok(moved)
    }
}

struct Served {
    fd: OwnedFd,
    connection: Connection,
    blocked: bool,
}

fn served(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Vec<Served> {
    fds.into_iter().map(|fd| Served { fd, connection: Connection::new(workload, options.layout, options.source), blocked: false }).collect()
}

impl Served {
    fn receive(&mut self, buffer: &Pages, options: &Options, syscalls: &mut u64) -> io::Result<bool> {
        let mut moved = false;
        for _ in 0..options.receives {
            *syscalls += 1;
            let (direct, got) = if let Some((base, missing)) = self.connection.wanted() {
                let mut iovecs = [sys::iov(base, missing), sys::iov(buffer.at(0), options.receive_bytes)];
                (missing, sys::nonblocking(sys::recv_vectored(self.fd.as_raw_fd(), &mut iovecs))?)
            } else {
                (0, sys::nonblocking(sys::recv(self.fd.as_raw_fd(), buffer.at(0), options.receive_bytes, 0))?)
            };
            let Some(length) = got else { break };
            if length == 0 {
                return Err(closed());
            }
            moved = true;
            let landed = length.min(direct);
            if landed > 0 {
                self.connection.landed(landed);
            }
            self.connection.consume(buffer.slice(0, length - landed));
            if length < direct + options.receive_bytes {
                break;
            }
        }
        Ok(moved)
    }

    fn send(&mut self, options: &Options, syscalls: &mut u64) -> io::Result<bool> {
        let mut moved = false;
        while self.connection.has_output() {
            let mut iovecs = [NOTHING; 1024];
            let count = self.connection.gather(&mut iovecs[..options.iovecs]);
            let length: usize = iovecs[..count].iter().map(|iovec| iovec.iov_len).sum();
            *syscalls += 1;
            let Some(sent) = sys::nonblocking(sys::send_vectored(self.fd.as_raw_fd(), &mut iovecs[..count], options.send_flags))? else {
                self.blocked = true;
                break;
            };
            moved = true;
            self.connection.sent(sent);
            if sent < length {
                self.blocked = true;
                break;
            }
        }
        Ok(moved)
    }
}

/// Polls every socket with `recv`.
pub struct Sockets {
    served: Vec<Served>,
    buffer: Pages,
    options: Options,
}

impl Sockets {
    pub fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Self {
        Self { served: served(fds, workload, options), buffer: Pages::new(options.receive_bytes), options: options.clone() }
    }
}

impl Round for Sockets {
    fn round(&mut self, syscalls: &mut u64) -> io::Result<bool> {
        let mut moved = false;
        if self.options.phased {
            for served in &mut self.served {
                moved |= served.receive(&self.buffer, &self.options, syscalls)?;
            }
            for served in &mut self.served {
                moved |= served.send(&self.options, syscalls)?;
            }
        } else {
            for served in &mut self.served {
                moved |= served.receive(&self.buffer, &self.options, syscalls)?;
                moved |= served.send(&self.options, syscalls)?;
            }
        }
        Ok(moved)
    }
}

/// Asks epoll what is ready first.
pub struct Epoll {
    epoll: OwnedFd,
    sockets: Sockets,
}

impl Epoll {
    pub fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> io::Result<Self> {
        // SAFETY: no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        // SAFETY: just opened, owned by nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        for (index, fd) in fds.iter().enumerate() {
            let mut event = libc::epoll_event { events: libc::EPOLLIN.cast_unsigned(), u64: u64::try_from(index).expect("small") };
            // SAFETY: the pointer is to an event.
            let code = unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) };
            if code != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Self { epoll, sockets: Sockets::new(fds, workload, options) })
    }
}

impl Round for Epoll {
    fn round(&mut self, syscalls: &mut u64) -> io::Result<bool> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        *syscalls += 1;
        // SAFETY: the pointer and the count describe `events`.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), 64, 0) };
        let mut moved = false;
        for event in &events[..usize::try_from(count).unwrap_or(0)] {
            let index = usize::try_from(event.u64).expect("an index");
            let served = &mut self.sockets.served[index];
            moved |= served.receive(&self.sockets.buffer, &self.sockets.options, syscalls)?;
            moved |= served.send(&self.sockets.options, syscalls)?;
        }
        for served in &mut self.sockets.served {
            if served.blocked {
                served.blocked = false;
                moved |= served.send(&self.sockets.options, syscalls)?;
            }
        }
        Ok(moved)
    }
}

/// Guesses that writes follow each other: header slot, payload buffer, header slot, and so on.
pub struct Scatter {
    served: Vec<Served>,
    buffer: Pages,
    headers: Pages,
    payloads: Pages,
    workload: Workload,
    options: Options,
    pairs: usize,
}

impl Scatter {
    pub fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> Self {
        let pairs = workload.depth.min(options.iovecs / 2);
        Self {
            served: served(fds, workload, options),
            buffer: Pages::new(options.receive_bytes),
            headers: Pages::new(pairs * REQUEST_BYTES),
            payloads: Pages::new(pairs * workload.payload_bytes),
            workload,
            options: options.clone(),
            pairs,
        }
    }

    fn receive(&self, served: &mut Served, syscalls: &mut u64) -> io::Result<bool> {
        let mut iovecs = [NOTHING; 1024];
        for pair in 0..self.pairs {
            iovecs[2 * pair] = sys::iov(self.headers.at(pair * REQUEST_BYTES), REQUEST_BYTES);
            iovecs[2 * pair + 1] = sys::iov(self.payloads.at(pair * self.workload.payload_bytes), self.workload.payload_bytes);
        }
        *syscalls += 1;
        let Some(length) = sys::nonblocking(sys::recv_vectored(served.fd.as_raw_fd(), &mut iovecs[..2 * self.pairs]))? else {
            return Ok(false);
        };
        if length == 0 {
            return Err(closed());
        }
        let mut left = length;
        for pair in 0..self.pairs {
            let header = self.headers.slice(pair * REQUEST_BYTES, REQUEST_BYTES);
            let payload = self.payloads.slice(pair * self.workload.payload_bytes, self.workload.payload_bytes);
            if left >= header.len() + payload.len() {
                served.connection.write_landed_elsewhere(header);
                left -= header.len() + payload.len();
                continue;
            }
            let part = left.min(header.len());
            served.connection.consume(&header[..part]);
            served.connection.consume(&payload[..left - part]);
            break;
        }
        Ok(true)
    }
}

impl Round for Scatter {
    fn round(&mut self, syscalls: &mut u64) -> io::Result<bool> {
        let mut all = std::mem::take(&mut self.served);
        let mut moved = false;
        for served in &mut all {
            moved |= if self.workload.kind == Kind::Read {
                served.receive(&self.buffer, &self.options, syscalls)?
            } else if served.connection.at_boundary() {
                self.receive(served, syscalls)?
            } else {
                self.finish(served, syscalls)?
            };
            moved |= served.send(&self.options, syscalls)?;
        }
        self.served = all;
        Ok(moved)
    }
}

impl Scatter {
    fn finish(&self, served: &mut Served, syscalls: &mut u64) -> io::Result<bool> {
        *syscalls += 1;
        let fd = served.fd.as_raw_fd();
        let Some((base, missing)) = served.connection.wanted() else {
            // A torn header: rare; falls back to the buffer.
            *syscalls -= 1;
            return served.receive(&self.buffer, &self.options, syscalls);
        };
        // The rest of the torn payload, then pairs as before.
        let mut iovecs = [NOTHING; 1024];
        iovecs[0] = sys::iov(base, missing);
        for pair in 0..self.pairs {
            iovecs[2 * pair + 1] = sys::iov(self.headers.at(pair * REQUEST_BYTES), REQUEST_BYTES);
            iovecs[2 * pair + 2] = sys::iov(self.payloads.at(pair * self.workload.payload_bytes), self.workload.payload_bytes);
        }
        let Some(length) = sys::nonblocking(sys::recv_vectored(fd, &mut iovecs[..=2 * self.pairs]))? else {
            return Ok(false);
        };
        let direct = length.min(missing);
        served.connection.landed(direct);
        let mut left = length - direct;
        for pair in 0..self.pairs {
            let header = self.headers.slice(pair * REQUEST_BYTES, REQUEST_BYTES);
            let payload = self.payloads.slice(pair * self.workload.payload_bytes, self.workload.payload_bytes);
            if left >= header.len() + payload.len() {
                served.connection.write_landed_elsewhere(header);
                left -= header.len() + payload.len();
                continue;
            }
            let part = left.min(header.len());
            served.connection.consume(&header[..part]);
            served.connection.consume(&payload[..left - part]);
            break;
        }
        Ok(true)
    }
}

// Layout is part of the connection's options; named here for the documentation of the default.
const _: Layout = Layout::Merged;
