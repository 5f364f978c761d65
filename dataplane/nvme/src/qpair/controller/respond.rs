//! What the controller sends: R2Ts, data and responses.

use super::ControllerQpair;
use super::state::State;
use crate::cqe::Cqe;
use crate::qpair::Payload;
use crate::qpair::framing::TERM_REQ_MOST_BYTES;
use crate::qpair::transmit::zeroes;
use crate::tcp::digest::crc32c;
use crate::tcp::ic_resp::IC_RESP_BYTES;
use crate::tcp::{C2hData, CapsuleResp, PduType, R2t};
use zerocopy::little_endian::U16;

/// Bytes besides answers: ICResp and C2HTermReq with its copy of a header.
pub(super) const OTHER_BYTES: usize = IC_RESP_BYTES + TERM_REQ_MOST_BYTES;

/// Segments that the answers to `commands` commands make at most: header and payload each, and what comes last.
pub(super) const fn segments(commands: usize) -> usize {
    2 * commands + 1
}

impl<B> ControllerQpair<B> {
    /// Asks for the command's data, `length` bytes from offset 0: queues its R2T. `context` comes back in
    /// [`Data`](super::ControllerEvent::Data) and [`TransferDone`](super::ControllerEvent::TransferDone) and must
    /// stay valid until the latter, even if the command is answered before.
    ///
    /// # Panics
    /// If `length` is 0, or if more transfers are asked for than commands are outstanding.
    pub fn request_data(&mut self, cid: u16, context: u32, length: u32) {
        assert!(length > 0, "a transfer has data");
        if self.state == State::Terminated {
            return;
        }
        let ttag = self.transfers.begin(cid, context, length);
        let plen = self.framing.plen_no_data(PduType::R2t);
        let r2t = R2t::new(self.framing.flags(false), plen, cid, ttag, (0, length));
        self.framing.push_header(&mut self.transmit, &r2t);
    }

    /// Answers a command. SQHD and SQID are filled here (SQID is reserved over Fabrics).
    ///
    /// # Panics
    /// If no command is outstanding.
    #[inline]
    pub fn respond(&mut self, cqe: Cqe) {
        let sqhd = self.queue.answer();
        if self.state != State::Terminated {
            self.push_response(cqe, sqhd);
        }
    }

    /// Answers a command with data: C2HData, and CapsuleResp unless the SUCCESS flag may stand for it.
    ///
    /// # Panics
    /// If no command is outstanding, or if the buffer is shorter than the payload.
    #[inline]
    pub fn respond_data(&mut self, cqe: Cqe, data: Payload<B>)
    where
        B: AsRef<[u8]>,
    {
        let sqhd = self.queue.answer();
        if self.state == State::Terminated {
            return;
        }
        let success = self.success_flag_stands_for(&cqe) && data.length() > 0;
        if data.length() > 0 {
            self.push_data(cqe.cid.get(), success, data);
        }
        if !success {
            self.push_response(cqe, sqhd);
        }
    }

    /// The flag says no more than success: it carries neither a result nor SQHD (NVMe/TCP section 3.3.2.2).
    #[inline]
    fn success_flag_stands_for(&self, cqe: &Cqe) -> bool {
        !self.queue.flow_control() && cqe.result() == 0 && cqe.status.get() == 0
    }

    #[inline]
    fn push_response(&mut self, cqe: Cqe, sqhd: u16) {
        let cqe = Cqe { sqhd: U16::new(sqhd), sqid: U16::ZERO, ..cqe };
        let plen = self.framing.plen_no_data(PduType::CapsuleResp);
        let capsule = CapsuleResp::new(self.framing.flags(false), plen, cqe);
        self.framing.push_header(&mut self.transmit, &capsule);
    }

    #[inline]
    fn push_data(&mut self, cid: u16, success: bool, data: Payload<B>)
    where
        B: AsRef<[u8]>,
    {
        let length = data.length();
        let (pdo, plen) = self.framing.extent(PduType::C2hData, length);
        let flags = self.framing.flags(true).with_last_pdu(true).with_success(success);
        let header = C2hData::new(flags, pdo, plen, cid, (0, length));
        self.framing.push_data_header(&mut self.transmit, &header, pdo);
        let digest = self.framing.data_digest.then(|| self.digest_of(&data));
        match data {
            Payload::Buffer { buffer, length } => {
                assert!(buffer.as_ref().len() >= length as usize, "payload longer than its buffer");
                self.transmit.push_data(buffer, 0, length as usize);
            }
            Payload::Zeroes { length } => self.transmit.push_zeroes(length as usize),
        }
        if let Some(digest) = digest {
            self.transmit.push_inline(&digest.to_le_bytes());
        }
    }

    fn digest_of(&mut self, data: &Payload<B>) -> u32
    where
        B: AsRef<[u8]>,
    {
        match data {
            Payload::Buffer { buffer, length } => crc32c(&buffer.as_ref()[..*length as usize]),
            Payload::Zeroes { length } => {
                self.send_crc.restart();
                zeroes(*length as usize).for_each(|piece| self.send_crc.update(piece));
                self.send_crc.value()
            }
        }
    }
}
