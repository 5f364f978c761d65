//! Commands outstanding, by command identifier.
//!
//! ```text
//!   Free --submit--> Active --response--> Free                   all pieces sent
//!                      `----response--> Completing --last piece--> Free      pieces still queued
//! ```
//!
//! Invariants: done <= length; pieces == pieces of the buffer in the transmit queue; a buffer stays while the
//! command is not free; r2ts <= MAXR2T + 1.

use crate::cqe::Cqe;
use crate::status::Status;
use crate::tcp::common_header::{COMMON_HEADER_BYTES, offset as common};
use crate::tcp::{C2hData, PduError, R2t, c2h_data, r2t};

/// Offset of the command identifier in a response capsule, for FEI.
const RESPONSE_CID: u32 = 20;
const _: () = assert!(COMMON_HEADER_BYTES + core::mem::offset_of!(Cqe, cid) == RESPONSE_CID as usize);

/// A run of a command's buffer in the transmit queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) cid: u16,
    /// It is the last of an R2T, which is no longer outstanding once it is sent.
    pub(super) ends_r2t: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Active,
    Completing,
}

/// Which way a command's data go, and by which PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transfer {
    None,
    In,
    InCapsule,
    ByR2t,
}

#[derive(Debug)]
struct Command<B> {
    state: State,
    transfer: Transfer,
    length: u32,
    done: u32,
    pieces: u32,
    r2ts: u32,
    last_data: bool,
    digest_error: bool,
    cqe: Cqe,
    buffer: Option<B>,
}

impl<B> Command<B> {
    const fn free() -> Self {
        Self {
            state: State::Free,
            transfer: Transfer::None,
            length: 0,
            done: 0,
            pieces: 0,
            r2ts: 0,
            last_data: false,
            digest_error: false,
            cqe: Cqe::new(0, Status::SUCCESS),
            buffer: None,
        }
    }
}

/// A completion to report.
pub(super) struct Completed<B> {
    pub(super) cid: u16,
    pub(super) cqe: Cqe,
    pub(super) transferred: u32,
    pub(super) buffer: Option<B>,
}

/// The table.
#[derive(Debug)]
pub(super) struct Commands<B> {
    slots: Vec<Command<B>>,
    /// Commands whose response came before their last piece was sent; it is sent now.
    ripe: Vec<u16>,
}

impl<B> Commands<B> {
    pub(super) fn new(count: u16) -> Self {
        let slots = (0..count).map(|_| Command::free()).collect();
        Self { slots, ripe: Vec::with_capacity(usize::from(count)) }
    }

    pub(super) fn is_free(&self, cid: u16) -> bool {
        self.slots[usize::from(cid)].state == State::Free
    }

    /// Takes a free slot for a command.
    #[inline]
    pub(super) fn begin(&mut self, cid: u16, transfer: Transfer, length: u32, buffer: Option<B>) {
        let slot = &mut self.slots[usize::from(cid)];
        assert!(slot.state == State::Free, "command identifier {cid} is in use");
        *slot = Command { state: State::Active, transfer, length, buffer, ..Command::free() };
    }

    #[inline]
    fn active(&mut self, cid: u16, error: PduError) -> Result<&mut Command<B>, PduError> {
        let slot = self.slots.get_mut(usize::from(cid));
        slot.filter(|slot| slot.state == State::Active).ok_or(error)
    }

    /// Checks the header of a C2HData and accounts for its data. DATAL has been checked against PLEN.
    #[inline]
    pub(super) fn data_announced(&mut self, pdu: &C2hData) -> Result<(), PduError> {
        let unknown = PduError::field(c2h_data::offset::CCCID);
        let slot = self.active(pdu.cccid.get(), unknown)?;
        let (length, flags) = (pdu.datal.get(), pdu.header.flags);
        if slot.last_data {
            return Err(PduError::SEQUENCE);
        }
        if slot.transfer != Transfer::In || pdu.datao.get() != slot.done || length > slot.length - slot.done {
            return Err(PduError::OUT_OF_RANGE);
        }
        let complete = length == slot.length - slot.done;
        if flags.success() && !(flags.last_pdu() && complete) {
            return Err(PduError::field(common::FLAGS));
        }
        slot.done += length;
        slot.last_data = flags.last_pdu();
        Ok(())
    }

