//! Answers and bytes out, and what must hold of them.

use super::{ControllerOwner, OpenR2t};
use crate::cqe::Cqe;
use crate::fuzz::wire::{for_each_pdu, write_some};
use crate::opcode::DataTransfer;
use crate::qpair::Payload;
use crate::status::Status;
use crate::tcp::{C2hData, PduType, R2t};
use std::io::IoSlice;
use zerocopy::FromBytes;

impl ControllerOwner {
    /// Answers some commands and sends some bytes, or neither.
    pub(in crate::fuzz) fn do_something(&mut self) {
        while !self.answerable.is_empty() && !self.random.one_in(4) {
            self.answer();
        }
        if !self.random.one_in(8) {
            self.send();
        }
    }

    fn answer(&mut self) {
        let (cid, opcode) = self.answerable.swap_remove(self.random.below(self.answerable.len()));
        let status = if self.random.one_in(8) { Status::INVALID_FIELD.dnr() } else { Status::SUCCESS };
        let cqe = Cqe::new(cid, status);
        if DataTransfer::of(opcode) == DataTransfer::ControllerToHost && status.is_success() {
            let payload = self.answer_data();
            self.qpair.respond_data(cqe, payload);
        } else {
            self.qpair.respond(cqe);
        }
    }

    fn answer_data(&mut self) -> Payload<Vec<u8>> {
        let length = [0, 1, 512, 4096][self.random.below(4)];
        match self.random.one_in(4) {
            true => Payload::Zeroes { length },
            false => Payload::Buffer { buffer: vec![self.random.byte(); 4096], length },
        }
    }

    /// Sends everything, in steps.
    fn send(&mut self) {
        let mut sent = core::mem::take(&mut self.sent);
        while self.qpair.has_output() {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.qpair.transmit(&mut slices);
            let bytes = write_some(&slices[..filled], &mut self.random, &mut sent);
            self.qpair.transmitted(bytes);
        }
        for_each_pdu(&sent, |pdu_type, pdu| self.see(pdu_type, pdu));
        sent.clear();
        self.sent = sent;
    }

    /// What the host makes of a PDU.
    fn see(&mut self, pdu_type: PduType, pdu: &[u8]) {
        assert_eq!(self.term_reqs, 0, "nothing follows C2HTermReq");
        match pdu_type {
            PduType::R2t => {
                let (r2t, _) = R2t::ref_from_prefix(pdu).expect("a whole R2T");
                let (next, end) = (r2t.r2to.get(), r2t.r2to.get() + r2t.r2tl.get());
                self.r2ts.push(OpenR2t { cid: r2t.cccid.get(), ttag: r2t.ttag.get(), next, end });
            }
            PduType::C2hData => {
                let (data, _) = C2hData::ref_from_prefix(pdu).expect("a whole C2HData");
                assert!(data.datal.get() > 0 && data.header.flags.last_pdu());
            }
            PduType::C2hTermReq => self.term_reqs += 1,
            other => {
                assert!(matches!(other, PduType::IcResp | PduType::CapsuleResp), "{other:?} is the host's")
            }
        }
    }

    /// The stream is over: whatever is left is answered and sent.
    pub(in crate::fuzz) fn finish(&mut self) {
        while !self.answerable.is_empty() {
            self.answer();
        }
        self.send();
        assert_eq!(self.term_reqs, u32::from(self.failed), "one C2HTermReq after a fatal error");
        assert_eq!(self.qpair.error().is_some(), self.failed);
        assert!(!self.qpair.has_output());
    }
}
