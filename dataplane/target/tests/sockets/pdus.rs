//! PDUs that are malformed, too large, out of order or unknown: a C2HTermReq with the right status and
//! information, a copy of the header that was wrong, and the end of that connection alone (NVMe/TCP
//! sections 3.5 and 3.6).

use crate::harness::host::{Connect, io};
use crate::harness::pdu::{Digests, Transfer, patched};
use crate::harness::{Target, Wire, Witness};
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::{C2hData, CommonHeader, DigestFlags, Fes, IcReq, PduError, PduFlags, PduType};
use zerocopy::IntoBytes;
use zerocopy::little_endian::U16;

const PLAIN: Digests = Digests { header: false, data: false };
const HEADERS: Digests = Digests { header: true, data: false };
const BOTH: Digests = Digests { header: true, data: true };

/// How far a connection has come before it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Initialized,
    Admin,
    Io,
    /// An I/O queue with a write of two blocks under way, whose data the target has asked for.
    Transfer,
}

/// The identifier of that write's command.
const CID: u16 = 9;

/// One wrong PDU and what the target has to say of it.
struct Case {
    what: &'static str,
    stage: Stage,
    digests: Digests,
    /// Made from the transfer tag of the write under way, 0 if there is none.
    pdu: Box<dyn Fn(u16) -> Vec<u8>>,
    error: PduError,
}

fn case(what: &'static str, stage: Stage, error: PduError, pdu: impl Fn(u16) -> Vec<u8> + 'static) -> Case {
    Case { what, stage, digests: PLAIN, pdu: Box::new(pdu), error }
}

fn header(kind: u8, plen: u32) -> Vec<u8> {
    let mut header = CommonHeader::new(PduType::CapsuleCmd, PduFlags::NONE, 0, plen);
    header.pdu_type = kind;
    header.hlen = PduType::from_wire(kind).map_or(24, PduType::header_bytes);
    let mut bytes = header.as_bytes().to_vec();
    bytes.resize(plen as usize, 0);
    bytes
}

fn ic_req() -> Vec<u8> {
    IcReq::new(0, DigestFlags::default(), 0).as_bytes().to_vec()
}

fn flush() -> Sqe {
    let mut sqe = io(NvmOpcode::Flush, 0, 1);
    sqe.set_sgl(Sgl::Transport { length: 0 });
    sqe
}

/// A write of `length` bytes that the capsule brings along.
fn write_in_capsule(length: u32) -> Sqe {
    let mut sqe = io(NvmOpcode::Write, 0, 1);
    sqe.set_sgl(Sgl::InCapsule { offset: 0, length });
    sqe
}

fn data(ttag: u16, change: impl FnOnce(&mut Transfer), length: usize) -> Vec<u8> {
    let mut transfer = Transfer { cid: CID, ttag, offset: 0, last: true };
    change(&mut transfer);
    PLAIN.h2c_data(transfer, &vec![0; length])
}

fn handshake_cases() -> Vec<Case> {
    use Stage::{Initialized, Open};
    let field = PduError::field;
    vec![
        case("PFV 1", Open, PduError::unsupported(8), |_| patched(ic_req(), 8, &[1])),
        case("HPDA 32", Open, field(10), |_| patched(ic_req(), 10, &[32])),
        case("HLEN 127", Open, field(2), |_| patched(ic_req(), 2, &[127])),
        case("PLEN 127", Open, field(4), |_| patched(ic_req(), 4, &[127])),
        case("PLEN 129", Open, field(4), |_| patched(ic_req(), 4, &[129])),
        case("header digest before it is agreed", Open, field(1), |_| patched(ic_req(), 1, &[1])),
        case("command before ICReq", Open, PduError::SEQUENCE, |_| PLAIN.capsule(&flush(), &[])),
        case("data before ICReq", Open, PduError::SEQUENCE, |_| data(0, |_| {}, 4096)),
        case("ICReq twice", Initialized, PduError::SEQUENCE, |_| ic_req()),
        case("data nobody asked for", Initialized, field(10), |_| data(0, |_| {}, 4096)),
    ]
}

/// Types that hosts never send, and values that are no types, at every stage.
fn type_cases() -> Vec<Case> {
    let stages = [Stage::Open, Stage::Initialized, Stage::Admin, Stage::Io, Stage::Transfer];
    let kinds = [0x01, 0x03, 0x05, 0x07, 0x08, 0x09, 0x0a, 0xff];
    let all = stages.into_iter().flat_map(|stage| kinds.map(|kind| (stage, kind)));
    let wrong = all.map(|(stage, kind): (Stage, u8)| {
        case("a type that no host sends", stage, PduError::field(0), move |_| header(kind, 128))
    });
    wrong.collect()
}

