//! PDU headers, each on its own; what may follow what is the qpairs' business.

use super::{Target, structure};
use crate::cqe::Cqe;
use crate::sqe::Sqe;
use crate::status::Status;
use crate::tcp::{
    C2hData, CapsuleCmd, CapsuleResp, CommonHeader, DigestFlags, Fes, H2cData, IcReq, IcResp, PduError,
    PduFlags, PduType, R2t, TermReq, digest,
};
use zerocopy::IntoBytes;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "common_header", run: common_header, golden: golden_common_header },
    Target { name: "ic_req", run: ic_req, golden: golden_ic_req },
    Target { name: "ic_resp", run: ic_resp, golden: golden_ic_resp },
    Target { name: "capsule_cmd", run: capsule_cmd, golden: golden_capsule_cmd },
    Target { name: "capsule_resp", run: capsule_resp, golden: golden_capsule_resp },
    Target { name: "h2c_data", run: h2c_data, golden: golden_h2c_data },
    Target { name: "c2h_data", run: c2h_data, golden: golden_c2h_data },
    Target { name: "r2t", run: r2t, golden: golden_r2t },
    Target { name: "term_req", run: term_req, golden: golden_term_req },
    Target { name: "crc32c", run: crc32c, golden: || b"123456789".to_vec() },
];

/// Common header.
pub fn common_header(input: &[u8]) {
    let Some(header) = structure::<CommonHeader>(input) else { return };
    let known = PduType::from_wire(header.pdu_type);
    assert!(known.is_none_or(|known| known.header_bytes() >= 24));
    assert_eq!(PduFlags::from_wire(header.flags.to_wire()), header.flags);
}

/// ICReq.
pub fn ic_req(input: &[u8]) {
    let Some(pdu) = structure::<IcReq>(input) else { return };
    assert_eq!(pdu.check().is_ok(), pdu.pfv.get() == 0 && pdu.hpda <= 31);
}

/// ICResp, as the answer to each choice of digests.
pub fn ic_resp(input: &[u8]) {
    let Some(pdu) = structure::<IcResp>(input) else { return };
    let all = pdu.check(DigestFlags::new(true, true));
    for (header, data) in [(false, false), (true, false), (false, true)] {
        assert!(pdu.check(DigestFlags::new(header, data)).is_err() || all.is_ok());
    }
}

/// CapsuleCmd.
pub fn capsule_cmd(input: &[u8]) {
    let Some(pdu) = structure::<CapsuleCmd>(input) else { return };
    super::sqe(pdu.sqe.as_bytes());
}

/// CapsuleResp.
pub fn capsule_resp(input: &[u8]) {
    let Some(pdu) = structure::<CapsuleResp>(input) else { return };
    super::cqe(pdu.cqe.as_bytes());
}

/// H2CData.
pub fn h2c_data(input: &[u8]) {
    let _ = structure::<H2cData>(input);
}

/// C2HData.
pub fn c2h_data(input: &[u8]) {
    let _ = structure::<C2hData>(input);
}

/// R2T.
pub fn r2t(input: &[u8]) {
    let _ = structure::<R2t>(input);
}

/// H2CTermReq and C2HTermReq.
pub fn term_req(input: &[u8]) {
    let Some(pdu) = structure::<TermReq>(input) else { return };
    assert_eq!(pdu.fes(), Fes::from_wire(pdu.fes.get()));
}

/// The digest: over the whole, and over two pieces.
pub fn crc32c(input: &[u8]) {
    let whole = digest::crc32c(input);
    let (head, tail) = input.split_at(input.len() / 3);
    let mut pieces = digest::Crc32c::new();
    pieces.update(head);
    pieces.update(tail);
    assert_eq!(pieces.value(), whole);
    assert_eq!(digest::verify(input, whole.to_le_bytes()), Ok(()));
}

fn golden_common_header() -> Vec<u8> {
    CommonHeader::new(PduType::CapsuleCmd, PduFlags::NONE, 0, 72).as_bytes().to_vec()
}

fn golden_ic_req() -> Vec<u8> {
    IcReq::new(0, DigestFlags::new(true, true), 0).as_bytes().to_vec()
}

fn golden_ic_resp() -> Vec<u8> {
    IcResp::new(0, DigestFlags::new(true, false), 0x2_0000).as_bytes().to_vec()
}

fn golden_capsule_cmd() -> Vec<u8> {
    CapsuleCmd::new(PduFlags::NONE, 0, 72, Sqe::default()).as_bytes().to_vec()
}

fn golden_capsule_resp() -> Vec<u8> {
    CapsuleResp::new(PduFlags::NONE, 24, Cqe::new(1, Status::SUCCESS)).as_bytes().to_vec()
}

fn golden_h2c_data() -> Vec<u8> {
    H2cData::new(PduFlags::NONE.with_last_pdu(true), 24, 4120, 1, 2, (0, 4096)).as_bytes().to_vec()
}

fn golden_c2h_data() -> Vec<u8> {
    C2hData::new(PduFlags::NONE.with_last_pdu(true), 24, 4120, 1, (0, 4096)).as_bytes().to_vec()
}

fn golden_r2t() -> Vec<u8> {
    R2t::new(PduFlags::NONE, 24, 1, 2, (0, 4096)).as_bytes().to_vec()
}

fn golden_term_req() -> Vec<u8> {
    TermReq::new(PduType::H2cTermReq, PduError::SEQUENCE, 24).as_bytes().to_vec()
}
