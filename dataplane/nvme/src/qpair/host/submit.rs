//! What the host sends: command capsules, and the H2CData that R2Ts ask for.

use super::commands::{Piece, Transfer};
use super::state::State;
use super::{HostData, HostQpair};
use crate::sgl::Sgl;
use crate::sqe::Sqe;
use crate::tcp::digest::crc32c;
use crate::tcp::{CapsuleCmd, H2cData, PduType, R2t};

impl<B: AsRef<[u8]>> HostQpair<B> {
    /// Queues a command. Its SGL is filled here. `in_capsule` puts outgoing data into the capsule if the limit allows;
    /// else they wait for R2Ts.
    ///
    /// # Panics
    /// If the connection is not ready, if the command identifier is out of range or in use, if outgoing data are empty
    /// or longer than 4 GiB less one byte.
    #[inline]
    pub fn submit(&mut self, mut sqe: Sqe, data: HostData<B>, in_capsule: bool) {
        assert!(self.state == State::Ready, "commands follow ICResp");
        let cid = sqe.cid.get();
        match data {
            HostData::None => {
                sqe.set_sgl(Sgl::Transport { length: 0 });
                self.commands.begin(cid, Transfer::None, 0, None);
                self.push_capsule(sqe);
            }
            HostData::In { length } => {
                sqe.set_sgl(Sgl::Transport { length });
                self.commands.begin(cid, Transfer::In, length, None);
                self.push_capsule(sqe);
            }
            HostData::Out(buffer) => self.submit_out(sqe, buffer, in_capsule),
        }
    }

    #[inline]
    fn submit_out(&mut self, mut sqe: Sqe, buffer: B, in_capsule: bool) {
        let cid = sqe.cid.get();
        let length = u32::try_from(buffer.as_ref().len()).expect("a transfer is less than 4 GiB");
        assert!(length > 0, "outgoing data are not empty");
        if in_capsule && length <= self.in_capsule_limit(sqe.opcode) {
            sqe.set_sgl(Sgl::InCapsule { offset: 0, length });
            self.commands.begin(cid, Transfer::InCapsule, length, Some(buffer));
            self.push_capsule_with_data(sqe, length);
        } else {
            sqe.set_sgl(Sgl::Transport { length });
            self.commands.begin(cid, Transfer::ByR2t, length, Some(buffer));
            self.push_capsule(sqe);
        }
    }

    #[inline]
    fn push_capsule(&mut self, sqe: Sqe) {
        let plen = self.framing.plen_no_data(PduType::CapsuleCmd);
        let capsule = CapsuleCmd::new(self.framing.flags(false), 0, plen, sqe);
        self.framing.push_header(&mut self.transmit, &capsule);
    }

    fn push_capsule_with_data(&mut self, sqe: Sqe, length: u32) {
        let (pdo, plen) = self.framing.extent(PduType::CapsuleCmd, length);
        let capsule = CapsuleCmd::new(self.framing.flags(true), pdo, plen, sqe);
        self.framing.push_data_header(&mut self.transmit, &capsule, pdo);
        self.push_piece(Piece { cid: sqe.cid.get(), ends_r2t: false }, (0, length));
    }

    /// Queues all H2CData that an R2T asks for.
    pub(super) fn push_h2c_data(&mut self, r2t: &R2t) {
        let (cid, ttag) = (r2t.cccid.get(), r2t.ttag.get());
        let (mut start, mut left) = (r2t.r2to.get(), r2t.r2tl.get());
        while left > 0 {
            let length = left.min(self.max_h2c_data);
            left -= length;
            let last = left == 0;
            let (pdo, plen) = self.framing.extent(PduType::H2cData, length);
            let flags = self.framing.flags(true).with_last_pdu(last);
            let header = H2cData::new(flags, pdo, plen, cid, ttag, (start, length));
            self.framing.push_data_header(&mut self.transmit, &header, pdo);
            self.push_piece(Piece { cid, ends_r2t: last }, (start, length));
            start += length;
        }
    }

    /// Queues `range` (offset and length) of a command's buffer, with its digest.
    #[inline]
    fn push_piece(&mut self, piece: Piece, range: (u32, u32)) {
        let (start, end) = (range.0 as usize, range.0 as usize + range.1 as usize);
        self.transmit.push_data(piece, start, end);
        self.commands.piece_queued(piece.cid);
        if self.framing.data_digest {
            let digest = crc32c(&self.commands.data(piece.cid)[start..end]);
            self.transmit.push_inline(&digest.to_le_bytes());
        }
    }
}
