//! io_uring: multishot receive into provided buffers, gathered sends, at most one enter per round.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fd};
use io_uring::{IoUring, cqueue, opcode, squeue};
use libc::iovec;

use super::socket::Served;
use super::{Options as TargetOptions, Round};
use crate::sys::{self, Calls, Pages};
use crate::wire::{Workload, narrow, wide};

/// How the ring sends and receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
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

/// Marks the user data of a send.
const SEND: u64 = 1 << 32;
const GROUP: u16 = 0;
/// Length of an entry of the ring of provided buffers.
const ENTRY_BYTES: usize = 16;

pub(super) struct Ring {
    ring: IoUring,
    sockets: Vec<Socket>,
    provided: Provided,
    options: Options,
}

struct Socket {
    served: Served,
    iovecs: Box<[iovec]>,
    message: Box<libc::msghdr>,
    sending: bool,
    /// Zero-copy sends whose pages the kernel still uses.
    notifications: u32,
}

/// Buffers that the kernel receives into, in the order it takes them.
struct Provided {
    entries: Pages,
    memory: Pages,
    order: Vec<u16>,
    head: u16,
    tail: u16,
    buffer_bytes: usize,
}

impl Provided {
    fn new(options: &Options) -> Self {
        let count = usize::from(options.buffers);
        let mut this = Self {
            entries: Pages::new(count * ENTRY_BYTES),
            memory: Pages::new(count * options.buffer_bytes),
            order: vec![0; count],
            head: 0,
            tail: 0,
            buffer_bytes: options.buffer_bytes,
        };
        (0..options.buffers).for_each(|id| this.give(id));
        this
    }

    fn index(&self, position: u16) -> usize {
        usize::from(position) % self.order.len()
    }

    fn give(&mut self, id: u16) {
        let index = self.index(self.tail);
        let entry = self.entries.at(index * ENTRY_BYTES).cast::<BufRingEntry>();
        // SAFETY: in bounds of the entries; the kernel reads an entry only below the tail.
        let entry = unsafe { &mut *entry };
        entry.set_addr(wide(self.memory.at(usize::from(id) * self.buffer_bytes).addr()));
        entry.set_len(u32::try_from(self.buffer_bytes).expect("buffers are small"));
        entry.set_bid(id);
        self.order[index] = id;
        self.tail = self.tail.wrapping_add(1);
    }

    /// The buffer that the kernel filled next.
    fn take(&mut self) -> u16 {
        let id = self.order[self.index(self.head)];
        self.head = self.head.wrapping_add(1);
        id
    }

    fn bytes(&self, id: u16, length: usize) -> &[u8] {
        self.memory.slice(usize::from(id) * self.buffer_bytes, length)
    }

    fn publish(&self) {
        let entries = self.entries.at(0).cast::<BufRingEntry>();
        // SAFETY: this is the first entry, whose reserved field is the tail.
        let tail = unsafe { BufRingEntry::tail(entries) };
        // SAFETY: aligned, and written by this thread only.
        let tail = unsafe { &*tail.cast::<AtomicU16>() };
        tail.store(self.tail, Ordering::Release);
    }
}

