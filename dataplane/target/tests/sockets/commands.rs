//! Commands that a controller cannot carry out: the right status, and the queue goes on (NVMe Base section
//! 4.2.3, NVM Command Set section 3).

use crate::harness::association::enable;
use crate::harness::host::{Connect, io};
use crate::harness::pdu::Digests;
use crate::harness::{Association, BLOCK, Target, VOLUME_BLOCKS, Wire, Witness};
use sluice_nvme::fabrics::disconnect::DisconnectCommand;
use sluice_nvme::fabrics::property::PropertyCommand;
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::property::Property;
use sluice_nvme::qpair::HostData;
use sluice_nvme::sgl::{Sgl, SglDescriptor};
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

/// One command and its status.
struct Case {
    what: &'static str,
    sqe: Sqe,
    data: Vec<u8>,
    status: Status,
}

fn case(what: &'static str, status: Status, sqe: Sqe) -> Case {
    Case { what, sqe, data: Vec::new(), status }
}

/// A command whose data the transport moves.
fn moved(opcode: NvmOpcode, lba: u64, blocks: usize) -> Sqe {
    let length = u32::try_from(blocks * BLOCK).expect("short");
    with_sgl(io(opcode, lba, blocks), Sgl::Transport { length })
}

fn with_sgl(mut sqe: Sqe, sgl: Sgl) -> Sqe {
    sqe.set_sgl(sgl);
    sqe
}

fn read() -> Sqe {
    moved(NvmOpcode::Read, 0, 1)
}

/// A read with another SGL identifier.
fn identified(identifier: u8) -> Sqe {
    let descriptor = SglDescriptor { length: U32::new(4096), identifier, ..SglDescriptor::default() };
    let mut sqe = read();
    sqe.dptr.copy_from_slice(descriptor.as_bytes());
    sqe
}

fn opcode_cases() -> Vec<Case> {
    let invalid = Status::INVALID_OPCODE.dnr();
    let unknown = [0x03, 0x04, 0x0c, 0x0d, 0x19, 0x7e, 0x80, 0xc0, 0xff];
    unknown.map(|opcode| case("unknown opcode", invalid, Sqe { opcode, ..read() })).into()
}

fn range_cases() -> Vec<Case> {
    let (range, field) = (Status::LBA_OUT_OF_RANGE.dnr(), Status::INVALID_FIELD.dnr());
    let end = VOLUME_BLOCKS;
    vec![
        case("the last block", Status::SUCCESS, moved(NvmOpcode::Flush, end - 1, 1)),
        case("one past the last block", range, moved(NvmOpcode::Read, end, 1)),
        case("over the end", range, moved(NvmOpcode::Write, end - 1, 2)),
        case("the largest LBA", range, moved(NvmOpcode::Read, u64::MAX, 1)),
        case("over the end of numbers", range, moved(NvmOpcode::Compare, u64::MAX, 2)),
        case("zeroes over the end", range, moved(NvmOpcode::WriteZeroes, end - 1, 2)),
        case("one block more than MDTS", field, moved(NvmOpcode::Read, 0, 33)),
        case("one block more than MDTS to write", field, moved(NvmOpcode::Write, 0, 33)),
        case("MDTS before range", field, moved(NvmOpcode::Read, end, 33)),
    ]
}

fn field_cases() -> Vec<Case> {
    let (field, namespace) = (Status::INVALID_FIELD.dnr(), Status::INVALID_NAMESPACE.dnr());
    let flags = |flags| Sqe { flags, ..read() };
    let nsid = |nsid| Sqe { nsid: U32::new(nsid), ..read() };
    vec![
        case("first fused command", field, flags(0x41)),
        case("second fused command", field, flags(0x42)),
        case("reserved fused value", field, flags(0x43)),
        case("fused Compare", field, Sqe { flags: 0x41, ..moved(NvmOpcode::Compare, 0, 1) }),
        case("fused Write", field, Sqe { flags: 0x42, ..moved(NvmOpcode::Write, 0, 1) }),
        case("PRPs", field, flags(0x00)),
        case("a metadata SGL", field, flags(0x80)),
        case("reserved PSDT", field, flags(0xc0)),
        case("namespace 0", namespace, nsid(0)),
        case("namespace 2", namespace, nsid(2)),
        case("all namespaces", namespace, nsid(u32::MAX)),
        case(
            "Flush of all",
            Status::SUCCESS,
            Sqe { nsid: U32::new(u32::MAX), ..moved(NvmOpcode::Flush, 0, 1) },
        ),
        case("Flush of another", namespace, Sqe { nsid: U32::new(2), ..moved(NvmOpcode::Flush, 0, 1) }),
    ]
}

