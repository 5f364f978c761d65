//! Bytes from the host to events.
//!
//! A capsule without data on a connection without header digests, the commonest PDU there is, is recognized by its
//! common header as one 64-bit value; everything else takes the general way.

use super::state::{Action, State, action};
use super::{ControllerEvent, ControllerQpair, Received};
use crate::qpair::FABRICS_OPCODE;
use crate::qpair::framing::{Framing, Header, push_term_req};
use crate::qpair::payload::Progress;
use crate::sqe::Sqe;
use crate::tcp::capsule_cmd::CAPSULE_CMD_BYTES;
use crate::tcp::common_header::{COMMON_HEADER_BYTES, offset};
use crate::tcp::ic_req::IC_REQ_BYTES;
use crate::tcp::term_req::TERM_REQ_BYTES;
use crate::tcp::{
    ADMIN_IN_CAPSULE_BYTES, CapsuleCmd, CommonHeader, DIGEST_BYTES, DigestError, DigestFlags, H2cData, IcReq,
    IcResp, PduError, PduType, TermReq, digest, h2c_data,
};
use zerocopy::{FromBytes, IntoBytes};

type Outcome<'i> = Result<Received<ControllerEvent<'i>>, PduError>;

/// Common header of a capsule without data, digests off: type 04h, no flags, HLEN 72, PDO 0, PLEN 72.
const PLAIN_CAPSULE: u64 = u64::from_le_bytes([0x04, 0, 72, 0, 72, 0, 0, 0]);