fn capsule_cases() -> Vec<Case> {
    use Stage::{Admin, Io};
    let field = PduError::field;
    let plain = || PLAIN.capsule(&flush(), &[]);
    let with_data = || PLAIN.capsule(&write_in_capsule(4096), &[0; 4096]);
    let mut cases = vec![
        case("HLEN 71", Io, field(2), move |_| patched(plain(), 2, &[71])),
        case("HLEN 73", Io, field(2), move |_| patched(plain(), 2, &[73])),
        case("PLEN 71", Io, field(4), move |_| patched(plain(), 4, &[71])),
        case("PLEN 0", Io, field(4), move |_| patched(plain(), 4, &[0])),
        case("data digest flag without data", Io, field(1), move |_| patched(plain(), 1, &[2])),
        case("header digest not agreed", Io, field(1), move |_| patched(plain(), 1, &[1])),
        case("data digest not agreed", Io, field(1), move |_| patched(with_data(), 1, &[2])),
        case("PDO in the header", Io, field(3), move |_| patched(with_data(), 3, &[68])),
        case("PDO unaligned", Io, field(3), move |_| patched(with_data(), 3, &[74])),
        case("PDO 0 with data", Io, field(3), move |_| patched(with_data(), 3, &[0])),
        case("4 GiB in the capsule", Io, field(4), move |_| patched(with_data(), 4, &[0xff; 4])),
        case("ICReq on a queue", Io, PduError::SEQUENCE, |_| ic_req()),
        case("ICReq on an admin queue", Admin, PduError::SEQUENCE, |_| ic_req()),
    ];
    for stage in [Admin, Io] {
        cases.push(case("one byte too many in the capsule", stage, field(4), |_| {
            PLAIN.capsule(&write_in_capsule(8193), &[0; 8193])
        }));
    }
    cases
}

fn data_cases() -> Vec<Case> {
    use Stage::Transfer;
    let (field, range) = (PduError::field, PduError::OUT_OF_RANGE);
    vec![
        case("TTAG of no transfer", Transfer, field(10), |ttag| data(ttag ^ 1, |_| {}, 8192)),
        case("CCCID of another", Transfer, field(8), |ttag| data(ttag, |t| t.cid = 8, 8192)),
        case("offset beyond", Transfer, range, |ttag| data(ttag, |t| t.offset = 8192, 4096)),
        case("offset not next", Transfer, range, |ttag| data(ttag, |t| t.offset = 4, 4096)),
        case("more than is left", Transfer, range, |ttag| data(ttag, |_| {}, 8196)),
        case("LAST_PDU too early", Transfer, field(1), |ttag| data(ttag, |_| {}, 4096)),
        case("LAST_PDU missing", Transfer, field(1), |ttag| data(ttag, |t| t.last = false, 8192)),
        case("more than MAXH2CDATA", Transfer, PduError::LIMIT, |ttag| data(ttag, |_| {}, (128 << 10) + 4)),
        case("DATAL is not PLEN's", Transfer, field(16), |ttag| {
            patched(data(ttag, |_| {}, 8192), 16, &8191u32.to_le_bytes())
        }),
        case("no data at all", Transfer, field(3), |ttag| data(ttag, |_| {}, 0)),
    ]
}

/// With header digests: damage anywhere in the header is told as the digest that came with it.
fn digest_cases() -> Vec<Case> {
    let damaged = |pdu: Vec<u8>, at: usize| {
        let digest = u32::from_le_bytes([0xde, 0xad, 0xbe, 0xef]);
        (patched(pdu, at, &digest.to_le_bytes()), PduError::header_digest(digest))
    };
    let (capsule, error) = damaged(HEADERS.capsule(&flush(), &[]), 72);
    let capsule =
        Case { digests: HEADERS, ..case("header digest", Stage::Io, error, move |_| capsule.clone()) };
    let pdu = move |ttag| {
        let transfer = Transfer { cid: CID, ttag, offset: 0, last: true };
        damaged(BOTH.h2c_data(transfer, &[0; 8192]), 24).0
    };
    let data = Case { digests: BOTH, ..case("header digest of data", Stage::Transfer, error, pdu) };
    let missing =
        case("header digest missing", Stage::Io, PduError::field(1), |_| PLAIN.capsule(&flush(), &[]));
    vec![capsule, data, Case { digests: HEADERS, ..missing }]
}

/// A connection at `stage`, as queue 2 of the witness's own controller where it is an I/O queue.
fn reach(target: &Target, witness: &Witness, stage: Stage, digests: Digests) -> (Wire, u16) {
    let connect = match stage {
        Stage::Open => return (Wire::open(target), 0),
        Stage::Initialized => return (Wire::initialized(target, digests), 0),
        Stage::Admin => Connect::admin(&witness.association.subsystem),
        Stage::Io | Stage::Transfer => witness.association.io_queue(2),
    };
    let mut wire = Wire::connected(target, digests, &connect);
    if stage != Stage::Transfer {
        return (wire, 0);
    }
    let mut write = io(NvmOpcode::Write, 0, 2);
    write.cid = U16::new(CID);
    write.set_sgl(Sgl::Transport { length: 8192 });
    wire.command(&write, &[]);
    let r2t = wire.r2t();
    assert_eq!((r2t.cccid.get(), r2t.r2to.get(), r2t.r2tl.get()), (CID, 0, 8192));
    (wire, r2t.ttag.get())
}

