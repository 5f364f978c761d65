//! The host's end of a connection.
//!
//! ```text
//!   AwaitIcResp --ICResp--> Ready --fatal error, TermReq, terminate()--> Terminated
//!         `-------------------fatal error, TermReq--------------------------^
//! ```
//!
//! The load generator owns one per connection; see [the module above](super) for how to drive it. Split by phase:
//! `state` is the table of what may come when, `submit` queues commands and the data that R2Ts ask for, `receive`
//! turns bytes into events, `commands` holds what is outstanding.

mod commands;
mod receive;
mod state;
mod submit;

use super::framing::{Framing, TERM_REQ_MOST_BYTES};
use super::payload::PayloadReceiver;
use super::transmit::TransmitQueue;
use super::{PendingPayload, Received};
use crate::cqe::Cqe;
use crate::tcp::ic_req::IC_REQ_BYTES;
use crate::tcp::{ADMIN_IN_CAPSULE_BYTES, DIGEST_BYTES, DigestFlags, Fes, IcReq, PDA_MAX, PduError, PduType};
use commands::{Commands, Piece};
use state::State;
use std::io::IoSlice;
use zerocopy::IntoBytes;

/// What the host's end asks for.
#[derive(Clone, Copy, Debug)]
pub struct HostParams {
    /// Asks for header digests.
    pub header_digest: bool,
    /// Asks for data digests.
    pub data_digest: bool,
    /// HPDA: alignment of data that come in, in dwords, zero-based, 0..=31.
    pub hpda: u8,
    /// MAXR2T: R2Ts outstanding per command, zero-based.
    pub max_r2t: u32,
    /// Commands outstanding; command identifiers are less than this.
    pub max_commands: u16,
}

/// The data of a command.
#[derive(Debug)]
pub enum HostData<B> {
    /// None.
    None,
    /// Controller to host.
    In {
        /// Bytes asked for.
        length: u32,
    },
    /// Host to controller: the whole of a buffer, given back with the completion.
    Out(B),
}

/// What came from the controller.
#[derive(Debug, PartialEq, Eq)]
pub enum HostEvent<'i, B> {
    /// ICResp was taken: commands may be submitted.
    Initialized {
        /// MAXH2CDATA: most payload in one H2CData, in bytes.
        max_h2c_data: u32,
        /// Header digests are in force.
        header_digest: bool,
        /// Data digests are in force.
        data_digest: bool,
    },
    /// Data of a command, always in order.
    Data {
        /// Command identifier.
        cid: u16,
        /// Offset in the command's data, in bytes.
        offset: u32,
        /// The data.
        bytes: &'i [u8],
    },
    /// A command is done and its identifier free.
    Completion {
        /// Command identifier.
        cid: u16,
        /// The controller's completion; made up here if the SUCCESS flag stood for it. A data digest error turns
        /// success into Transient Transport Error.
        cqe: Cqe,
        /// Bytes of data that came in.
        transferred: u32,
        /// The buffer that was handed in.
        buffer: Option<B>,
    },
    /// The controller sent C2HTermReq: close the connection.
    PeerTerminated {
        /// Fatal error status as sent, see [`Fes::from_wire`].
        fes: u16,
        /// Fatal error information.
        fei: u32,
    },
    /// A fatal error was found. H2CTermReq is queued: flush it, then close the connection.
    Terminated,
}

/// The host's end of one NVMe/TCP connection. `B` is the owner's buffer type.
#[derive(Debug)]
pub struct HostQpair<B> {
    state: State,
    framing: Framing,
    wanted: usize,
    /// The C2HData being received carries the SUCCESS flag.
    success: bool,
    max_h2c_data: u32,
    in_capsule_bytes: u32,
    transmit: TransmitQueue<Piece>,
    commands: Commands<B>,
    params: HostParams,
    error: Option<PduError>,
    payload: PayloadReceiver,
}

