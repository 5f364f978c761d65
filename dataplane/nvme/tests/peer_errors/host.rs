//! A controller that breaks the rules.

use crate::{MAXH2CDATA, assert_term_req, gathered, with_payload};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{HostData, HostEvent, HostParams, HostQpair};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::{
    C2hData, CapsuleResp, DigestFlags, Fes, H2cData, IcResp, PduError, PduFlags, PduType, R2t, TermReq,
};
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, IntoBytes};

type Qpair = HostQpair<Vec<u8>>;

const LAST: PduFlags = PduFlags::NONE.with_last_pdu(true);
const READ_CID: u16 = 1;
const WRITE_CID: u16 = 2;
const LENGTH: u32 = 10_000;

fn fresh() -> Qpair {
    let params =
        HostParams { header_digest: false, data_digest: false, hpda: 0, max_r2t: 1, max_commands: 4 };
    Qpair::new(&params)
}

/// Initialized, with a read and a write of `LENGTH` bytes outstanding, all output sent.
fn ready() -> Qpair {
    let mut qpair = fresh();
    let ic_resp = IcResp::new(0, DigestFlags::default(), MAXH2CDATA);
    assert!(matches!(qpair.receive(ic_resp.as_bytes()).event, Some(HostEvent::Initialized { .. })));
    let sqe = |cid| Sqe { cid: U16::new(cid), ..Sqe::default() };
    qpair.submit(sqe(READ_CID), HostData::In { length: LENGTH }, false);
    qpair.submit(sqe(WRITE_CID), HostData::Out(vec![5; LENGTH as usize]), true);
    qpair.transmitted(gathered(|out| qpair.transmit(out)).len());
    qpair
}

fn data(flags: PduFlags, cid: u16, range: (u32, u32)) -> Vec<u8> {
    with_payload(&C2hData::new(flags, 24, 24 + range.1, cid, range), range.1 as usize)
}

fn r2t(cid: u16, range: (u32, u32)) -> Vec<u8> {
    R2t::new(PduFlags::NONE, 24, cid, 0x55, range).as_bytes().to_vec()
}

fn response(cid: u16) -> Vec<u8> {
    CapsuleResp::new(PduFlags::NONE, 24, Cqe::new(cid, Status::SUCCESS)).as_bytes().to_vec()
}

fn assert_refused(what: &str, mut qpair: Qpair, pdu: &[u8], (fes, fei): (Fes, u32), header: usize) {
    assert_eq!(qpair.receive(pdu).event, Some(HostEvent::Terminated), "{what}");
    assert_eq!(qpair.error(), Some(PduError { fes, fei }), "{what}");
    assert_term_req(what, &gathered(|out| qpair.transmit(out)), (fes, fei), pdu, header);
    assert_eq!(qpair.receive(pdu).event, None, "{what}: nothing is listened to any more");
}

#[test]
fn initialization_errors() {
    let field = Fes::InvalidPduHeaderField;
    let of = |at: usize, value| {
        let mut bytes = IcResp::new(0, DigestFlags::default(), MAXH2CDATA).as_bytes().to_vec();
        bytes[at] = value;
        bytes
    };
    assert_refused("PFV", fresh(), &of(8, 1), (Fes::UnsupportedParameter, 8), 128);
    assert_refused("CPDA", fresh(), &of(10, 32), (field, 10), 128);
    assert_refused("a digest not asked for", fresh(), &of(11, 1), (field, 11), 128);
    assert_refused("MAXH2CDATA", fresh(), &of(13, 0x0f), (field, 12), 128);
    assert_refused("response first", fresh(), &response(0), (Fes::PduSequenceError, 0), 24);
    assert_refused("ICResp twice", ready(), &of(8, 0), (Fes::PduSequenceError, 0), 128);
}

#[test]
fn response_errors() {
    for cid in [0, 4, u16::MAX] {
        let unknown = (Fes::InvalidPduHeaderField, 20);
        assert_refused("no such command", ready(), &response(cid), unknown, 24);
    }
}