#[test]
fn each_wrong_pdu_gets_its_answer_and_ends_its_own_connection() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    let cases = [handshake_cases(), type_cases(), capsule_cases(), data_cases(), digest_cases()];
    for Case { what, stage, digests, pdu, error } in cases.into_iter().flatten() {
        let (mut wire, ttag) = reach(&target, &witness, stage, digests);
        let bytes = pdu(ttag);
        wire.send(&bytes);
        witness.testify();
        let (fes, fei, copy) = wire.term_req();
        assert_eq!((fes, fei), (Some(error.fes), error.fei), "{what}, {stage:?}");
        assert!(
            copy.len() >= 8 && bytes.windows(copy.len()).any(|part| part == copy),
            "{what}: not its header: {copy:02x?}"
        );
        witness.testify();
    }
    drop(witness);
    target.until_connections(0);
    target.until_idle();
}

#[test]
fn data_of_a_transfer_that_is_over_belong_to_none() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    let (mut wire, ttag) = reach(&target, &witness, Stage::Transfer, PLAIN);
    let whole = data(ttag, |_| {}, 8192);
    wire.send(&whole);
    assert_eq!(wire.completion().status(), Status::SUCCESS);
    wire.send(&whole);
    let (fes, fei, _) = wire.term_req();
    assert_eq!((fes, fei), (Some(Fes::InvalidPduHeaderField), 10));
    witness.testify();
}

#[test]
fn a_host_that_terminates_is_let_go_without_an_answer() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    for stage in [Stage::Open, Stage::Initialized, Stage::Admin, Stage::Io, Stage::Transfer] {
        let (mut wire, _) = reach(&target, &witness, stage, PLAIN);
        wire.send(&header(0x02, 24));
        wire.assert_closed();
        witness.testify();
    }
    target.until_connections(2);
    target.until_idle();
}

/// Wrong data digests fail their command with Transient Transport Error and nothing else (NVMe/TCP section
/// 3.3.1.1: a non-fatal error): the host may send it again.
#[test]
fn a_wrong_data_digest_fails_its_command_and_not_the_connection() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    let (mut wire, ttag) = reach(&target, &witness, Stage::Transfer, BOTH);
    let transfer = Transfer { cid: CID, ttag, offset: 0, last: true };
    let good = BOTH.h2c_data(transfer, &[1; 8192]);
    wire.send(&patched(good.clone(), good.len() - 4, &[0; 4]));
    let cqe = wire.completion();
    assert_eq!((cqe.cid.get(), cqe.status()), (CID, Status::TRANSIENT_TRANSPORT_ERROR));

    let good = BOTH.capsule(&write_in_capsule(4096), &[2; 4096]);
    wire.send(&patched(good.clone(), good.len() - 1, &[good[good.len() - 1] ^ 1]));
    assert_eq!(wire.completion().status(), Status::TRANSIENT_TRANSPORT_ERROR);
    wire.send(&good);
    assert_eq!(wire.completion().status(), Status::SUCCESS);

    // Also for the Connect itself, after which it may be sent again.
    let mut wire = Wire::initialized(&target, BOTH);
    let (sqe, data) = Connect::admin(&witness.association.subsystem).capsule();
    let good = BOTH.capsule(&sqe, &data);
    wire.send(&patched(good.clone(), 80, &[0xaa]));
    assert_eq!(wire.completion().status(), Status::TRANSIENT_TRANSPORT_ERROR);
    wire.send(&good);
    assert_eq!(wire.completion().status(), Status::SUCCESS);
    witness.testify();
}

/// The wrong PDUs of hosts are told apart from what they are no part of: a C2HData of the host's own making
/// is refused by its type, before anything in it is believed.
#[test]
fn controllers_data_from_a_host_is_refused_unread() {
    let target = Target::start();
    let witness = Witness::open(&target, &target.volume("data"));
    let (mut wire, _) = reach(&target, &witness, Stage::Io, PLAIN);
    let pdu = C2hData::new(PduFlags::NONE, 24, u32::MAX, 1, (0, u32::MAX - 24));
    wire.send(pdu.as_bytes());
    let (fes, fei, copy) = wire.term_req();
    assert_eq!((fes, fei, copy), (Some(Fes::InvalidPduHeaderField), 0, pdu.as_bytes().to_vec()));
}
