//! The few kernel calls that the paths are made of, and memory to give to them.
//!
//! Everything unsafe but the rings' own is here. The contract of all calls: pointers and iovecs are into [`Pages`] or
//! vectors that their owner keeps, and that nothing else uses during the call.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::IoUring;
use libc::{c_int, c_void, iovec};

/// An iovec of nothing.
pub(crate) const NO_IOV: iovec = iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
/// IORING_ENTER_GETEVENTS: run deferred work.
const GET_EVENTS: u32 = 1;

/// Makes an iovec.
pub(crate) fn iov(base: *const u8, length: usize) -> iovec {
    iovec { iov_base: base.cast_mut().cast(), iov_len: length }
}

/// Kernel calls, counted.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    count: u64,
}

impl Calls {
    /// Calls so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// See [`recv`]. The peer's close is an error.
    pub(crate) fn recv(&mut self, fd: c_int, buffer: *mut u8, length: usize) -> io::Result<Option<usize>> {
        self.count += 1;
        open(nonblocking(recv(fd, buffer, length, 0)))
    }

    /// `recvmsg` into several buffers. The peer's close is an error.
    pub(crate) fn recv_vectored(&mut self, fd: c_int, iovecs: &mut [iovec]) -> io::Result<Option<usize>> {
        self.count += 1;
        let mut message = message(iovecs);
        // SAFETY: the module's contract.
        open(nonblocking(result(unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT) })))
    }

    /// See [`send_vectored`].
    pub(crate) fn send(
        &mut self,
        fd: c_int,
        iovecs: &mut [iovec],
        flags: c_int,
    ) -> io::Result<Option<usize>> {
        self.count += 1;
        nonblocking(send_vectored(fd, iovecs, flags))
    }

    /// Takes one notification of a finished zero-copy send off the error queue.
    pub(crate) fn drop_notification(&mut self, fd: c_int) {
        self.count += 1;
        let mut control = [0_u64; 16];
        let mut message = message(&mut []);
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control);
        // SAFETY: the control buffer outlives the call.
        unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT) };
    }

    /// `epoll_wait` that does not wait; returns how many events it stored.
    pub(crate) fn epoll_wait(&mut self, epoll: c_int, events: &mut [libc::epoll_event]) -> io::Result<usize> {
        self.count += 1;
        let room = c_int::try_from(events.len()).expect("few events");
        // SAFETY: the pointer and the count describe `events`.
        let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), room, 0) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// `vmsplice`: the pipe refers to the pages, which stay unchanged until the peer has read them.
    pub(crate) fn vmsplice(&mut self, pipe: c_int, iovecs: &[iovec]) -> io::Result<usize> {
        self.count += 1;
        // SAFETY: the module's contract.
        result(unsafe { libc::vmsplice(pipe, iovecs.as_ptr(), iovecs.len(), libc::SPLICE_F_NONBLOCK) })
    }

    /// `splice` from a pipe to a socket.
    pub(crate) fn splice(&mut self, pipe: c_int, socket: c_int, length: usize) -> io::Result<Option<usize>> {
        self.count += 1;
        let none = std::ptr::null_mut();
        let flags = libc::SPLICE_F_NONBLOCK;
        // SAFETY: the offsets are null, which both ends allow.
        nonblocking(result(unsafe { libc::splice(pipe, none, socket, none, length, flags) }))
    }

    /// Submits `queued` entries and runs deferred work, without waiting.
    pub(crate) fn enter(&mut self, ring: &IoUring, queued: usize) -> io::Result<()> {
        self.count += 1;
        let queued = u32::try_from(queued).expect("a ring is small");
        // SAFETY: what queued entries point to outlives the ring.
        unsafe { ring.submitter().enter::<libc::sigset_t>(queued, 0, GET_EVENTS, None) }?;
        Ok(())
    }
}

fn result(value: isize) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::last_os_error())
}

