//! Bytes from the controller to events.

use super::commands::Completed;
use super::state::{Action, State, action};
use super::{HostEvent, HostQpair, Received};
use crate::cqe::Cqe;
use crate::qpair::framing::{Framing, Header, push_term_req};
use crate::qpair::payload::Progress;
use crate::status::Status;
use crate::tcp::common_header::{COMMON_HEADER_BYTES, offset};
use crate::tcp::ic_resp::IC_RESP_BYTES;
use crate::tcp::term_req::TERM_REQ_BYTES;
use crate::tcp::{
    C2hData, CapsuleResp, CommonHeader, DigestFlags, IcResp, PduError, PduType, R2t, TermReq, c2h_data,
};
use zerocopy::FromBytes;

type Outcome<'i, B> = Result<Step<'i, B>, PduError>;

/// What one step of the machine came to.
enum Step<'i, B> {
    /// So many bytes are dealt with and meant no event; go on.
    Silent(usize),
    /// Hand this to the owner.
    Return(Received<HostEvent<'i, B>>),
}

impl<B> From<Completed<B>> for HostEvent<'_, B> {
    #[inline]
    fn from(completed: Completed<B>) -> Self {
        let Completed { cid, cqe, transferred, buffer } = completed;
        Self::Completion { cid, cqe, transferred, buffer }
    }
}