#[test]
fn data_errors() {
    let field = Fes::InvalidPduHeaderField;
    let range = (Fes::DataTransferOutOfRange, 0);
    let refused = |what, pdu: &[u8], error| assert_refused(what, ready(), pdu, error, 24);
    refused("no such command", &data(LAST, 3, (0, 512)), (field, 8));
    refused("data for a write", &data(LAST, WRITE_CID, (0, 512)), range);
    refused("DATAO ahead", &data(LAST, READ_CID, (512, 512)), range);
    refused("too long", &data(LAST, READ_CID, (0, LENGTH + 1)), range);
    refused(
        "SUCCESS before the last",
        &data(PduFlags::NONE.with_success(true), READ_CID, (0, LENGTH)),
        (field, 1),
    );
    refused("SUCCESS and short", &data(LAST.with_success(true), READ_CID, (0, 512)), (field, 1));
    let mut qpair = ready();
    let _ = qpair.receive(&data(LAST, READ_CID, (0, 512)));
    assert_eq!(qpair.receive(&[]).event, None);
    let more = data(LAST, READ_CID, (512, 512));
    assert_refused("data after the last", qpair, &more, (Fes::PduSequenceError, 0), 24);
}

#[test]
fn r2t_errors() {
    let field = Fes::InvalidPduHeaderField;
    let range = (Fes::DataTransferOutOfRange, 0);
    let refused = |what, pdu: &[u8], error| assert_refused(what, ready(), pdu, error, 24);
    refused("no such command", &r2t(0, (0, 512)), (field, 8));
    refused("empty", &r2t(WRITE_CID, (0, 0)), (field, 16));
    refused("for a read", &r2t(READ_CID, (0, 512)), range);
    refused("not from the start", &r2t(WRITE_CID, (4, 512)), range);
    refused("past the end", &r2t(WRITE_CID, (0, LENGTH + 1)), range);
    let mut qpair = ready();
    assert_eq!(qpair.receive(&r2t(WRITE_CID, (0, 512))).event, None);
    assert_eq!(qpair.receive(&r2t(WRITE_CID, (512, 512))).event, None);
    let third = r2t(WRITE_CID, (1024, 512));
    assert_refused("more than MAXR2T", qpair, &third, (Fes::LimitExceeded, 0), 24);
}

/// Several R2Ts, each served by H2CData of at most MAXH2CDATA; one that is sent makes room for the next.
#[test]
fn r2ts_are_served_in_pieces() {
    let mut qpair = ready();
    let mut ranges = vec![];
    for range in [(0, 6000), (6000, 1000), (7000, 3000)] {
        assert_eq!(qpair.receive(&r2t(WRITE_CID, range)).event, None);
        let sent = gathered(|out| qpair.transmit(out));
        let mut rest = &sent[..];
        while let Ok((pdu, _)) = H2cData::ref_from_prefix(rest) {
            ranges.push((pdu.datao.get(), pdu.datal.get(), pdu.header.flags.last_pdu(), pdu.ttag.get()));
            rest = &rest[pdu.header.plen.get() as usize..];
        }
        assert!(rest.is_empty());
        qpair.transmitted(sent.len());
    }
    let expected = [(0, 4096, false), (4096, 1904, true), (6000, 1000, true), (7000, 3000, true)];
    assert_eq!(ranges, expected.map(|(at, length, last)| (at, length, last, 0x55)));
}

/// The buffer must outlive its bytes in the transmit queue even if the controller does not wait for them.
#[test]
fn early_response_waits_until_the_data_are_sent() {
    let mut qpair = ready();
    assert_eq!(qpair.receive(&r2t(WRITE_CID, (0, LENGTH))).event, None);
    assert_eq!(qpair.receive(&response(WRITE_CID)).event, None);
    assert!(!qpair.is_free(WRITE_CID));
    let sent = gathered(|out| qpair.transmit(out)).len();
    qpair.transmitted(sent - 1);
    assert_eq!(qpair.receive(&[]).event, None);
    qpair.transmitted(1);
    let event = qpair.receive(&[]).event;
    assert!(matches!(event, Some(HostEvent::Completion { cid: WRITE_CID, buffer: Some(_), .. })));
    assert!(qpair.is_free(WRITE_CID));
}

#[test]
fn term_req_is_never_answered_and_buffers_come_back() {
    let mut qpair = ready();
    let error = PduError { fes: Fes::PduSequenceError, fei: 0 };
    let pdu = TermReq::new(PduType::C2hTermReq, error, 0);
    assert_eq!(qpair.receive(pdu.as_bytes()).event, Some(HostEvent::PeerTerminated { fes: 2, fei: 0 }));
    assert!(!qpair.has_output());
    assert_eq!(qpair.reclaim(WRITE_CID).map(|buffer| buffer.len()), Some(LENGTH as usize));
    assert_eq!(qpair.reclaim(READ_CID), None);
}
