//! Framing: where a PDU's parts lie on a connection, and the checks that hold for every type of PDU.
//!
//! Both machines use it for both directions. The common case of each check is one comparison; what does not match
//! goes to a cold function that finds out why.
//!
//! Order of checks, which decides what TermReq reports: type (the machine's state table), HLEN, HDGSTF, least
//! PLEN, header digest, and only then what the digest protects: DDGSTF, PDO, lengths.

use super::transmit::TransmitQueue;
use crate::tcp::common_header::{COMMON_HEADER_BYTES, offset};
use crate::tcp::digest::crc32c;
use crate::tcp::term_req::{TERM_REQ_BYTES, TERM_REQ_DATA_BYTES};
use crate::tcp::{CommonHeader, DIGEST_BYTES, PduError, PduFlags, PduType, TermReq};
use zerocopy::{Immutable, IntoBytes};

/// Most bytes of a TermReq.
pub(super) const TERM_REQ_MOST_BYTES: usize = TERM_REQ_BYTES + TERM_REQ_DATA_BYTES;

/// Header of H2CData and C2HData, in bytes.
const DATA_HEADER: u8 = 24;
/// Header of CapsuleCmd, in bytes.
const CAPSULE_HEADER: u8 = 72;

/// Data alignment of one direction and the offsets that follow from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alignment {
    bytes: u8,
    data_pdo: u8,
    capsule_pdo: u8,
}

impl Alignment {
    /// From HPDA or CPDA (dwords, zero-based, 0..=31).
    fn new(pda: u8, header_digest: bool) -> Self {
        let bytes = (pda + 1) * 4;
        let digest = if header_digest { 4 } else { 0 };
        let pdo = |header: u8| (header + digest).next_multiple_of(bytes);
        Self { bytes, data_pdo: pdo(DATA_HEADER), capsule_pdo: pdo(CAPSULE_HEADER) }
    }

    /// Least PDO of a PDU of this type that carries data.
    const fn pdo(self, pdu_type: PduType) -> u8 {
        match pdu_type {
            PduType::CapsuleCmd => self.capsule_pdo,
            _ => self.data_pdo,
        }
    }
}

/// Where the data of a received PDU lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataPart {
    /// Offset from the start of the PDU, in bytes.
    pub(super) offset: usize,
    /// Length in bytes, at least 1.
    pub(super) length: u32,
}

/// Digests and alignments in force on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Framing {
    pub(super) header_digest: bool,
    pub(super) data_digest: bool,
    receive: Alignment,
    send: Alignment,
}

/// The result of looking at a header.
pub(super) enum Header {
    /// Complete and intact; this many bytes with its digest.
    Whole(usize),
    /// The input must hold this many bytes.
    Wants(usize),
}

impl Framing {
    /// Before initialization: no digests, no alignment beyond dwords.
    pub(super) fn initial() -> Self {
        Self::new(false, false, 0, 0)
    }

    /// `receive_pda` and `send_pda` in dwords, zero-based, 0..=31.
    pub(super) fn new(header_digest: bool, data_digest: bool, receive_pda: u8, send_pda: u8) -> Self {
        Self {
            header_digest,
            data_digest,
            receive: Alignment::new(receive_pda, header_digest),
            send: Alignment::new(send_pda, header_digest),
        }
    }

    const fn header_digest_bytes(self) -> usize {
        if self.header_digest { DIGEST_BYTES } else { 0 }
    }

    /// Bytes of a data digest as they count in PLEN.
    pub(super) const fn data_digest_bytes(self) -> u32 {
        if self.data_digest { 4 } else { 0 }
    }

    /// Checks the header at the front of `input`, which holds at least the common header.
    #[inline]
    pub(super) fn check_header(
        self,
        input: &[u8],
        header: &CommonHeader,
        pdu_type: PduType,
    ) -> Result<Header, PduError> {
        let hlen = pdu_type.header_bytes();
        if header.hlen != hlen {
            return Err(PduError::field(offset::HLEN));
        }
        if header.flags.header_digest() != self.header_digest {
            return Err(PduError::field(offset::FLAGS));
        }
        let whole = usize::from(hlen) + self.header_digest_bytes();
        if (header.plen.get() as usize) < whole {
            return Err(PduError::field(offset::PLEN));
        }
        if input.len() < whole {
            return Ok(Header::Wants(whole));
        }
        if self.header_digest {
            verify_header(&input[..whole])?;
        }
        Ok(Header::Whole(whole))
    }

    /// Checks a PDU that carries no data: its header is all of it.
    pub(super) fn check_no_data(self, header: &CommonHeader, whole: usize) -> Result<(), PduError> {
        if header.plen.get() as usize != whole {
            return Err(PduError::field(offset::PLEN));
        }
        if header.flags.data_digest() {
            return Err(PduError::field(offset::FLAGS));
        }
        Ok(())
    }

    /// Checks a PDU that carries data and finds them.
    #[inline]
    pub(super) fn check_data(self, header: &CommonHeader, pdu_type: PduType) -> Result<DataPart, PduError> {
        if header.flags.data_digest() != self.data_digest {
            return Err(PduError::field(offset::FLAGS));
        }
        if header.pdo != self.receive.pdo(pdu_type) {
            self.check_unusual_pdo(header.pdo, pdu_type)?;
        }
        let around = u32::from(header.pdo) + self.data_digest_bytes();
        match header.plen.get().checked_sub(around) {
            None | Some(0) => Err(PduError::field(offset::PLEN)),
            Some(length) => Ok(DataPart { offset: usize::from(header.pdo), length }),
        }
    }

