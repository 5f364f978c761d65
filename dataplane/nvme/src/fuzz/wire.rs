//! What a qpair sends, taken apart and checked: whole PDUs, right lengths, right digests.

use super::random::Random;
use crate::tcp::{CommonHeader, DIGEST_BYTES, PduType, digest};
use std::io::IoSlice;
use zerocopy::FromBytes;

/// Hands each PDU of `stream` to `each`; the stream must end with the last of them.
pub(super) fn for_each_pdu(stream: &[u8], mut each: impl FnMut(PduType, &[u8])) {
    let mut rest = stream;
    while !rest.is_empty() {
        let (header, _) = CommonHeader::ref_from_prefix(rest).expect("a whole common header is sent");
        let pdu_type = PduType::from_wire(header.pdu_type).expect("a type that exists is sent");
        let plen = usize::try_from(header.plen.get()).expect("a PDU fits into memory");
        let (pdu, tail) = rest.split_at(plen);
        check_pdu(pdu, header, pdu_type);
        each(pdu_type, pdu);
        rest = tail;
    }
}

fn check_pdu(pdu: &[u8], header: &CommonHeader, pdu_type: PduType) {
    let hlen = usize::from(header.hlen);
    assert_eq!(header.hlen, pdu_type.header_bytes(), "HLEN of {pdu_type:?}");
    let (head, mut rest) = pdu.split_at(hlen);
    if header.flags.header_digest() {
        let (received, tail) = rest.split_first_chunk::<DIGEST_BYTES>().expect("a header digest is sent");
        assert_eq!(digest::verify(head, *received), Ok(()), "header digest of {pdu_type:?}");
        rest = tail;
    }
    if header.pdo == 0 {
        return assert!(rest.is_empty() || is_term_req(pdu_type), "{pdu_type:?} without data has none");
    }
    assert!(usize::from(header.pdo) + rest.len() >= pdu.len(), "PDO lies behind the header");
    let data = &pdu[usize::from(header.pdo)..];
    if header.flags.data_digest() {
        let (data, received) = data.split_last_chunk::<DIGEST_BYTES>().expect("a data digest is sent");
        assert_eq!(digest::verify(data, *received), Ok(()), "data digest of {pdu_type:?}");
    }
}

fn is_term_req(pdu_type: PduType) -> bool {
    matches!(pdu_type, PduType::C2hTermReq | PduType::H2cTermReq)
}

/// Appends what a socket would take of `slices` to `sent`: mostly everything, at times a part. Returns the bytes.
pub(super) fn write_some(slices: &[IoSlice<'_>], random: &mut Random, sent: &mut Vec<u8>) -> usize {
    let before = sent.len();
    slices.iter().for_each(|slice| sent.extend_from_slice(slice));
    let gathered = sent.len() - before;
    assert!(gathered > 0, "a qpair with output has bytes to send");
    if random.one_in(4) {
        sent.truncate(before + 1 + random.below(gathered));
    }
    sent.len() - before
}
