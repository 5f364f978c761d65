//! A host that breaks the rules.

use crate::{MAXH2CDATA, assert_term_req, gathered, with_payload};
use sluice_nvme::cqe::Cqe;
use sluice_nvme::qpair::{ControllerEvent, ControllerParams, ControllerQpair, Payload};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::{
    C2hData, CapsuleCmd, CommonHeader, DigestFlags, Fes, H2cData, IcReq, PduError, PduFlags, PduType, TermReq,
};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

type Qpair = ControllerQpair<Vec<u8>>;

const LAST: PduFlags = PduFlags::NONE.with_last_pdu(true);
const ENTRIES: u16 = 4;

fn fresh() -> Qpair {
    Qpair::new(&ControllerParams {
        header_digest: false,
        data_digest: false,
        cpda: 0,
        max_h2c_data: MAXH2CDATA,
        in_capsule_bytes: 4096,
        max_commands: ENTRIES,
    })
}

/// Initialized, connected as an I/O queue, with a transfer of 6000 bytes asked for: command 7, tag 0.
fn ready() -> Qpair {
    let mut qpair = fresh();
    let ic_req = IcReq::new(0, DigestFlags::default(), 0);
    assert_eq!(qpair.receive(ic_req.as_bytes()).event, Some(ControllerEvent::Initialized));
    qpair.set_queue(1, ENTRIES, true);
    assert!(matches!(qpair.receive(&command(7, 0, 72)).event, Some(ControllerEvent::Command { .. })));
    qpair.request_data(7, 0, 6000);
    qpair
}

fn command(cid: u16, pdo: u8, plen: u32) -> Vec<u8> {
    let sqe = Sqe { opcode: 1, cid: U16::new(cid), ..Sqe::default() };
    with_payload(&CapsuleCmd::new(PduFlags::NONE, pdo, plen, sqe), plen as usize - 72)
}

fn data(flags: PduFlags, cid: u16, ttag: u16, range: (u32, u32)) -> Vec<u8> {
    with_payload(&H2cData::new(flags, 24, 24 + range.1, cid, ttag, range), range.1 as usize)
}

/// `pdu` with byte `at` set to `value`.
fn patched(mut pdu: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    pdu[at] = value;
    pdu
}

fn assert_refused(what: &str, mut qpair: Qpair, pdu: &[u8], (fes, fei): (Fes, u32), header: usize) {
    let received = qpair.receive(pdu);
    assert_eq!(received.event, Some(ControllerEvent::Terminated), "{what}");
    assert_eq!(received.consumed, pdu.len(), "{what}");
    assert_eq!(qpair.error(), Some(PduError { fes, fei }), "{what}");
    assert_term_req(what, &gathered(|out| qpair.transmit(out)), (fes, fei), pdu, header);
    let late = command(1, 0, 72);
    let after = qpair.receive(&late);
    assert_eq!((after.consumed, after.event), (72, None), "{what}: nothing is listened to any more");
    assert_eq!(qpair.payload(), None);
}

#[test]
fn initialization_errors() {
    let good = IcReq::new(0, DigestFlags::default(), 0);
    let field = Fes::InvalidPduHeaderField;
    let ic_req = good.as_bytes().to_vec();
    let of = |at, value| patched(ic_req.clone(), at, value);
    assert_refused("PFV", fresh(), &of(8, 1), (Fes::UnsupportedParameter, 8), 128);
    assert_refused("HPDA", fresh(), &of(10, 32), (field, 10), 128);
    assert_refused("HLEN", fresh(), &of(2, 127), (field, 2), 128);
    assert_refused("PLEN, above", fresh(), &of(4, 129), (field, 4), 128);
    assert_refused("PLEN, below", fresh(), &of(4, 127), (field, 4), 128);
    assert_refused("HDGSTF", fresh(), &of(1, 1), (field, 1), 128);
    assert_refused("command first", fresh(), &command(0, 0, 72), (Fes::PduSequenceError, 0), 72);
    assert_refused("ICReq twice", ready(), &ic_req, (Fes::PduSequenceError, 0), 128);
}

#[test]
fn unknown_and_foreign_types() {
    let field = (Fes::InvalidPduHeaderField, 0);
    for value in [0x08, 0x0a, 0x0b, 0xff] {
        assert_refused("unknown", ready(), &patched(command(1, 0, 72), 0, value), field, 8);
    }
    let c2h_data = C2hData::new(LAST, 24, 28, 7, (0, 4));
    assert_refused("C2HData", ready(), &with_payload(&c2h_data, 4), field, 24);
    assert_refused(
        "type alone",
        fresh(),
        &CommonHeader::new(PduType::R2t, LAST, 0, 24).as_bytes()[..8],
        field,
        24,
    );
}

#[test]
fn capsule_errors() {
    let field = Fes::InvalidPduHeaderField;
    assert_refused("HLEN", ready(), &patched(command(1, 0, 72), 2, 71), (field, 2), 72);
    assert_refused("PLEN", ready(), &patched(command(1, 0, 72), 4, 71), (field, 4), 72);
    assert_refused("DDGSTF", ready(), &patched(command(1, 0, 72), 1, 2), (field, 1), 72);
    assert_refused("PDO within the header", ready(), &command(1, 68, 72 + 512), (field, 3), 72);
    assert_refused("PDO unaligned", ready(), &command(1, 73, 72 + 512), (field, 3), 72);
    assert_refused("PDO behind the end", ready(), &command(1, 76, 74), (field, 4), 72);
    assert_refused("one byte too much", ready(), &command(1, 72, 72 + 4097), (field, 4), 72);
    let announced = &command(1, 72, 72 + 4097)[..72];
    assert_refused("refused before the data come", ready(), announced, (field, 4), 72);
    let mut qpair = ready();
    let most = command(1, 72, 72 + 4096);
    let received = qpair.receive(&most);
    assert!(
        matches!(received.event, Some(ControllerEvent::Command { data: Ok(data), .. }) if data.len() == 4096)
    );
}

