//! The socket end of a qpair: bytes from the kernel into it and out of it, as few calls as batching allows.

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{ControllerQpair, Payload};
use std::io::{IoSlice, IoSliceMut};

/// Slices of one `sendmsg`. A read's response is two (header, data), so one call sends the answers to
/// a whole queue of 128 reads; more slices only cost stack.
const SLICES: usize = 256;

/// Why a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The host closed it.
    ByHost,
    /// The network did.
    Error(Errno),
}

/// A socket and its qpair.
pub(crate) struct Wire<B> {
    socket: OwnedFd,
    pub(crate) qpair: ControllerQpair<B>,
    /// Bytes received and not yet consumed: the beginning of a PDU, or more while memory is short.
    carry: Vec<u8>,
    /// Memory of data queued and not yet taken by the kernel, in bytes. Headers and the unused ends of
    /// buffers make it a little wrong while something is queued; it is exact again when nothing is.
    backlog_bytes: u64,
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Bytes that went straight to the `direct` slice.
    pub(crate) direct: usize,
    /// Valid bytes at the front of `space`, those carried over included.
    pub(crate) filled: usize,
    /// Whether the socket gave anything.
    pub(crate) any: bool,
    /// Whether the socket is empty, so that it will announce what comes next.
    pub(crate) dry: bool,
}

impl<B: AsRef<[u8]>> Wire<B> {
    /// Joins a non-blocking socket and its qpair; `carry` are bytes that were already read.
    pub(crate) fn new(socket: OwnedFd, qpair: ControllerQpair<B>, carry: Vec<u8>) -> Self {
        Self { socket, qpair, carry, backlog_bytes: 0 }
    }

    /// Takes it apart again, for another thread.
    pub(crate) fn into_parts(self) -> (OwnedFd, ControllerQpair<B>, Vec<u8>) {
        (self.socket, self.qpair, self.carry)
    }

    pub(crate) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Bytes that wait to be consumed.
    pub(crate) fn carried(&self) -> usize {
        self.carry.len()
    }

    /// Reads what the socket has: first into `direct`, where the payload next on the wire belongs, the
    /// rest behind the carried bytes in `space`. One system call; none if those fill `space`.
    pub(crate) fn receive(&mut self, direct: &mut [u8], space: &mut [u8]) -> Result<Received, Closed> {
        let kept = self.carry.len();
        space[..kept].copy_from_slice(&self.carry);
        self.carry.clear();
        if kept == space.len() {
            // A read into no room returns nothing, which would look like the host's end of the connection.
            return Ok(Received { direct: 0, filled: kept, any: false, dry: false });
        }
        let want = direct.len();
        let outcome = if want == 0 {
            rustix::io::read(&self.socket, &mut space[kept..])
        } else {
            assert!(kept == 0, "payload is pending, so every byte before it was consumed");
            rustix::io::readv(&self.socket, &mut [IoSliceMut::new(direct), IoSliceMut::new(space)])
        };
        match outcome {
            Ok(0) => Err(Closed::ByHost),
            Ok(count) => {
                let direct = count.min(want);
                Ok(Received { direct, filled: kept + count - direct, any: true, dry: false })
            }
            Err(Errno::AGAIN) => Ok(Received { direct: 0, filled: kept, any: false, dry: true }),
            Err(Errno::INTR) => Ok(Received { direct: 0, filled: kept, any: false, dry: false }),
            Err(error) => Err(Closed::Error(error)),
        }
    }

    /// Keeps bytes that were received and not consumed for the next [`Wire::receive`].
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        self.carry.extend_from_slice(rest);
    }

    /// Sends what the qpair has queued, until that is all or the socket takes no more. Returns whether
    /// anything was sent.
    pub(crate) fn flush(&mut self) -> Result<bool, Closed> {
        let mut any = false;
        while self.qpair.has_output() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.qpair.transmit(&mut slices);
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match sendmsg(&self.socket, &slices[..count], &mut SendAncillaryBuffer::default(), flags) {
                Ok(sent) => {
                    any = true;
                    self.qpair.transmitted(sent);
                    self.backlog_bytes = self.backlog_bytes.saturating_sub(sent as u64);
                }
                Err(Errno::AGAIN | Errno::INTR) => return Ok(any),
                Err(error) => return Err(Closed::Error(error)),
            }
        }
        self.backlog_bytes = 0;
        Ok(any)
    }

    /// Queues a response with data, which occupy `memory_bytes` until they are sent.
    pub(crate) fn respond_data(&mut self, cqe: Cqe, data: Payload<B>, memory_bytes: u64) {
        self.backlog_bytes += memory_bytes;
        self.qpair.respond_data(cqe, data);
    }

    /// Memory of data queued for a host that does not take them, in bytes.
    pub(crate) fn backlog_bytes(&self) -> u64 {
        self.backlog_bytes
    }
}
