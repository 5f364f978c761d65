//! The controller's end of a connection.
//!
//! ```text
//!   AwaitIcReq --ICReq--> Ready --fatal error, TermReq, terminate()--> Terminated
//!        `------------------fatal error, TermReq---------------------------^
//! ```
//!
//! The target owns one per connection; see [the module above](super) for how to drive it. Split by phase: `state`
//! is the table of what may come when, `receive` turns bytes into events, `transfers` holds the R2Ts that are
//! being served, `respond` queues what goes out.

mod queue;
mod receive;
mod respond;
mod state;
mod transfers;

use super::framing::Framing;
use super::payload::PayloadReceiver;
use super::transmit::TransmitQueue;
use super::{PendingPayload, Received};
use crate::sqe::Sqe;
use crate::tcp::{ADMIN_IN_CAPSULE_BYTES, Crc32c, DigestError, Fes, MAXH2CDATA_MIN, PDA_MAX, PduError};
use queue::Queue;
use state::State;
use std::io::IoSlice;
use transfers::Transfers;

/// What the controller's end offers. Digests come into force if the host asks for them too.
#[derive(Clone, Copy, Debug)]
pub struct ControllerParams {
    /// Willing to use header digests.
    pub header_digest: bool,
    /// Willing to use data digests.
    pub data_digest: bool,
    /// CPDA: alignment of data that come in, in dwords, zero-based, 0..=31. The Linux host takes only 0.
    pub cpda: u8,
    /// MAXH2CDATA: most payload in one H2CData, in bytes, at least 4096, a multiple of 4.
    pub max_h2c_data: u32,
    /// Most in-capsule data of an I/O command, in bytes. Fabrics and Admin commands may always carry 8192.
    pub in_capsule_bytes: u32,
    /// Commands outstanding until [`ControllerQpair::set_queue`] tells the queue's size, at least 1.
    pub max_commands: u16,
}

/// What came from the host.
#[derive(Debug, PartialEq, Eq)]
pub enum ControllerEvent<'i> {
    /// ICReq was taken, ICResp is queued.
    Initialized,
    /// A command capsule. The command counts as outstanding until it is answered.
    Command {
        /// The command, unchecked.
        sqe: Sqe,
        /// In-capsule data, empty if none, or the digest error that they came with: the command is to fail with
        /// Transient Transport Error.
        data: Result<&'i [u8], DigestError>,
    },
    /// Payload of a transfer asked for by `request_data`, always in order.
    Data {
        /// What `request_data` was given.
        context: u32,
        /// Offset in the command's data, in bytes.
        offset: u32,
        /// The payload.
        bytes: &'i [u8],
    },
    /// All payload of a transfer arrived; its context is not named again.
    TransferDone {
        /// What `request_data` was given.
        context: u32,
        /// The first digest error if there was any: the command is to fail with Transient Transport Error.
        result: Result<(), DigestError>,
    },
    /// The host sent H2CTermReq: close the connection.
    PeerTerminated {
        /// Fatal error status as sent, see [`Fes::from_wire`].
        fes: u16,
        /// Fatal error information.
        fei: u32,
    },
    /// A fatal error was found. C2HTermReq is queued: flush it, then close the connection.
    Terminated,
}

/// The controller's end of one NVMe/TCP connection. `B` is the owner's buffer type.
#[derive(Debug)]
pub struct ControllerQpair<B> {
    state: State,
    framing: Framing,
    queue: Queue,
    wanted: usize,
    most_inline_bytes: usize,
    most_segments: usize,
    transmit: TransmitQueue<B>,
    transfers: Transfers,
    params: ControllerParams,
    error: Option<PduError>,
    payload: PayloadReceiver,
    send_crc: Crc32c,
}

impl<B> ControllerQpair<B> {
    /// A connection on which nothing was said yet. All memory is allocated here and in
    /// [`set_queue`](Self::set_queue).
    ///
    /// # Panics
    /// If a parameter is out of range.
    #[must_use]
    pub fn new(params: &ControllerParams) -> Self {
        assert!(params.cpda <= PDA_MAX, "CPDA is 0 to 31");
        assert!(params.max_commands > 0, "a queue holds at least one command");
        let max_h2c_data = params.max_h2c_data;
        assert!(
            max_h2c_data >= MAXH2CDATA_MIN && max_h2c_data.is_multiple_of(4),
            "MAXH2CDATA is at least 4096 and a multiple of 4"
        );
        let mut qpair = Self {
            state: State::AwaitIcReq,
            framing: Framing::initial(),
            queue: Queue::new(params.max_commands),
            wanted: 0,
            most_inline_bytes: 0,
            most_segments: 0,
            transmit: TransmitQueue::with_capacity(0, 0),
            transfers: Transfers::new(),
            params: *params,
            error: None,
            payload: PayloadReceiver::new(),
            send_crc: Crc32c::new(),
        };
        qpair.reserve();
        qpair
    }

