//! One TCP connection and its qpair machine.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{HostData, HostEvent, HostParams, HostQpair};
use sluice_nvme::sqe::Sqe;

use crate::host::HostError;

/// Slices gathered per write; the kernel takes up to 1024.
const SLICES: usize = 256;

/// Data of a command on their way out.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A buffer of the command's own, of which `length` bytes count.
    Owned { bytes: Box<[u8]>, length: usize },
    /// `length` bytes of noise that all commands share.
    Noise { bytes: Rc<[u8]>, start: usize, length: usize },
    /// One range of a Dataset Management command.
    Range([u8; 16]),
}

impl AsRef<[u8]> for Outgoing {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Owned { bytes, length } => &bytes[..*length],
            Self::Noise { bytes, start, length } => &bytes[*start..*start + *length],
            Self::Range(bytes) => bytes,
        }
    }
}

/// What came of a connection's event.
pub(super) enum Event<'i> {
    Data { cid: u16, offset: u32, bytes: &'i [u8] },
    Completion { cid: u16, cqe: Cqe, buffer: Option<Outgoing> },
}

/// A connection. The socket does not block.
pub(super) struct Wire {
    stream: TcpStream,
    qpair: HostQpair<Outgoing>,
    input: Box<[u8]>,
    /// Bytes at the front of `input` that the machine has not consumed yet.
    filled: usize,
}

impl Wire {
    /// Connects and exchanges ICReq and ICResp. `input_bytes`: most bytes read at once.
    pub(super) fn open(
        address: SocketAddr,
        params: &HostParams,
        input_bytes: usize,
        deadline: Instant,
    ) -> Result<Self, HostError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(HostError::TimedOut("connect"));
        }
        let stream = TcpStream::connect_timeout(&address, left)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let qpair = HostQpair::new(params);
        let mut wire = Self { stream, qpair, input: vec![0; input_bytes].into_boxed_slice(), filled: 0 };
        while !wire.qpair.is_ready() {
            wire.exchange(deadline, "ICReq", |_| ())?;
        }
        Ok(wire)
    }

    pub(super) fn qpair(&mut self) -> &mut HostQpair<Outgoing> {
        &mut self.qpair
    }

    /// Reads once; the bytes read, 0 if there are none now.
    pub(super) fn receive(&mut self) -> Result<usize, HostError> {
        match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => Err(HostError::Closed),
            Ok(bytes) => {
                self.filled += bytes;
                Ok(bytes)
            }
            Err(e) if would_wait(&e) => Ok(0),
            Err(e) => Err(e.into()),
        }
    }

    /// Gives what was received to the machine and its events to `act`.
    pub(super) fn events<E: From<HostError>>(
        &mut self,
        mut act: impl FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = 0;
        loop {
            let received = self.qpair.receive(&self.input[at..self.filled]);
            at += received.consumed;
            match received.event {
                None => break,
                Some(HostEvent::Data { cid, offset, bytes }) => act(Event::Data { cid, offset, bytes })?,
                Some(HostEvent::Completion { cid, cqe, buffer, .. }) => {
                    act(Event::Completion { cid, cqe, buffer })?;
                }
                Some(HostEvent::Initialized { .. }) => {}
                Some(HostEvent::PeerTerminated { fes, fei }) => {
                    return Err(HostError::PeerTerminated { fes, fei }.into());
                }
                Some(HostEvent::Terminated) => return Err(self.broken().into()),
            }
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }

    /// The machine found a fatal error: tells the target, as far as the socket takes it.
    fn broken(&mut self) -> HostError {
        let error = self.qpair.error();
        match self.send() {
            Ok(()) => HostError::Protocol(error),
            Err(e) => e,
        }
    }

    /// Writes what is queued, until nothing is left or the socket is full.
    pub(super) fn send(&mut self) -> Result<(), HostError> {
        while self.qpair.has_output() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.qpair.transmit(&mut slices);
            match self.stream.write_vectored(&slices[..filled]) {
                Ok(bytes) => self.qpair.transmitted(bytes),
                Err(e) if would_wait(&e) => break,
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// What to wait for before sleeping.
    pub(super) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        let out = if self.qpair.has_output() { PollFlags::OUT } else { PollFlags::empty() };
        (self.stream.as_fd(), PollFlags::IN | out)
    }

    /// Sends `sqe` under command identifier 0 and waits for its completion; `doing` names it in errors.
    pub(super) fn execute(
        &mut self,
        doing: &'static str,
        sqe: Sqe,
        data: HostData<Outgoing>,
        deadline: Instant,
    ) -> Result<(Cqe, Vec<u8>), HostError> {
        self.qpair.submit(sqe, data, true);
        let (mut answer, mut completed) = (Vec::new(), None);
        while completed.is_none() {
            self.exchange(deadline, doing, |event| match event {
                Event::Data { bytes, .. } => answer.extend_from_slice(bytes),
                Event::Completion { cqe, .. } => completed = Some(cqe),
            })?;
        }
        let cqe = completed.expect("the loop ends with it");
        match cqe.status() {
            status if status.is_success() => Ok((cqe, answer)),
            status => Err(HostError::Refused { command: doing, status }),
        }
    }

    /// Sends, waits for anything to happen, receives.
    fn exchange(
        &mut self,
        deadline: Instant,
        doing: &'static str,
        mut act: impl FnMut(Event<'_>),
    ) -> Result<(), HostError> {
        self.send()?;
        if self.receive()? == 0 {
            self.wait(deadline, doing)?;
        }
        self.events::<HostError>(|event| {
            act(event);
            Ok(())
        })
    }

    fn wait(&self, deadline: Instant, doing: &'static str) -> Result<(), HostError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(HostError::TimedOut(doing));
        }
        let (fd, flags) = self.interest();
        let timeout = Timespec::try_from(left).expect("a deadline within years");
        match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(io::Error::from(e).into()),
        }
    }
}

fn would_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