impl<B> HostQpair<B> {
    /// A connection whose ICReq is queued. Memory for commands is allocated here; what H2CData headers need on top is
    /// once the connection has seen its deepest load.
    ///
    /// # Panics
    /// If a parameter is out of range.
    #[must_use]
    pub fn new(params: &HostParams) -> Self {
        assert!(params.hpda <= PDA_MAX, "HPDA is 0 to 31");
        assert!(params.max_commands > 0, "a queue holds at least one command");
        let commands = usize::from(params.max_commands);
        let capsule = usize::from(PduType::CapsuleCmd.header_bytes()) + 2 * DIGEST_BYTES;
        let inline = commands * capsule + IC_REQ_BYTES + TERM_REQ_MOST_BYTES;
        let mut transmit = TransmitQueue::with_capacity(inline, 2 * commands + 1);
        let dgst = DigestFlags::new(params.header_digest, params.data_digest);
        transmit.push_inline(IcReq::new(params.hpda, dgst, params.max_r2t).as_bytes());
        Self {
            state: State::AwaitIcResp,
            framing: Framing::initial(),
            wanted: 0,
            success: false,
            max_h2c_data: 0,
            in_capsule_bytes: 0,
            transmit,
            commands: Commands::new(params.max_commands),
            params: *params,
            error: None,
            payload: PayloadReceiver::new(),
        }
    }

    /// Takes the limit for in-capsule data of I/O commands, from IOCCSZ of Identify Controller less 64. Until then
    /// only Fabrics commands carry data in the capsule, up to 8192 bytes; on an admin queue give 8192.
    pub const fn set_in_capsule_bytes(&mut self, bytes: u32) {
        self.in_capsule_bytes = bytes;
    }

    /// Data that are next on the wire: the owner may read the socket right into their place and then pass those
    /// bytes to [`receive`](Self::receive) or [`received_payload`](Self::received_payload).
    #[must_use]
    pub fn payload(&self) -> Option<PendingPayload> {
        self.payload.pending().filter(|_| self.state != State::Terminated)
    }

    /// Tells the machine of data that the owner read right into their place, see [`payload`](Self::payload).
    /// Then call `receive` with what follows, empty or not.
    ///
    /// # Panics
    /// If `bytes` is longer than the pending payload.
    pub fn received_payload(&mut self, bytes: &[u8]) {
        if self.state != State::Terminated && !bytes.is_empty() {
            self.payload.take(bytes);
        }
    }

    /// Bytes that `receive` must see at once to go on; 0 if it has not said so.
    #[must_use]
    pub const fn wants(&self) -> usize {
        self.wanted
    }

    /// Bytes of the largest PDU that must be seen as a whole: headers only, the data of C2HData come in pieces.
    #[must_use]
    pub const fn max_pdu_bytes(&self) -> usize {
        u8::MAX as usize
    }

    /// The fatal error that this end found, for the log.
    #[must_use]
    pub const fn error(&self) -> Option<PduError> {
        self.error
    }

    /// Whether commands may be submitted.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether the connection is over, whichever end said so.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Whether `cid` is free.
    #[must_use]
    pub fn is_free(&self, cid: u16) -> bool {
        self.commands.is_free(cid)
    }

    /// Whether there is anything to send.
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.transmit.is_empty()
    }

    /// Reports the first `bytes` of the gathered slices as sent. A completion that waited for them comes with the
    /// next call of [`receive`](Self::receive), with or without input.
    ///
    /// # Panics
    /// If more is reported than was gathered.
    pub fn transmitted(&mut self, bytes: usize) {
        let Self { transmit, commands, .. } = self;
        transmit.transmitted(bytes, |piece| commands.piece_sent(piece));
    }

    /// Ends the connection: queues H2CTermReq. Afterwards `receive` swallows what comes.
    pub fn terminate(&mut self, fes: Fes, fei: u32) {
        if self.state != State::Terminated {
            let _ = self.fail(PduError { fes, fei }, &[]);
        }
    }

    /// Takes the buffer of a command that will never complete because the connection is over, and frees its
    /// identifier. Nothing may be sent on this connection afterwards.
    ///
    /// # Panics
    /// If the connection is not over.
    pub fn reclaim(&mut self, cid: u16) -> Option<B> {
        assert!(self.is_terminated(), "a live connection completes its commands");
        self.transmit.clear();
        self.commands.reclaim(cid)
    }

    fn in_capsule_limit(&self, opcode: u8) -> u32 {
        let fabrics = if opcode == super::FABRICS_OPCODE { ADMIN_IN_CAPSULE_BYTES } else { 0 };
        self.in_capsule_bytes.max(fabrics)
    }
}

impl<B: AsRef<[u8]>> HostQpair<B> {
    /// Gathers what is to be sent next; returns how many slices of `out` it filled. Spurious calls do no harm.
    pub fn transmit<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        self.transmit.gather(out, |piece| self.commands.data(piece.cid))
    }
}
