//! Asks epoll which sockets are ready before touching any.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::socket::{Scratch, Served};
use super::{Options, Round};
use crate::sys::Calls;
use crate::wire::{Workload, narrow, wide};

pub(super) struct Epoll {
    epoll: OwnedFd,
    served: Vec<Served>,
    scratch: Scratch,
}

impl Epoll {
    pub(super) fn new(fds: Vec<OwnedFd>, workload: Workload, options: &Options) -> io::Result<Self> {
        // SAFETY: the call takes no pointers.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if epoll < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: just opened, owned by nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        for (index, fd) in fds.iter().enumerate() {
            let mut event = libc::epoll_event { events: libc::EPOLLIN.cast_unsigned(), u64: wide(index) };
            let (epoll, fd) = (epoll.as_raw_fd(), fd.as_raw_fd());
            // SAFETY: the pointer is to an event.
            let code = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
            if code != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Self { epoll, served: Served::all(fds, workload, options), scratch: Scratch::new(options) })
    }
}

impl Round for Epoll {
    fn round(&mut self, calls: &mut Calls) -> io::Result<bool> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        let ready = calls.epoll_wait(self.epoll.as_raw_fd(), &mut events)?;
        let mut moved = false;
        for event in &events[..ready] {
            let served = &mut self.served[narrow(event.u64)];
            moved |= self.scratch.receive(served, calls)?;
            moved |= self.scratch.send(served, calls)?;
        }
        for served in self.served.iter_mut().filter(|served| served.blocked) {
            moved |= self.scratch.send(served, calls)?;
        }
        Ok(moved)
    }
}