impl Ring {
    pub(super) fn new(
        fds: Vec<OwnedFd>,
        workload: Workload,
        target: &TargetOptions,
        options: Options,
    ) -> io::Result<Self> {
        let mut builder = IoUring::builder();
        builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_cqsize(4096);
        let ring = builder.build(256)?;
        let provided = Provided::new(&options);
        let address = wide(provided.entries.at(0).addr());
        // SAFETY: the entries live as long as the ring, which is dropped first.
        unsafe { ring.submitter().register_buf_ring_with_flags(address, options.buffers, GROUP, 0) }?;
        provided.publish();
        let sockets =
            Served::all(fds, workload, target).into_iter().map(|served| Socket::new(served, target));
        let mut this = Self { ring, sockets: sockets.collect(), provided, options };
        (0..this.sockets.len()).for_each(|index| this.arm(index));
        Ok(this)
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: what the entry points to belongs to this value and is not moved while the kernel uses it.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            self.ring.submit().expect("the kernel takes entries");
        }
    }

    fn arm(&mut self, index: usize) {
        let fd = Fd(self.sockets[index].served.fd.as_raw_fd());
        let entry = if self.options.bundle {
            opcode::RecvMultiBundle::new(fd, GROUP).build()
        } else {
            opcode::RecvMulti::new(fd, GROUP).build()
        };
        self.push(&entry.user_data(wide(index)));
    }

    fn received(&mut self, index: usize, result: i32, flags: u32) -> io::Result<()> {
        if result == -libc::ENOBUFS {
            self.arm(index);
            return Ok(());
        }
        let mut left = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))?;
        if left == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while left > 0 {
            let id = self.provided.take();
            let length = left.min(self.options.buffer_bytes);
            self.sockets[index].served.connection.consume(self.provided.bytes(id, length));
            self.provided.give(id);
            left -= length;
        }
        if !cqueue::more(flags) {
            self.arm(index);
        }
        Ok(())
    }

    fn send(&mut self, index: usize, calls: &mut Calls) -> io::Result<()> {
        let socket = &mut self.sockets[index];
        if socket.sending || socket.notifications > 0 || !socket.served.connection.has_output() {
            return Ok(());
        }
        let count = socket.served.connection.gather(&mut socket.iovecs);
        if self.options.plain_send {
            let sent = calls.send(socket.served.raw_fd(), &mut socket.iovecs[..count], 0)?;
            socket.served.connection.sent(sent.unwrap_or(0));
            return Ok(());
        }
        let entry = socket.entry(count, self.options.zero_copy).user_data(SEND | wide(index));
        self.push(&entry);
        Ok(())
    }

    fn reap(&mut self) -> io::Result<bool> {
        let mut moved = false;
        loop {
            let next = self.ring.completion().next();
            let Some(entry) = next else { return Ok(moved) };
            moved = true;
            let index = narrow(entry.user_data() % SEND);
            if entry.user_data() & SEND == 0 {
                self.received(index, entry.result(), entry.flags())?;
            } else {
                self.sockets[index].sent(entry.result(), entry.flags())?;
            }
        }
    }
}

impl Socket {
    fn new(served: Served, target: &TargetOptions) -> Self {
        let iovecs = vec![sys::NO_IOV; target.iovecs].into();
        Self { served, iovecs, message: Box::new(sys::message(&mut [])), sending: false, notifications: 0 }
    }

    fn entry(&mut self, count: usize, zero_copy: bool) -> squeue::Entry {
        self.sending = true;
        *self.message = sys::message(&mut self.iovecs[..count]);
        let (fd, message) = (Fd(self.served.raw_fd()), &raw const *self.message);
        let flags = libc::MSG_WAITALL.cast_unsigned();
        if zero_copy {
            opcode::SendMsgZc::new(fd, message).flags(flags).build()
        } else {
            opcode::SendMsg::new(fd, message).flags(flags).build()
        }
    }

    fn sent(&mut self, result: i32, flags: u32) -> io::Result<()> {
        if cqueue::notif(flags) {
            self.notifications -= 1;
            return Ok(());
        }
        let length = usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))?;
        self.served.connection.sent(length);
        self.sending = false;
        self.notifications += u32::from(cqueue::more(flags));
        Ok(())
    }
}

impl Round for Ring {
    fn round(&mut self, calls: &mut Calls) -> io::Result<bool> {
        let queue = self.ring.submission();
        let (deferred, queued) = (queue.taskrun(), queue.len());
        drop(queue);
        let due = deferred || queued > 0;
        if due || self.options.always_enter {
            calls.enter(&self.ring, queued)?;
        }
        let moved = self.reap()?;
        if moved {
            self.provided.publish();
        }
        for index in 0..self.sockets.len() {
            self.send(index, calls)?;
        }
        Ok(moved || due)
    }
}