fn sgl_cases() -> Vec<Case> {
    let length = Status::SGL_DATA_LENGTH_INVALID.dnr();
    let (kind, offset) = (Status::SGL_TYPE_INVALID.dnr(), Status::SGL_OFFSET_INVALID.dnr());
    let transport = |length| with_sgl(read(), Sgl::Transport { length });
    let brought = |offset, length| with_sgl(io(NvmOpcode::Write, 0, 1), Sgl::InCapsule { offset, length });
    let with_data = |case: Case, bytes: usize| Case { data: vec![0; bytes], ..case };
    let mut cases = vec![
        case("no length", length, transport(0)),
        case("a byte too short", length, transport(4095)),
        case("a byte too long", length, transport(4097)),
        case("a read from the capsule", kind, with_sgl(read(), Sgl::InCapsule { offset: 0, length: 4096 })),
        case("data that did not come", length, brought(0, 4096)),
        with_data(case("fewer than said", length, brought(0, 4096)), 4092),
        with_data(case("more than said", length, brought(0, 4096)), 4100),
        with_data(case("data that are not asked for", length, moved(NvmOpcode::Write, 0, 1)), 4096),
        with_data(case("data with a read", length, read()), 4096),
        with_data(case("an offset", offset, brought(4, 4096)), 4100),
        with_data(case("as said", Status::SUCCESS, brought(0, 4096)), 4096),
    ];
    let others = [0x00, 0x10, 0x20, 0x30, 0x40, 0x4f, 0x50, 0x5b, 0xf0];
    cases.extend(others.map(|identifier| case("another SGL", kind, identified(identifier))));
    cases
}

fn ranges_cases() -> Vec<Case> {
    let length = Status::SGL_DATA_LENGTH_INVALID.dnr();
    let ranges = |last: u32, bytes| {
        let mut sqe = io(NvmOpcode::DatasetManagement, 0, 1);
        (sqe.cdw10, sqe.cdw11, sqe.cdw12) = (U32::new(last), U32::new(4), U32::ZERO);
        with_sgl(sqe, Sgl::InCapsule { offset: 0, length: bytes })
    };
    let case = |what, status, sqe, bytes: usize| Case { what, sqe, data: vec![0; bytes], status };
    vec![
        case("ranges that are not there", length, ranges(1, 16), 16),
        case("more than 256 ranges", length, ranges(255, 4112), 4112),
        case("256 empty ranges", Status::SUCCESS, ranges(255, 4096), 4096),
    ]
}

/// Of Fabrics commands an I/O queue takes Disconnect, once.
fn fabrics_cases(subsystem: &str) -> Vec<Case> {
    let (connect, data) = Connect::io(subsystem, 1, 1).capsule();
    let mut property = Sqe::default();
    PropertyCommand::get(Property::Cap).write_get_to(&mut property);
    let mut disconnect = Sqe::default();
    DisconnectCommand::default().write_to(&mut disconnect);
    disconnect.cdw10 = U32::new(1);
    let incompatible = Status::CONNECT_INCOMPATIBLE_FORMAT.dnr();
    let sequence = Status::COMMAND_SEQUENCE_ERROR.dnr();
    vec![
        Case { what: "Connect again", sqe: connect, data, status: sequence },
        case("properties", Status::INVALID_OPCODE.dnr(), property),
        case(
            "an unknown type",
            Status::INVALID_OPCODE.dnr(),
            Sqe { opcode: 0x7f, nsid: U32::new(0x77), ..read() },
        ),
        case("Disconnect of another format", incompatible, disconnect),
    ]
}

fn run(wire: &mut Wire, cases: Vec<Case>) {
    for (cid, Case { what, mut sqe, data, status }) in (100u16..).zip(cases) {
        sqe.cid = U16::new(cid);
        wire.command(&sqe, &data);
        let cqe = wire.completion();
        assert_eq!((cqe.cid.get(), cqe.status()), (cid, status), "{what}: {sqe:?}");
    }
}