    /// Takes the size of the queue that Connect asked for, before Connect is answered: `entries` at least 2.
    ///
    /// # Panics
    /// If `entries` is less than 2.
    pub fn set_queue(&mut self, qid: u16, entries: u16, sq_flow_control: bool) {
        self.queue.connect(qid, entries, sq_flow_control);
        self.reserve();
    }

    /// Payload that is next on the wire: the owner may read the socket right into its place and then pass those
    /// bytes to [`receive`](Self::receive) or [`received_payload`](Self::received_payload).
    #[must_use]
    pub fn payload(&self) -> Option<PendingPayload> {
        self.payload.pending().filter(|_| self.state != State::Terminated)
    }

    /// Bytes that `receive` must see at once to go on; 0 if it has not said so.
    #[must_use]
    pub const fn wants(&self) -> usize {
        self.wanted
    }

    /// Bytes of the largest PDU that must be seen as a whole.
    #[must_use]
    pub fn max_pdu_bytes(&self) -> usize {
        let data = self.params.in_capsule_bytes.max(ADMIN_IN_CAPSULE_BYTES);
        usize::from(u8::MAX) + data as usize + crate::tcp::DIGEST_BYTES
    }

    /// Whether header and data digests are in force; known once initialized.
    #[must_use]
    pub const fn digests(&self) -> (bool, bool) {
        (self.framing.header_digest, self.framing.data_digest)
    }

    /// Commands handed out and not answered.
    #[must_use]
    pub const fn outstanding(&self) -> u32 {
        self.queue.outstanding()
    }

    /// The fatal error that this end found, for the log.
    #[must_use]
    pub const fn error(&self) -> Option<PduError> {
        self.error
    }

    /// Whether the connection is over, whichever end said so.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether there is anything to send.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.transmit.is_empty()
    }

    /// Reports the first `bytes` of the gathered slices as sent. Buffers wholly sent are dropped.
    ///
    /// # Panics
    /// If more is reported than was gathered.
    pub fn transmitted(&mut self, bytes: usize) {
        self.transmit.transmitted(bytes, drop);
    }

    /// Ends the connection: queues C2HTermReq. Afterwards `receive` swallows what comes and responses are dropped.
    pub fn terminate(&mut self, fes: Fes, fei: u32) {
        if self.state != State::Terminated {
            let _ = self.fail(PduError { fes, fei }, &[]);
        }
    }

    /// The same connection for buffers of another type, for the hand-over from acceptor to reactor.
    ///
    /// # Panics
    /// If payload is queued.
    #[must_use]
    pub fn retype<C>(self) -> ControllerQpair<C> {
        ControllerQpair {
            state: self.state,
            framing: self.framing,
            queue: self.queue,
            wanted: self.wanted,
            most_inline_bytes: self.most_inline_bytes,
            most_segments: self.most_segments,
            transmit: self.transmit.retype(),
            transfers: self.transfers,
            params: self.params,
            error: self.error,
            payload: self.payload,
            send_crc: self.send_crc,
        }
    }

    /// Room for what a host that keeps to its queue's size can make this end hold: one answer or R2T per command,
    /// ICResp and C2HTermReq.
    fn reserve(&mut self) {
        let commands = usize::from(self.queue.limit());
        self.most_inline_bytes = commands * self.framing.answer_bytes() + respond::OTHER_BYTES;
        self.most_segments = respond::segments(commands);
        self.transmit.reserve(self.most_inline_bytes, self.most_segments);
        self.transfers.reserve(self.queue.limit());
    }
}

impl<B: AsRef<[u8]>> ControllerQpair<B> {
    /// Gathers what is to be sent next; returns how many slices of `out` it filled. Spurious calls do no harm.
    pub fn transmit<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        self.transmit.gather(out, B::as_ref)
    }
}
