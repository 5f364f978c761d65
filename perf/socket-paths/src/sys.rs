//! The few kernel calls the paths are made of, each counted by its caller.

use std::io;
use std::time::Duration;

use libc::{c_int, c_void, iovec};

/// Makes an iovec of a pointer and a length.
pub fn iov(base: *const u8, length: usize) -> iovec {
    iovec { iov_base: base.cast_mut().cast(), iov_len: length }
}

fn result(value: isize) -> io::Result<usize> {
    usize::try_from(value).map_err(|_| io::Error::last_os_error())
}

/// Turns "would block" into None.
pub fn nonblocking(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(length) => Ok(Some(length)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// `recv` without waiting.
pub fn recv(fd: c_int, buffer: *mut u8, length: usize, flags: c_int) -> io::Result<usize> {
    // SAFETY: callers pass memory of at least `length` bytes that nothing else refers to during the call.
    result(unsafe { libc::recv(fd, buffer.cast::<c_void>(), length, flags | libc::MSG_DONTWAIT) })
}

/// `recvmsg` without waiting, into several buffers.
pub fn recv_vectored(fd: c_int, iovecs: &mut [iovec]) -> io::Result<usize> {
    let mut message = message(iovecs);
    // SAFETY: callers pass iovecs of memory that nothing else refers to during the call.
    result(unsafe { libc::recvmsg(fd, &raw mut message, libc::MSG_DONTWAIT) })
}

/// `sendmsg` without waiting.
pub fn send_vectored(fd: c_int, iovecs: &mut [iovec], flags: c_int) -> io::Result<usize> {
    let message = message(iovecs);
    // SAFETY: callers pass iovecs of live memory.
    result(unsafe { libc::sendmsg(fd, &raw const message, flags | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) })
}

/// A message header over `iovecs`.
pub fn message(iovecs: &mut [iovec]) -> libc::msghdr {
    // SAFETY: all zeroes is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iovecs.as_mut_ptr();
    message.msg_iovlen = iovecs.len();
    message
}

/// Sets an integer socket option.
pub fn set_option(fd: c_int, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`.
    let code = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), 4) };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Chooses the congestion control of a socket.
pub fn set_congestion(fd: c_int, name: &str) -> io::Result<()> {
    let length = u32::try_from(name.len()).expect("short name");
    // SAFETY: the pointer and the length describe `name`.
    let code = unsafe {
        libc::setsockopt(fd, libc::IPPROTO_TCP, libc::TCP_CONGESTION, name.as_ptr().cast(), length)
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Pins the calling thread to one core.
pub fn pin(core: usize) -> io::Result<()> {
    // SAFETY: all zeroes is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: `core` is below the set's size on every machine this runs on.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the pointer and the length describe `set`.
    let code = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// CPU time of the calling thread.
pub fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The time stamp counter.
pub fn tsc() -> u64 {
    // SAFETY: every x86-64 has the instruction.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Zeroed memory on a page boundary.
#[derive(Debug)]
pub struct Pages {
    base: *mut u8,
    length: usize,
}

// SAFETY: the mapping belongs to the value alone; moving it moves the right to use it.
unsafe impl Send for Pages {}

impl Pages {
    /// Maps `length` bytes and touches them.
    pub fn new(length: usize) -> Self {
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

    /// Address of `offset`.
    pub fn at(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.length);
        self.base.wrapping_add(offset)
    }

    /// The bytes at `offset`. The caller holds no other reference to them.
    #[allow(clippy::mut_from_ref)]
    pub fn slice(&self, offset: usize, length: usize) -> &mut [u8] {
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