/// Turns "would block" into None; so too a full queue of zero-copy notifications.
pub(crate) fn nonblocking(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn open(result: io::Result<Option<usize>>) -> io::Result<Option<usize>> {
    match result {
        Ok(Some(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
        other => other,
    }
}

/// `recv` without waiting.
pub(crate) fn recv(fd: c_int, buffer: *mut u8, length: usize, flags: c_int) -> io::Result<usize> {
    // SAFETY: the module's contract.
    result(unsafe { libc::recv(fd, buffer.cast::<c_void>(), length, flags | libc::MSG_DONTWAIT) })
}

/// `sendmsg` without waiting.
pub(crate) fn send_vectored(fd: c_int, iovecs: &mut [iovec], flags: c_int) -> io::Result<usize> {
    let message = message(iovecs);
    let flags = flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the module's contract.
    result(unsafe { libc::sendmsg(fd, &raw const message, flags) })
}

/// A message header over `iovecs`.
pub(crate) fn message(iovecs: &mut [iovec]) -> libc::msghdr {
    // SAFETY: all zeroes is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iovecs.as_mut_ptr();
    message.msg_iovlen = iovecs.len();
    message
}

fn done(code: c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets an integer socket option.
pub(crate) fn set_option(fd: c_int, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`.
    done(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), 4) })
}

/// Chooses the congestion control of a socket.
pub(crate) fn set_congestion(fd: c_int, name: &str) -> io::Result<()> {
    let length = u32::try_from(name.len()).expect("names are short");
    let (level, option) = (libc::IPPROTO_TCP, libc::TCP_CONGESTION);
    // SAFETY: the pointer and the length describe `name`.
    done(unsafe { libc::setsockopt(fd, level, option, name.as_ptr().cast(), length) })
}

/// Pins the calling thread to one core.
pub(crate) fn pin(core: usize) -> io::Result<()> {
    // SAFETY: all zeroes is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the function checks that the set is large enough.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the pointer and the length describe `set`.
    done(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })
}

/// The time stamp counter.
pub(crate) fn tsc() -> u64 {
    // SAFETY: every x86-64 has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// A pipe of at least `bytes`.
pub(crate) fn pipe(bytes: c_int) -> io::Result<[OwnedFd; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to two descriptors.
    done(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: just opened, owned by nobody else.
    let ends = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    // SAFETY: the call takes no pointers. Where it fails the pipe is smaller and the run slower.
    unsafe { libc::fcntl(ends[0].as_raw_fd(), libc::F_SETPIPE_SZ, bytes) };
    Ok(ends)
}

/// Zeroed memory on a page boundary.
#[derive(Debug)]
pub(crate) struct Pages {
    base: *mut u8,
    length: usize,
}

// SAFETY: the mapping belongs to the value alone; moving it moves the right to use it.
unsafe impl Send for Pages {}

impl Pages {
    /// Maps `length` bytes and touches them.
    pub(crate) fn new(length: usize) -> Self {
        let length = length.max(1).next_multiple_of(4096);
        // SAFETY: an anonymous mapping chosen by the kernel overlaps nothing.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
                -1,
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED, "out of memory");
        Self { base: base.cast(), length }
    }

    /// Length in bytes, whole pages.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Address of `offset`.
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.length);
        self.base.wrapping_add(offset)
    }

    /// The bytes at `offset`. The caller holds no other reference to them.
    #[expect(clippy::mut_from_ref, reason = "memory shared with the kernel; its owner hands out ranges")]
    pub(crate) fn slice(&self, offset: usize, length: usize) -> &mut [u8] {
        assert!(offset + length <= self.length);
        // SAFETY: in bounds of the mapping; each range has one user at a time (a slot's owner).
        unsafe { std::slice::from_raw_parts_mut(self.base.wrapping_add(offset), length) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, to which no reference is left.
        unsafe { libc::munmap(self.base.cast(), self.length) };
    }
}

/// Fills an array of iovecs.
#[derive(Debug)]
pub(crate) struct Gather<'a> {
    iovecs: &'a mut [iovec],
    count: usize,
    merge: bool,
    skip: usize,
}

impl<'a> Gather<'a> {
    /// `merge`: pieces that adjoin in memory become one iovec.
    pub(crate) fn new(iovecs: &'a mut [iovec], merge: bool) -> Self {
        Self { iovecs, count: 0, merge, skip: 0 }
    }

    /// Leaves out the first `bytes` of what is pushed.
    pub(crate) fn skip(mut self, bytes: usize) -> Self {
        self.skip = bytes;
        self
    }

    /// Whether two more pieces fit: a header and its payload.
    pub(crate) fn has_room(&self) -> bool {
        self.iovecs.len() - self.count >= 2
    }

    /// Iovecs filled.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Adds a piece.
    pub(crate) fn push(&mut self, base: *const u8, length: usize) {
        let skipped = self.skip.min(length);
        self.skip -= skipped;
        let (base, length) = (base.wrapping_add(skipped), length - skipped);
        if length == 0 || self.merge && self.extend_last(base, length) {
            return;
        }
        self.iovecs[self.count] = iov(base, length);
        self.count += 1;
    }

    fn extend_last(&mut self, base: *const u8, length: usize) -> bool {
        let Some(last) = self.count.checked_sub(1).map(|last| &mut self.iovecs[last]) else { return false };
        let adjoins = last.iov_base.wrapping_byte_add(last.iov_len).cast_const() == base.cast();
        last.iov_len += if adjoins { length } else { 0 };
        adjoins
    }
}