    /// More padding than needed is allowed, less or unaligned is not.
    #[cold]
    fn check_unusual_pdo(self, pdo: u8, pdu_type: PduType) -> Result<(), PduError> {
        if pdo < self.receive.pdo(pdu_type) || !pdo.is_multiple_of(self.receive.bytes) {
            return Err(PduError::field(offset::PDO));
        }
        Ok(())
    }

    /// Flags for a PDU to be sent.
    pub(super) const fn flags(self, carries_data: bool) -> PduFlags {
        PduFlags::NONE
            .with_header_digest(self.header_digest)
            .with_data_digest(self.data_digest && carries_data)
    }

    /// PLEN of a PDU without data to be sent.
    pub(super) const fn plen_no_data(self, pdu_type: PduType) -> u32 {
        pdu_type.header_bytes() as u32 + if self.header_digest { 4 } else { 0 }
    }

    /// PDO and PLEN of a PDU with `length` bytes of data to be sent.
    pub(super) const fn extent(self, pdu_type: PduType, length: u32) -> (u8, u32) {
        let pdo = self.send.pdo(pdu_type);
        (pdo, pdo as u32 + length + self.data_digest_bytes())
    }

    /// Queues the header of a PDU without data, with its digest.
    #[inline]
    pub(super) fn push_header<S, H>(self, queue: &mut TransmitQueue<S>, header: &H)
    where
        H: IntoBytes + Immutable,
    {
        queue.push_inline(header.as_bytes());
        if self.header_digest {
            queue.push_inline(&crc32c(header.as_bytes()).to_le_bytes());
        }
    }

    /// Queues the header of a PDU whose data begin at `pdo`, with digest and padding.
    #[inline]
    pub(super) fn push_data_header<S, H>(self, queue: &mut TransmitQueue<S>, header: &H, pdo: u8)
    where
        H: IntoBytes + Immutable,
    {
        self.push_header(queue, header);
        queue.push_padding(usize::from(pdo) - size_of::<H>() - self.header_digest_bytes());
    }

    /// Most bytes that one answer of a controller adds to the linear transmit buffer.
    pub(super) const fn answer_bytes(self) -> usize {
        let data = self.send.data_pdo as usize + DIGEST_BYTES;
        data + PduType::CapsuleResp.header_bytes() as usize + DIGEST_BYTES
    }
}

/// Queues a TermReq that repeats the header at the front of `input`, as much of it as came.
#[cold]
pub(super) fn push_term_req<S>(
    queue: &mut TransmitQueue<S>,
    pdu_type: PduType,
    error: PduError,
    input: &[u8],
) {
    let known = input.first().copied().and_then(PduType::from_wire);
    let header = known.map_or(COMMON_HEADER_BYTES, |known| usize::from(known.header_bytes()));
    let copy = &input[..header.min(input.len())];
    let copied = u8::try_from(copy.len()).expect("no header is longer than 128 bytes");
    queue.push_inline(TermReq::new(pdu_type, error, copied).as_bytes());
    queue.push_inline(copy);
}

/// Checks a header that ends in its digest.
fn verify_header(whole: &[u8]) -> Result<(), PduError> {
    let (header, digest) = whole.split_last_chunk::<DIGEST_BYTES>().expect("a header with its digest");
    let received = u32::from_le_bytes(*digest);
    if crc32c(header) == received { Ok(()) } else { Err(PduError::header_digest(received)) }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn data_begin_at_the_next_aligned_byte() {
        let pdo = |pda, digest, pdu_type| Alignment::new(pda, digest).pdo(pdu_type);
        assert_eq!(pdo(0, false, PduType::C2hData), 24);
        assert_eq!(pdo(0, true, PduType::C2hData), 28);
        assert_eq!(pdo(2, true, PduType::C2hData), 36);
        assert_eq!(pdo(31, true, PduType::CapsuleCmd), 128);
        assert_eq!(pdo(15, false, PduType::CapsuleCmd), 128);
        assert_eq!(pdo(30, false, PduType::CapsuleCmd), 124);
    }

    fn c2h(pdo: u8, plen: u32, flags: PduFlags) -> CommonHeader {
        CommonHeader::new(PduType::C2hData, flags, pdo, plen)
    }

    #[test]
    fn pdo_is_aligned_and_behind_the_header() {
        let framing = Framing::new(false, false, 2, 0);
        let check = |pdo| framing.check_data(&c2h(pdo, 1024, PduFlags::NONE), PduType::C2hData);
        for pdo in [24, 36, 252] {
            let part = check(pdo).expect("aligned");
            assert_eq!((part.offset, part.length), (usize::from(pdo), 1024 - u32::from(pdo)));
        }
        for pdo in [0, 12, 23, 25, 28, 255] {
            assert_eq!(check(pdo).unwrap_err(), PduError::field(3), "{pdo}");
        }
    }

    #[test]
    fn plen_leaves_room_for_data_and_digest() {
        let framing = Framing::new(false, true, 0, 0);
        let flags = PduFlags::NONE.with_data_digest(true);
        let check = |plen| framing.check_data(&c2h(24, plen, flags), PduType::C2hData);
        assert_eq!(check(28).unwrap_err(), PduError::field(4));
        assert_eq!(check(0).unwrap_err(), PduError::field(4));
        assert_eq!(check(29).expect("one byte").length, 1);
        assert_eq!(
            framing.check_data(&c2h(24, 29, PduFlags::NONE), PduType::C2hData).unwrap_err(),
            PduError::field(1)
        );
    }
}
