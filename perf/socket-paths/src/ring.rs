//! io_uring paths: multishot receive with provided buffers, gathered sends, one enter per round at most.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};
use libc::iovec;

use crate::connection::Connection;
use crate::sys::Pages;
use crate::target::{self, Round};
use crate::wire::Workload;

/// How the ring sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Size of a provided buffer.
    pub buffer_bytes: usize,
    /// Number of provided buffers, a power of two.
    pub buffers: u16,
    /// Bundled receive: several buffers per completion.
    pub bundle: bool,
    /// Zero-copy send.
    pub zero_copy: bool,
    /// Send by the socket call instead of an SQE.
    pub plain_send: bool,
    /// Enter the kernel every round instead of watching the flag.
    pub always_enter: bool,
}

const GETEVENTS: u32 = 1;
const SEND: u64 = 1 << 32;
const GROUP: u16 = 0;

struct Served {
    fd: OwnedFd,
    connection: Connection,
    iovecs: Box<[iovec]>,
    message: Box<libc::msghdr>,
    sending: bool,
    notifications: u32,
}

/// The ring and its connections.
pub struct Ring {
    ring: IoUring,
    served: Vec<Served>,
    entries: Pages,
    memory: Pages,
    tail: u16,
    options: Options,
    target: target::Options,
}

impl Ring {
    pub fn new(fds: Vec<OwnedFd>, workload: Workload, target: &target::Options, options: Options) -> io::Result<Self> {
        let ring = IoUring::builder().setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_cqsize(4096).build(256)?;
        let entries = Pages::new(usize::from(options.buffers) * 16);
        let memory = Pages::new(usize::from(options.buffers) * options.buffer_bytes);
        // SAFETY: the memory outlives the ring (fields drop in order) and holds `buffers` entries.
        unsafe { ring.submitter().register_buf_ring_with_flags(entries.at(0).addr() as u64, options.buffers, GROUP, 0) }?;
        let served = fds
            .into_iter()
            .map(|fd| Served {
                fd,
                connection: Connection::new(workload, target.layout, target.source),
                iovecs: vec![crate::sys::iov(std::ptr::null(), 0); target.iovecs].into(),
                message: Box::new(crate::sys::message(&mut [])),
                sending: false,
                notifications: 0,
            })
            .collect();
        let mut this = Self { ring, served, entries, memory, tail: 0, options, target: target.clone() };
        for id in 0..options.buffers {
            this.provide(id);
        }
        this.publish();
        for index in 0..this.served.len() {
            this.receive(index);
        }
        Ok(this)
    }