impl<B: AsRef<[u8]>> HostQpair<B> {
    /// Bytes in. Consumes what it can up to the next event; call again with the rest, even when that is empty, until
    /// there is no event.
    #[inline]
    pub fn receive<'i>(&mut self, input: &'i [u8]) -> Received<HostEvent<'i, B>> {
        if self.state == State::Terminated {
            return Received::nothing(input.len());
        }
        if let Some(completed) = self.commands.take_ripe() {
            return Received::event(0, completed.into());
        }
        self.wanted = 0;
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let step =
                if self.payload.is_idle() { self.receive_pdu(rest) } else { self.receive_payload(rest) };
            match step {
                Ok(Step::Silent(bytes)) => consumed += bytes,
                Ok(Step::Return(received)) => return received.after(consumed),
                Err(error) => return self.fail(error, rest).after(consumed),
            }
        }
    }

    #[inline]
    fn receive_pdu<'i>(&mut self, input: &'i [u8]) -> Outcome<'i, B> {
        let Ok((common, _)) = CommonHeader::ref_from_prefix(input) else {
            return Ok(self.want(COMMON_HEADER_BYTES));
        };
        let pdu_type = PduType::from_wire(common.pdu_type).ok_or(PduError::field(offset::PDU_TYPE))?;
        let todo = action(self.state, pdu_type)?;
        if matches!(todo, Action::PeerTerminate) {
            return Ok(self.peer_terminated(input));
        }
        let whole = match self.framing.check_header(input, common, pdu_type)? {
            Header::Wants(bytes) => return Ok(self.want(bytes)),
            Header::Whole(whole) => whole,
        };
        if todo == Action::Data {
            return self.data(input);
        }
        self.framing.check_no_data(common, whole)?;
        match todo {
            Action::Response => self.response(input, whole),
            Action::ReadyToTransfer => self.ready_to_transfer(input, whole),
            _ => self.initialize(input),
        }
    }

    fn initialize<'i>(&mut self, input: &'i [u8]) -> Outcome<'i, B> {
        let (ic_resp, _) = IcResp::ref_from_prefix(input).expect("a whole ICResp");
        ic_resp.check(DigestFlags::new(self.params.header_digest, self.params.data_digest))?;
        let (header_digest, data_digest) = (ic_resp.dgst.header(), ic_resp.dgst.data());
        let max_h2c_data = ic_resp.maxh2cdata.get();
        self.framing = Framing::new(header_digest, data_digest, self.params.hpda, ic_resp.cpda);
        self.max_h2c_data = max_h2c_data;
        self.state = State::Ready;
        let event = HostEvent::Initialized { max_h2c_data, header_digest, data_digest };
        Ok(Step::Return(Received::event(IC_RESP_BYTES, event)))
    }

    #[inline]
    fn response<'i>(&mut self, input: &'i [u8], whole: usize) -> Outcome<'i, B> {
        let (capsule, _) = CapsuleResp::ref_from_prefix(input).expect("a whole response");
        Ok(match self.commands.responded(capsule.cqe)? {
            Some(completed) => Step::Return(Received::event(whole, completed.into())),
            None => Step::Silent(whole),
        })
    }

    fn ready_to_transfer<'i>(&mut self, input: &'i [u8], whole: usize) -> Outcome<'i, B> {
        let (r2t, _) = R2t::ref_from_prefix(input).expect("a whole R2T");
        self.commands.r2t_received(r2t, u64::from(self.params.max_r2t) + 1)?;
        self.push_h2c_data(r2t);
        Ok(Step::Silent(whole))
    }

    #[inline]
    fn data<'i>(&mut self, input: &'i [u8]) -> Outcome<'i, B> {
        let (pdu, _) = C2hData::ref_from_prefix(input).expect("a whole header");
        let part = self.framing.check_data(&pdu.header, PduType::C2hData)?;
        if pdu.datal.get() != part.length {
            return Err(PduError::field(c2h_data::offset::DATAL));
        }
        if input.len() < part.offset {
            return Ok(self.want(part.offset));
        }
        self.commands.data_announced(pdu)?;
        let cid = pdu.cccid.get();
        let range = (pdu.datao.get(), part.length);
        self.payload.begin(cid, u32::from(cid), range, self.framing.data_digest);
        self.success = pdu.header.flags.success();
        Ok(Step::Silent(part.offset))
    }

    /// Goes on with the data of a C2HData.
    #[inline]
    fn receive_payload<'i>(&mut self, input: &'i [u8]) -> Outcome<'i, B> {
        let cid = self.payload.key();
        match self.payload.advance(input) {
            Progress::Bytes(offset, bytes) => {
                let event = HostEvent::Data { cid, offset, bytes };
                Ok(Step::Return(Received::event(bytes.len(), event)))
            }
            Progress::Wants(bytes) => Ok(self.want(bytes)),
            Progress::Over(consumed, verdict) => {
                if verdict.is_err() {
                    self.commands.digest_failed(cid);
                }
                self.data_over(cid, consumed)
            }
        }
    }

    /// A C2HData is over; its SUCCESS flag completes the command.
    #[inline]
    fn data_over<'i>(&mut self, cid: u16, consumed: usize) -> Outcome<'i, B> {
        if !self.success {
            return Ok(Step::Silent(consumed));
        }
        let completed = self.commands.responded(Cqe::new(cid, Status::SUCCESS))?;
        Ok(match completed {
            Some(completed) => Step::Return(Received::event(consumed, completed.into())),
            None => Step::Silent(consumed),
        })
    }

    fn peer_terminated<'i>(&mut self, input: &'i [u8]) -> Step<'i, B> {
        let Ok((pdu, _)) = TermReq::ref_from_prefix(input) else {
            return self.want(TERM_REQ_BYTES);
        };
        self.state = State::Terminated;
        let event = HostEvent::PeerTerminated { fes: pdu.fes.get(), fei: pdu.fei.get() };
        Step::Return(Received::event(input.len(), event))
    }

    #[inline]
    fn want<'i>(&mut self, bytes: usize) -> Step<'i, B> {
        self.wanted = bytes;
        Step::Return(Received::nothing(0))
    }
}

impl<B> HostQpair<B> {
    /// Queues H2CTermReq with a copy of the header at the front of `input`, and swallows the rest.
    #[cold]
    pub(super) fn fail<'i>(&mut self, error: PduError, input: &'i [u8]) -> Received<HostEvent<'i, B>> {
        push_term_req(&mut self.transmit, PduType::H2cTermReq, error, input);
        self.state = State::Terminated;
        self.error = Some(error);
        Received::event(input.len(), HostEvent::Terminated)
    }
}