#[test]
fn each_wrong_io_command_gets_its_status_and_the_queue_goes_on() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    for digests in [Digests::default(), Digests { header: true, data: true }] {
        let mut wire = Wire::connected(&target, digests, &witness.association.io_queue(2));
        for cases in [opcode_cases(), range_cases(), field_cases(), sgl_cases(), ranges_cases()] {
            run(&mut wire, cases);
            witness.testify();
        }
        run(&mut wire, fabrics_cases(&subsystem));
        drop(wire);
        target.until_connections(2);
    }
    target.until_idle();
}

fn admin(opcode: AdminOpcode, cdw10: u32) -> Sqe {
    let sqe = Sqe { opcode: opcode.wire(), cdw10: U32::new(cdw10), ..Sqe::default() };
    with_sgl(sqe, Sgl::Transport { length: 4096 })
}

fn identify_cases() -> Vec<Case> {
    let (field, namespace) = (Status::INVALID_FIELD.dnr(), Status::INVALID_NAMESPACE.dnr());
    let length = |length| with_sgl(admin(AdminOpcode::Identify, 1), Sgl::Transport { length });
    let of = |cns, nsid| Sqe { nsid: U32::new(nsid), ..admin(AdminOpcode::Identify, cns) };
    vec![
        case("an unknown structure", field, of(0x7e, 0)),
        case("namespace 0", namespace, of(0, 0)),
        case("namespace 2", namespace, of(0, 2)),
        case("lists behind the last", namespace, of(2, u32::MAX)),
        case("descriptors of all", namespace, of(3, u32::MAX)),
        case("no room", Status::SGL_DATA_LENGTH_INVALID.dnr(), length(0)),
        case("more room than MDTS", field, length((128 << 10) + 4)),
        case("PRPs", field, Sqe { flags: 0, ..of(1, 0) }),
        case("fused", field, Sqe { flags: 0x41, ..of(1, 0) }),
        case("into the capsule", Status::SGL_TYPE_INVALID.dnr(), {
            with_sgl(of(1, 0), Sgl::InCapsule { offset: 0, length: 4096 })
        }),
    ]
}

fn log_cases() -> Vec<Case> {
    let dwords = |lid: u32, dwords: u32| admin(AdminOpcode::GetLogPage, (dwords - 1) << 16 | lid);
    let page = Status::INVALID_LOG_PAGE.dnr();
    let beyond = Sqe { cdw12: U32::new(1 << 20), ..dwords(2, 128) };
    vec![
        case("an unknown page", page, dwords(0xee, 1)),
        case("the discovery page of a volume", page, dwords(0x70, 256)),
        case("an offset behind the page", Status::INVALID_FIELD.dnr(), beyond),
        case(
            "health of one namespace",
            Status::INVALID_FIELD.dnr(),
            Sqe { nsid: U32::new(1), ..dwords(2, 128) },
        ),
    ]
}

fn feature_cases() -> Vec<Case> {
    let field = Status::INVALID_FIELD.dnr();
    let set = |fid, value| Sqe { cdw11: U32::new(value), ..admin(AdminOpcode::SetFeatures, fid) };
    vec![
        case("an unknown feature", field, admin(AdminOpcode::GetFeatures, 0x55)),
        case("to set an unknown feature", field, set(0x55, 0)),
        case("to save", Status::FEATURE_NOT_SAVEABLE.dnr(), set(1 << 31 | 4, 0)),
        case("all queues there can be", field, set(7, u32::MAX)),
        case("the longest keep-alive timeout", Status::SUCCESS, set(0x0f, 600_000)),
        case("a longer one", Status::KEEP_ALIVE_INVALID.dnr(), set(0x0f, 600_001)),
        case("another host's name", Status::COMMAND_SEQUENCE_ERROR.dnr(), set(0x81, 0)),
        case("no data for a feature that has", Status::SGL_DATA_LENGTH_INVALID.dnr(), set(0x16, 0)),
    ]
}