impl<B> ControllerQpair<B> {
    /// Bytes in. Consumes what it can up to the next event; call again with the rest, even when that is empty, until
    /// there is no event.
    #[inline]
    pub fn receive<'i>(&mut self, input: &'i [u8]) -> Received<ControllerEvent<'i>> {
        if self.takes_plain_capsules()
            && let Some((capsule, _)) = input.split_first_chunk::<CAPSULE_CMD_BYTES>()
            && let Some((common, sqe)) = capsule.split_first_chunk::<COMMON_HEADER_BYTES>()
            && u64::from_le_bytes(*common) == PLAIN_CAPSULE
            && self.take_command()
        {
            let sqe = Sqe::read_from_bytes(sqe).expect("the rest of a capsule is an entry");
            return Received::event(CAPSULE_CMD_BYTES, ControllerEvent::Command { sqe, data: Ok(&[]) });
        }
        self.receive_any(input)
    }

    /// Tells the machine of payload that the owner read right into its place, see [`payload`](Self::payload).
    /// Then call `receive` with what follows, empty or not.
    ///
    /// # Panics
    /// If `bytes` is longer than the pending payload.
    pub fn received_payload(&mut self, bytes: &[u8]) {
        if self.state != State::Terminated && !bytes.is_empty() {
            self.payload.take(bytes);
        }
    }

    #[inline]
    fn takes_plain_capsules(&self) -> bool {
        self.state == State::Ready && self.payload.is_idle() && !self.framing.header_digest
    }

    /// Takes a command if the host is within its bounds: outstanding commands, and answers it has not read.
    #[inline]
    fn take_command(&mut self) -> bool {
        self.transmit.inline_bytes() <= self.most_inline_bytes
            && self.transmit.segments() <= self.most_segments
            && self.queue.take()
    }

    fn receive_any<'i>(&mut self, input: &'i [u8]) -> Received<ControllerEvent<'i>> {
        if self.state == State::Terminated {
            return Received::nothing(input.len());
        }
        self.wanted = 0;
        let mut consumed = 0;
        if !self.payload.is_idle() {
            match self.receive_payload(input) {
                Received { consumed: over, event: None } if self.payload.is_idle() => consumed = over,
                received => return received,
            }
        }
        let rest = &input[consumed..];
        self.receive_pdu(rest).unwrap_or_else(|error| self.fail(error, rest)).after(consumed)
    }

    /// Goes on with the payload of an H2CData. Idle and without event afterwards: go on with the next PDU.
    #[inline]
    fn receive_payload<'i>(&mut self, input: &'i [u8]) -> Received<ControllerEvent<'i>> {
        let context = self.payload.context();
        match self.payload.advance(input) {
            Progress::Bytes(offset, bytes) => {
                Received::event(bytes.len(), ControllerEvent::Data { context, offset, bytes })
            }
            Progress::Wants(bytes) => self.want(bytes),
            Progress::Over(consumed, verdict) => {
                let done = self.transfers.pdu_over(self.payload.key(), verdict);
                let event = done.map(|(context, result)| ControllerEvent::TransferDone { context, result });
                Received { consumed, event }
            }
        }
    }

    fn receive_pdu<'i>(&mut self, input: &'i [u8]) -> Outcome<'i> {
        let Ok((common, _)) = CommonHeader::ref_from_prefix(input) else {
            return Ok(self.want(COMMON_HEADER_BYTES));
        };
        let pdu_type = PduType::from_wire(common.pdu_type).ok_or(PduError::field(offset::PDU_TYPE))?;
        match action(self.state, pdu_type)? {
            Action::Initialize => self.initialize(input, common),
            Action::PeerTerminate => Ok(self.peer_terminated(input)),
            todo => match self.framing.check_header(input, common, pdu_type)? {
                Header::Wants(bytes) => Ok(self.want(bytes)),
                Header::Whole(whole) if todo == Action::Command => self.command(input, whole),
                Header::Whole(_) => self.data(input),
            },
        }
    }

    fn initialize<'i>(&mut self, input: &'i [u8], common: &CommonHeader) -> Outcome<'i> {
        match Framing::initial().check_header(input, common, PduType::IcReq)? {
            Header::Wants(bytes) => return Ok(self.want(bytes)),
            Header::Whole(whole) => self.framing.check_no_data(common, whole)?,
        }
        let (ic_req, _) = IcReq::ref_from_prefix(input).expect("a whole ICReq");
        ic_req.check()?;
        let header_digest = ic_req.dgst.header() && self.params.header_digest;
        let data_digest = ic_req.dgst.data() && self.params.data_digest;
        let dgst = DigestFlags::new(header_digest, data_digest);
        let ic_resp = IcResp::new(self.params.cpda, dgst, self.params.max_h2c_data);
        self.transmit.push_inline(ic_resp.as_bytes());
        self.framing = Framing::new(header_digest, data_digest, self.params.cpda, ic_req.hpda);
        self.state = State::Ready;
        self.reserve();
        Ok(Received::event(IC_REQ_BYTES, ControllerEvent::Initialized))
    }

    fn command<'i>(&mut self, input: &'i [u8], whole: usize) -> Outcome<'i> {
        let (capsule, _) = CapsuleCmd::ref_from_prefix(input).expect("a whole header");
        let plen = capsule.header.plen.get() as usize;
        let mut data: Result<&'i [u8], _> = Ok(&[]);
        if plen == whole {
            self.framing.check_no_data(&capsule.header, whole)?;
        } else {
            let part = self.framing.check_data(&capsule.header, PduType::CapsuleCmd)?;
            if part.length > self.in_capsule_limit(capsule.sqe.opcode) {
                return Err(PduError::field(offset::PLEN));
            }
            if input.len() < plen {
                return Ok(self.want(plen));
            }
            data = self.in_capsule_data(&input[part.offset..plen]);
        }
        if !self.take_command() {
            return Err(PduError::SEQUENCE);
        }
        Ok(Received::event(plen, ControllerEvent::Command { sqe: capsule.sqe, data }))
    }

    fn in_capsule_limit(&self, opcode: u8) -> u32 {
        let limit = self.params.in_capsule_bytes;
        if opcode == FABRICS_OPCODE || self.queue.is_admin() {
            return limit.max(ADMIN_IN_CAPSULE_BYTES);
        }
        limit
    }

    /// Splits the data digest off and checks it.
    fn in_capsule_data<'i>(&self, part: &'i [u8]) -> Result<&'i [u8], DigestError> {
        if !self.framing.data_digest {
            return Ok(part);
        }
        let (data, received) = part.split_last_chunk::<DIGEST_BYTES>().expect("PLEN counts the digest");
        digest::verify(data, *received).map(|()| data)
    }

    #[inline]
    fn data<'i>(&mut self, input: &'i [u8]) -> Outcome<'i> {
        let (pdu, _) = H2cData::ref_from_prefix(input).expect("a whole header");
        let part = self.framing.check_data(&pdu.header, PduType::H2cData)?;
        if pdu.datal.get() != part.length {
            return Err(PduError::field(h2c_data::offset::DATAL));
        }
        let context = self.transfers.check(pdu, self.params.max_h2c_data)?;
        let Some(rest) = input.get(part.offset..) else {
            return Ok(self.want(part.offset));
        };
        self.transfers.announce(pdu.ttag.get(), part.length);
        let range = (pdu.datao.get(), part.length);
        self.payload.begin(pdu.ttag.get(), context, range, self.framing.data_digest);
        Ok(self.receive_payload(rest).after(part.offset))
    }

    fn peer_terminated<'i>(&mut self, input: &'i [u8]) -> Received<ControllerEvent<'i>> {
        let Ok((pdu, _)) = TermReq::ref_from_prefix(input) else {
            return self.want(TERM_REQ_BYTES);
        };
        self.state = State::Terminated;
        let event = ControllerEvent::PeerTerminated { fes: pdu.fes.get(), fei: pdu.fei.get() };
        Received::event(input.len(), event)
    }

    #[inline]
    fn want<'i>(&mut self, bytes: usize) -> Received<ControllerEvent<'i>> {
        self.wanted = bytes;
        Received::nothing(0)
    }

    /// Queues C2HTermReq with a copy of the header at the front of `input`, and swallows the rest.
    #[cold]
    pub(super) fn fail<'i>(&mut self, error: PduError, input: &'i [u8]) -> Received<ControllerEvent<'i>> {
        push_term_req(&mut self.transmit, PduType::C2hTermReq, error, input);
        self.state = State::Terminated;
        self.error = Some(error);
        Received::event(input.len(), ControllerEvent::Terminated)
    }
}