    fn provide(&mut self, id: u16) {
        let index = usize::from(self.tail & (self.options.buffers - 1));
        let entry = self.entries.at(index * 16).cast::<BufRingEntry>();
        // SAFETY: in bounds of the ring's entries; the kernel reads them only below the tail.
        let entry = unsafe { &mut *entry };
        entry.set_addr(self.memory.at(usize::from(id) * self.options.buffer_bytes).addr() as u64);
        entry.set_len(u32::try_from(self.options.buffer_bytes).expect("small"));
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    fn publish(&self) {
        // SAFETY: the tail lies in the first entry's reserved field, by the kernel's definition.
        let tail = unsafe { BufRingEntry::tail(self.entries.at(0).cast::<BufRingEntry>()) };
        // SAFETY: aligned, shared with the kernel only.
        let tail = unsafe { &*tail.cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: what the entry points to lives as long as the ring's owner, which waits for nothing else.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.ring.submit().expect("submit");
        }
    }

    fn receive(&mut self, index: usize) {
        let fd = Fd(self.served[index].fd.as_raw_fd());
        let data = index as u64;
        let entry = if self.options.bundle {
            opcode::RecvMultiBundle::new(fd, GROUP).build().user_data(data)
        } else {
            opcode::RecvMulti::new(fd, GROUP).build().user_data(data)
        };
        self.push(&entry);
    }

    fn received(&mut self, index: usize, result: i32, flags: u32) -> io::Result<()> {
        if result <= 0 {
            if result == -libc::ENOBUFS {
                self.receive(index);
                return Ok(());
            }
            return Err(io::Error::from_raw_os_error(-result));
        }
        let mut length = usize::try_from(result).expect("positive");
        let mut id = cqueue::buffer_select(flags).expect("a buffer");
        while length > 0 {
            let part = length.min(self.options.buffer_bytes);
            let bytes = self.memory.slice(usize::from(id) * self.options.buffer_bytes, part);
            self.served[index].connection.consume(bytes);
            self.provide(id);
            length -= part;
            // A bundle takes buffers in the order they were provided, which is the order of ids only at first.
            id = (id + 1) & (self.options.buffers - 1);
        }
        if !cqueue::more(flags) {
            self.receive(index);
        }
        Ok(())
    }

    fn send(&mut self, index: usize, syscalls: &mut u64) -> io::Result<()> {
        let served = &mut self.served[index];
        if served.sending || served.notifications > 0 || !served.connection.has_output() {
            return Ok(());
        }
        let count = served.connection.gather(&mut served.iovecs);
        if self.options.plain_send {
            *syscalls += 1;
            let sent = crate::sys::nonblocking(crate::sys::send_vectored(served.fd.as_raw_fd(), &mut served.iovecs[..count], 0))?;
            served.connection.sent(sent.unwrap_or(0));
            return Ok(());
        }
        served.message.msg_iov = served.iovecs.as_mut_ptr();
        served.message.msg_iovlen = count;
        served.sending = true;
        let message: *const libc::msghdr = &raw const *served.message;
        let fd = Fd(served.fd.as_raw_fd());
        let data = SEND | index as u64;
        let flags = libc::MSG_WAITALL.cast_unsigned();
        let entry = if self.options.zero_copy {
            opcode::SendMsgZc::new(fd, message).flags(flags).build().user_data(data)
        } else {
            opcode::SendMsg::new(fd, message).flags(flags).build().user_data(data)
        };
        self.push(&entry);
        Ok(())
    }

    fn sent(&mut self, index: usize, result: i32, flags: u32) -> io::Result<()> {
        let served = &mut self.served[index];
        if cqueue::notif(flags) {
            served.notifications -= 1;
            return Ok(());
        }
        let length = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))?;
        served.connection.sent(length);
        served.sending = false;
        served.notifications += u32::from(cqueue::more(flags));
        Ok(())
    }

    fn reap(&mut self) -> io::Result<bool> {
        let mut moved = false;
        loop {
            let next = self.ring.completion().next();
            let Some(entry) = next else { break };
            moved = true;
            let data = entry.user_data();
            let index = usize::try_from(data & 0xffff).expect("an index");
            if data & SEND == 0 {
                self.received(index, entry.result(), entry.flags())?;
            } else {
                self.sent(index, entry.result(), entry.flags())?;
            }
        }
        Ok(moved)
    }
}

impl Round for Ring {
    fn round(&mut self, syscalls: &mut u64) -> io::Result<bool> {
        let (taskrun, pending) = {
            let queue = self.ring.submission();
            (queue.taskrun(), !queue.is_empty())
        };
        if pending || taskrun || self.options.always_enter {
            *syscalls += 1;
            // Runs deferred work even when nothing is to be submitted.
            let length = self.ring.submission().len();
            let length = u32::try_from(length).expect("small");
            // SAFETY: every queued entry points to memory that outlives the ring.
            unsafe { self.ring.submitter().enter::<libc::sigset_t>(length, 0, GETEVENTS, None) }?;
        }
        let moved = self.reap()?;
        if moved {
            self.publish();
        }
        for index in 0..self.served.len() {
            self.send(index, syscalls)?;
        }
        let _ = &self.target;
        Ok(moved || pending || taskrun)
    }
}