fn admin_fabrics_cases(subsystem: &str) -> Vec<Case> {
    let field = Status::INVALID_FIELD;
    let mut nowhere = Sqe::default();
    PropertyCommand { offset: 0x1234, ..PropertyCommand::get(Property::Cap) }.write_get_to(&mut nowhere);
    let mut version = Sqe::default();
    PropertyCommand::set(Property::Vs, 1).write_set_to(&mut version);
    let mut pages = Sqe::default();
    PropertyCommand::set(Property::Cc, 0x0046_0081).write_set_to(&mut pages);
    let mut disconnect = Sqe::default();
    DisconnectCommand::default().write_to(&mut disconnect);
    let (connect, data) = Connect::admin(subsystem).capsule();
    let sequence = Status::COMMAND_SEQUENCE_ERROR.dnr();
    vec![
        case("a property that is none", field, nowhere),
        case("to change the version", field.dnr(), version),
        case("pages of 8 KiB", field.dnr(), pages),
        case("Disconnect", Status::INVALID_QUEUE_TYPE.dnr(), disconnect),
        Case { what: "Connect again", sqe: connect, data, status: sequence },
        case("Identify before it is enabled", sequence, admin(AdminOpcode::Identify, 1)),
        case("events before it is enabled", sequence, admin(AdminOpcode::AsyncEventRequest, 0)),
    ]
}

#[test]
fn each_wrong_admin_command_gets_its_status_and_the_controller_goes_on() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    let mut wire = Wire::connected(&target, Digests::default(), &Connect::admin(&subsystem));
    run(&mut wire, admin_fabrics_cases(&subsystem));
    witness.testify();
    run(&mut wire, vec![case("enable", Status::SUCCESS, enable())]);
    let invalid = Status::INVALID_OPCODE.dnr();
    let unknown = [0x00, 0x01, 0x04, 0x05, 0x0d, 0x10, 0x11, 0x7c, 0x80, 0x84, 0xc0, 0xff];
    let opcode = |opcode| case("unknown opcode", invalid, Sqe { opcode, ..admin(AdminOpcode::Identify, 1) });
    for cases in [unknown.map(opcode).into(), identify_cases(), log_cases(), feature_cases()] {
        run(&mut wire, cases);
        witness.testify();
    }
}

/// Fewer blocks than hosts may ask for in one command: the pieces are the target's business.
#[test]
fn compare_tells_equal_from_different() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    let queue = &mut association.io[0];
    let data: Vec<u8> = (0..2 * BLOCK).map(|at| u8::try_from(at % 251).expect("small")).collect();
    assert!(queue.write(4, data.clone(), false).is_success());
    let mut compare = |lba, data: Vec<u8>, in_capsule| {
        queue.run(io(NvmOpcode::Compare, lba, data.len() / BLOCK), HostData::Out(data), in_capsule).status()
    };
    for in_capsule in [false, true] {
        assert_eq!(compare(4, data.clone(), in_capsule), Status::SUCCESS);
        assert_eq!(compare(100, vec![0; BLOCK], in_capsule), Status::SUCCESS, "never written");
        for at in [0, BLOCK - 1, BLOCK, 2 * BLOCK - 1] {
            let mut other = data.clone();
            other[at] ^= 1;
            assert_eq!(compare(4, other, in_capsule), Status::COMPARE_FAILURE.dnr(), "byte {at}");
        }
        assert_eq!(compare(5, data.clone(), in_capsule), Status::COMPARE_FAILURE.dnr());
    }
    assert_eq!(queue.read(4, 2), Ok(data), "and changes nothing");
    target.until_idle();
}

/// A range of blocks told by a 64-bit LBA and a 32-bit length: no sum of them may wrap.
#[test]
fn ranges_of_dataset_management_are_checked_one_by_one() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    let queue = &mut association.io[0];
    let range = |lba: u64, blocks: u32| {
        [U32::ZERO.as_bytes(), U32::new(blocks).as_bytes(), U64::new(lba).as_bytes()].concat()
    };
    let mut deallocate = |ranges: &[Vec<u8>]| {
        let mut sqe = io(NvmOpcode::DatasetManagement, 0, 1);
        let last = u32::try_from(ranges.len() - 1).expect("few");
        (sqe.cdw10, sqe.cdw11, sqe.cdw12) = (U32::new(last), U32::new(4), U32::ZERO);
        queue.run(sqe, HostData::Out(ranges.concat()), true).status()
    };
    let end = VOLUME_BLOCKS;
    assert_eq!(deallocate(&[range(0, 1), range(end - 1, 1)]), Status::SUCCESS);
    for bad in [range(end, 1), range(end - 1, 2), range(u64::MAX, 1), range(1, u32::MAX)] {
        assert_eq!(deallocate(&[range(0, 1), bad]), Status::LBA_OUT_OF_RANGE.dnr());
    }
    target.until_idle();
}
