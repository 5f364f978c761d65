//! Transfers from host to controller in progress, one per R2T. The transfer tag is the slot's index.
//!
//! A command gets one R2T for all of its data, which every MAXR2T allows (it is zero-based), and the host splits
//! the data into H2CData of at most MAXH2CDATA bytes. Hence a transfer is one range that grows from its start.
//!
//! Invariants: received <= length; a slot is either on the free list or active.

use crate::tcp::common_header::offset as common;
use crate::tcp::h2c_data::offset;
use crate::tcp::{DigestError, H2cData, PduError};

#[derive(Clone, Copy, Debug)]
struct Transfer {
    active: bool,
    cid: u16,
    context: u32,
    length: u32,
    received: u32,
    error: Option<DigestError>,
}

const FREE: Transfer = Transfer { active: false, cid: 0, context: 0, length: 0, received: 0, error: None };

/// The table.
#[derive(Debug)]
pub(super) struct Transfers {
    slots: Vec<Transfer>,
    free: Vec<u16>,
}

impl Transfers {
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// Makes room for `count` transfers at a time, if there is less.
    pub(super) fn reserve(&mut self, count: u16) {
        let first = u16::try_from(self.slots.len()).expect("at most one slot per command");
        if first < count {
            self.slots.resize(usize::from(count), FREE);
            self.free.reserve_exact(usize::from(count));
            self.free.extend((first..count).rev());
        }
    }

    /// Begins a transfer of `length` bytes; returns its tag.
    ///
    /// # Panics
    /// If every slot is taken: more transfers than commands.
    pub(super) fn begin(&mut self, cid: u16, context: u32, length: u32) -> u16 {
        let ttag = self.free.pop().expect("no more transfers than commands outstanding");
        self.slots[usize::from(ttag)] =
            Transfer { active: true, cid, context, length, received: 0, error: None };
        ttag
    }

    /// Checks the header of an H2CData against the transfer it names; returns the transfer's context.
    ///
    /// DATAL has been checked against PLEN.
    pub(super) fn check(&self, pdu: &H2cData, max_h2c_data: u32) -> Result<u32, PduError> {
        let transfer = self.slots.get(usize::from(pdu.ttag.get())).filter(|slot| slot.active);
        let transfer = transfer.ok_or(PduError::field(offset::TTAG))?;
        if transfer.cid != pdu.cccid.get() {
            return Err(PduError::field(offset::CCCID));
        }
        let length = pdu.datal.get();
        if length > max_h2c_data {
            return Err(PduError::LIMIT);
        }
        let left = transfer.length - transfer.received;
        if pdu.datao.get() != transfer.received || length > left {
            return Err(PduError::OUT_OF_RANGE);
        }
        if pdu.header.flags.last_pdu() != (length == left) {
            return Err(PduError::field(common::FLAGS));
        }
        Ok(transfer.context)
    }

    /// `length` more bytes were announced by an H2CData that passed [`check`](Self::check).
    pub(super) fn announce(&mut self, ttag: u16, length: u32) {
        self.slots[usize::from(ttag)].received += length;
    }

    /// The H2CData is over. If the transfer is too, its context and the first digest error.
    pub(super) fn pdu_over(
        &mut self,
        ttag: u16,
        verdict: Result<(), DigestError>,
    ) -> Option<(u32, Result<(), DigestError>)> {
        let slot = &mut self.slots[usize::from(ttag)];
        slot.error = slot.error.or(verdict.err());
        if slot.received < slot.length {
            return None;
        }
        let done = *slot;
        *slot = FREE;
        self.free.push(ttag);
        Some((done.context, done.error.map_or(Ok(()), Err)))
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::tcp::{Fes, PduFlags};

    fn pdu(cid: u16, ttag: u16, range: (u32, u32), last: bool) -> H2cData {
        H2cData::new(PduFlags::NONE.with_last_pdu(last), 24, 24 + range.1, cid, ttag, range)
    }

    #[test]
    fn only_the_next_bytes_of_a_known_transfer_pass() {
        let mut transfers = Transfers::new();
        transfers.reserve(4);
        let ttag = transfers.begin(7, 99, 8192);
        let check = |pdu: &H2cData| transfers.check(pdu, 4096);
        assert_eq!(check(&pdu(7, ttag, (0, 4096), false)), Ok(99));
        assert_eq!(check(&pdu(7, ttag, (0, 4097), false)), Err(PduError::LIMIT));
        assert_eq!(check(&pdu(7, ttag, (0, 4096), true)), Err(PduError::field(1)));
        assert_eq!(check(&pdu(7, ttag, (4, 4096), false)).unwrap_err().fes, Fes::DataTransferOutOfRange);
        assert_eq!(check(&pdu(8, ttag, (0, 4096), false)), Err(PduError::field(8)));
        for wrong in [1, 4, u16::MAX] {
            assert_eq!(check(&pdu(7, wrong, (0, 4096), false)), Err(PduError::field(10)));
        }
    }

    #[test]
    fn last_pdu_ends_the_transfer_and_frees_its_tag() {
        let mut transfers = Transfers::new();
        transfers.reserve(1);
        let ttag = transfers.begin(1, 5, 6000);
        transfers.announce(ttag, 4096);
        let error = DigestError { received: 1, computed: 2 };
        assert_eq!(transfers.pdu_over(ttag, Err(error)), None);
        let past = transfers.check(&pdu(1, ttag, (4096, 1905), true), 4096);
        assert_eq!(past, Err(PduError::OUT_OF_RANGE));
        assert_eq!(transfers.check(&pdu(1, ttag, (4096, 1904), true), 4096), Ok(5));
        transfers.announce(ttag, 1904);
        assert_eq!(transfers.pdu_over(ttag, Ok(())), Some((5, Err(error))));
        assert!(transfers.check(&pdu(1, ttag, (0, 1), true), 4096).is_err());
        assert_eq!(transfers.begin(2, 6, 1), ttag);
    }
}