    /// The data digest of a C2HData does not match.
    pub(super) fn digest_failed(&mut self, cid: u16) {
        self.slots[usize::from(cid)].digest_error = true;
    }

    /// Checks an R2T and counts it as outstanding. `most` is how many a command may have.
    pub(super) fn r2t_received(&mut self, pdu: &R2t, most: u64) -> Result<(), PduError> {
        let slot = self.active(pdu.cccid.get(), PduError::field(r2t::offset::CCCID))?;
        let (start, length) = (pdu.r2to.get(), pdu.r2tl.get());
        if length == 0 {
            return Err(PduError::field(r2t::offset::R2TL));
        }
        if slot.transfer != Transfer::ByR2t || start != slot.done || length > slot.length - slot.done {
            return Err(PduError::OUT_OF_RANGE);
        }
        if u64::from(slot.r2ts) >= most {
            return Err(PduError::LIMIT);
        }
        slot.done += length;
        slot.r2ts += 1;
        Ok(())
    }

    /// A piece of the command's buffer was queued.
    #[inline]
    pub(super) fn piece_queued(&mut self, cid: u16) {
        self.slots[usize::from(cid)].pieces += 1;
    }

    /// A piece was sent.
    #[inline]
    pub(super) fn piece_sent(&mut self, piece: Piece) {
        let slot = &mut self.slots[usize::from(piece.cid)];
        slot.pieces -= 1;
        slot.r2ts -= u32::from(piece.ends_r2t);
        if slot.pieces == 0 && slot.state == State::Completing {
            self.ripe.push(piece.cid);
        }
    }

    /// The response to a command came. `None`: it is to wait until the command's data are sent.
    #[inline]
    pub(super) fn responded(&mut self, cqe: Cqe) -> Result<Option<Completed<B>>, PduError> {
        let cid = cqe.cid.get();
        let slot = self.active(cid, PduError::field(RESPONSE_CID))?;
        if slot.pieces > 0 {
            slot.state = State::Completing;
            slot.cqe = cqe;
            return Ok(None);
        }
        Ok(Some(self.complete(cid, cqe)))
    }

    /// A completion that waited for its data to be sent.
    #[inline]
    pub(super) fn take_ripe(&mut self) -> Option<Completed<B>> {
        let cid = self.ripe.pop()?;
        Some(self.complete(cid, self.slots[usize::from(cid)].cqe))
    }

    #[inline]
    fn complete(&mut self, cid: u16, mut cqe: Cqe) -> Completed<B> {
        let slot = &mut self.slots[usize::from(cid)];
        if slot.digest_error && cqe.status().is_success() {
            cqe.status = Cqe::new(cid, Status::TRANSIENT_TRANSPORT_ERROR).status;
        }
        let transferred = if slot.transfer == Transfer::In { slot.done } else { 0 };
        slot.state = State::Free;
        Completed { cid, cqe, transferred, buffer: slot.buffer.take() }
    }

    /// Frees a command that will not complete.
    pub(super) fn reclaim(&mut self, cid: u16) -> Option<B> {
        self.ripe.retain(|&ripe| ripe != cid);
        core::mem::replace(&mut self.slots[usize::from(cid)], Command::free()).buffer
    }
}

impl<B: AsRef<[u8]>> Commands<B> {
    /// The buffer of a command whose data are being sent.
    #[inline]
    pub(super) fn data(&self, cid: u16) -> &[u8] {
        let buffer = self.slots[usize::from(cid)].buffer.as_ref();
        buffer.expect("the buffer stays until its pieces are sent").as_ref()
    }
}