#[test]
fn fabrics_commands_carry_eight_kib_on_any_queue() {
    let mut connect = command(1, 72, 72 + 8192);
    connect[8] = 0x7f;
    let mut qpair = ready();
    let received = qpair.receive(&connect);
    assert!(
        matches!(received.event, Some(ControllerEvent::Command { data: Ok(data), .. }) if data.len() == 8192)
    );
}

#[test]
fn data_errors() {
    let field = Fes::InvalidPduHeaderField;
    let range = (Fes::DataTransferOutOfRange, 0);
    let none = PduFlags::NONE;
    let refused = |what, pdu: &[u8], error| assert_refused(what, ready(), pdu, error, 24);
    refused("TTAG", &data(none, 7, 1, (0, 4096)), (field, 10));
    refused("CCCID", &data(none, 8, 0, (0, 4096)), (field, 8));
    refused("DATAO ahead", &data(none, 7, 0, (4, 4096)), range);
    refused("over MAXH2CDATA", &data(none, 7, 0, (0, 4100)), (Fes::LimitExceeded, 0));
    refused("last too early", &data(LAST, 7, 0, (0, 4096)), (field, 1));
    refused("DATAL", &patched(data(none, 7, 0, (0, 4096)), 16, 1), (field, 16));
    refused("empty", &data(none, 7, 0, (0, 0)), (field, 4));
    refused("PDO", &patched(data(none, 7, 0, (0, 4096)), 3, 20), (field, 3));
    let second = |flags, range| {
        let mut qpair = ready();
        let _ = qpair.receive(&data(none, 7, 0, (0, 4096)));
        assert_eq!(qpair.receive(&[]).event, None);
        (qpair, data(flags, 7, 0, range))
    };
    let (qpair, pdu) = second(LAST, (4096, 1905));
    assert_refused("past the end", qpair, &pdu, range, 24);
    let (qpair, pdu) = second(none, (4096, 1904));
    assert_refused("not marked as last", qpair, &pdu, (field, 1), 24);
    let (qpair, pdu) = second(LAST, (0, 1904));
    assert_refused("the same data again", qpair, &pdu, range, 24);
    let (mut qpair, pdu) = second(LAST, (4096, 1904));
    let _ = qpair.receive(&pdu);
    let done = ControllerEvent::TransferDone { context: 0, result: Ok(()) };
    assert_eq!(qpair.receive(&[]).event, Some(done));
    assert_refused("after the last", qpair, &pdu, (field, 10), 24);
}

#[test]
fn term_req_is_never_answered() {
    let mut qpair = ready();
    qpair.transmitted(gathered(|out| qpair.transmit(out)).len());
    let error = PduError { fes: Fes::HeaderDigestError, fei: 9 };
    let mut pdu = TermReq::new(PduType::H2cTermReq, error, 0);
    pdu.fes = U16::new(0x77);
    pdu.header.plen = U32::new(u32::MAX);
    assert_eq!(qpair.receive(&pdu.as_bytes()[..23]).event, None);
    assert_eq!(qpair.wants(), 24);
    let event = qpair.receive(pdu.as_bytes()).event;
    assert_eq!(event, Some(ControllerEvent::PeerTerminated { fes: 0x77, fei: 9 }));
    assert!(qpair.is_terminated() && !qpair.has_output());
    qpair.terminate(Fes::PduSequenceError, 0);
    assert!(!qpair.has_output());
}

#[test]
fn more_commands_than_the_queue_holds() {
    let mut qpair = ready();
    for cid in 0..ENTRIES - 1 {
        assert!(qpair.receive(&command(cid, 0, 72)).event.is_some());
    }
    assert_eq!(qpair.outstanding(), u32::from(ENTRIES));
    assert_refused("one more", qpair, &command(9, 0, 72), (Fes::PduSequenceError, 0), 72);
}

/// Without this a host could make the controller hold answers and read buffers without end.
#[test]
fn a_host_that_never_reads_is_cut_off() {
    for (payload, most) in [(512, 8), (0, 64)] {
        let mut qpair = ready();
        let mut taken = 0;
        loop {
            match qpair.receive(&command(1, 0, 72)).event {
                Some(ControllerEvent::Command { .. }) => taken += 1,
                event => break assert_eq!(event, Some(ControllerEvent::Terminated)),
            }
            assert!(taken < most, "still going on after {taken} commands");
            let buffer = vec![0; payload];
            let length = u32::try_from(payload).expect("it is small");
            qpair.respond_data(Cqe::new(1, Status::SUCCESS), Payload::Buffer { buffer, length });
        }
        assert_eq!(qpair.error(), Some(PduError::SEQUENCE));
    }
}

#[test]
fn late_answers_after_the_end_do_no_harm() {
    let mut qpair = ready();
    qpair.terminate(Fes::UnsupportedParameter, 12);
    let sent = gathered(|out| qpair.transmit(out)).len();
    qpair.respond_data(Cqe::new(7, Status::SUCCESS), Payload::Zeroes { length: 512 });
    qpair.request_data(7, 1, 4096);
    assert_eq!(gathered(|out| qpair.transmit(out)).len(), sent);
}
