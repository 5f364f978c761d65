//! Every limit one step either side: the last that is served, and what the next is told.

use crate::harness::association::ENABLE;
use crate::harness::host::{Connect, Host, io};
use crate::harness::pdu::Digests;
use crate::harness::{Association, BLOCK, Target, Wire, Witness, until};
use sluice_nvme::fabrics::connect::ConnectInvalid;
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::property::Property;
use sluice_nvme::qpair::HostData;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::Fes;
use zerocopy::little_endian::{U16, U32};

const PLAIN: Digests = Digests { header: false, data: false };

fn admin(opcode: AdminOpcode, cdw10: u32, cdw11: u32) -> Sqe {
    Sqe { opcode: opcode.wire(), cdw10: U32::new(cdw10), cdw11: U32::new(cdw11), ..Sqe::default() }
}

/// What a host learns from Identify Controller: MDTS as a number of pages, and IOCCSZ in 16 bytes.
fn identify(host: &mut Host) -> (u32, u32) {
    let reply = host.run(admin(AdminOpcode::Identify, 1, 0), HostData::In { length: 4096 }, false);
    let dword = |at: usize| u32::from_le_bytes(reply.data[at..at + 4].try_into().expect("four bytes"));
    (1 << reply.data[77], dword(1792))
}

#[test]
fn the_largest_transfer_is_the_one_that_mdts_names() {
    for max_transfer_bytes in [4096, 16 << 10, 1 << 20] {
        let target = Target::with(|config| {
            config.limits.max_transfer_bytes = max_transfer_bytes;
            config.limits.in_capsule_bytes = 4096;
        });
        let mut association = Association::open(&target, &target.volume("data"), 1);
        let (pages, capsule) = identify(&mut association.admin);
        assert_eq!((pages * 4096, capsule * 16), (max_transfer_bytes, 64 + 4096));
        let blocks = max_transfer_bytes as usize / BLOCK;
        let queue = &mut association.io[0];
        let data = vec![0x5a; blocks * BLOCK];
        assert_eq!(queue.write(0, data.clone(), false), Status::SUCCESS);
        assert!(queue.read(0, blocks) == Ok(data));
        let over = vec![0; (blocks + 1) * BLOCK];
        assert_eq!(queue.write(0, over, false), Status::INVALID_FIELD.dnr());
        assert_eq!(queue.read(0, blocks + 1), Err(Status::INVALID_FIELD.dnr()));
    }
}

#[test]
fn the_capsule_holds_what_ioccsz_names() {
    for in_capsule_bytes in [0, 4096, 16 << 10] {
        let target = Target::with(|config| config.limits.in_capsule_bytes = in_capsule_bytes);
        let mut witness = Witness::open(&target, &target.volume("data"));
        let mut wire = Wire::connected(&target, PLAIN, &witness.association.io_queue(2));
        let blocks = in_capsule_bytes / 4096;
        if blocks > 0 {
            let mut write = io(NvmOpcode::Write, 0, blocks as usize);
            write.set_sgl(Sgl::InCapsule { offset: 0, length: in_capsule_bytes });
            wire.command(&write, &vec![1; in_capsule_bytes as usize]);
            assert_eq!(wire.completion().status(), Status::SUCCESS);
        }
        let mut write = io(NvmOpcode::Write, 0, 1);
        write.set_sgl(Sgl::InCapsule { offset: 0, length: in_capsule_bytes + 1 });
        wire.command(&write, &vec![1; in_capsule_bytes as usize + 1]);
        let (fes, fei, _) = wire.term_req();
        assert_eq!((fes, fei), (Some(Fes::InvalidPduHeaderField), 4), "{in_capsule_bytes}");
        witness.testify();
    }
}

/// A host that sends one command more than the queue has entries is out of step: fatal, on that queue alone.
#[test]
fn a_queue_holds_as_many_commands_as_it_has_entries() {
    let target = Target::over(|_| {}, true);
    let mut witness = Witness::open(&target, &target.volume("data"));
    for entries in [2, 7, 128] {
        let connect = Connect { sqsize: entries - 1, ..witness.association.io_queue(2) };
        let mut wire = Wire::connected(&target, PLAIN, &connect);
        target.gate.shut_for(|op| op == sluice_device::Op::Flush);
        let mut flush = io(NvmOpcode::Flush, 0, 1);
        flush.set_sgl(Sgl::Transport { length: 0 });
        for cid in 0..entries {
            flush.cid = U16::new(cid);
            wire.command(&flush, &[]);
        }
        until("a full queue", || (target.outstanding() == u32::from(entries)).then_some(()));
        witness.testify();
        target.open_gate();
        for cid in 0..entries {
            let cqe = wire.completion();
            assert_eq!((cqe.cid.get(), cqe.status()), (cid, Status::SUCCESS));
        }
        target.gate.shut_for(|op| op == sluice_device::Op::Flush);
        for cid in 0..=entries {
            flush.cid = U16::new(cid);
            wire.command(&flush, &[]);
        }
        let (fes, fei, _) = wire.term_req();
        assert_eq!((fes, fei), (Some(Fes::PduSequenceError), 0), "{entries}");
        target.open_gate();
        witness.testify();
    }
    target.until_idle();
}

#[test]
fn mqes_is_the_deepest_queue() {
    let target = Target::with(|config| config.limits.queue_entries = 16);
    let mut association = Association::open(&target, &target.volume("data"), 0);
    assert_eq!(association.admin.property(Property::Cap) & 0xffff, 15);
    let mut wire = Wire::initialized(&target, PLAIN);
    let cqe = wire.connect(&Connect { sqsize: 16, ..association.io_queue(1) });
    assert_eq!(cqe.dw0.get(), ConnectInvalid::SQSIZE.bits());
    wire.assert_closed();
    drop(Wire::connected(&target, PLAIN, &Connect { sqsize: 15, ..association.io_queue(1) }));
}

#[test]
fn a_controller_has_as_many_queues_as_it_was_granted() {
    let target = Target::with(|config| config.limits.io_queues = 3);
    let mut association = Association::open(&target, &target.volume("data"), 0);
    let refused = |connect: &Connect| {
        let mut wire = Wire::initialized(&target, PLAIN);
        let cqe = wire.connect(connect);
        wire.assert_closed();
        (cqe.status(), cqe.dw0.get())
    };
    let invalid = (Status::CONNECT_INVALID_PARAMETERS.dnr(), ConnectInvalid::QID.bits());
    assert_eq!(refused(&association.io_queue(4)), invalid);
    drop(Wire::connected(&target, PLAIN, &association.io_queue(3)));
    target.until_connections(1);
    // Asked for two, zero-based; for more than there are, granted three.
    for (asked, granted) in [(1u32, 1u32), (9, 2)] {
        let set = admin(AdminOpcode::SetFeatures, 7, asked << 16 | asked);
        let reply = association.admin.run(set, HostData::None, false);
        assert_eq!((reply.status(), reply.cqe.dw0.get()), (Status::SUCCESS, granted << 16 | granted));
        let beyond = u16::try_from(granted + 2).expect("small");
        assert_eq!(refused(&association.io_queue(beyond)), invalid, "{asked}");
        drop(Wire::connected(&target, PLAIN, &association.io_queue(beyond - 1)));
        target.until_connections(1);
    }
    // With a queue connected the number stands.
    let queue = Wire::connected(&target, PLAIN, &association.io_queue(1));
    let set = admin(AdminOpcode::SetFeatures, 7, 0);
    let status = association.admin.run(set, HostData::None, false).status();
    assert_eq!(status, Status::COMMAND_SEQUENCE_ERROR.dnr());
    drop(queue);
}

#[test]
fn one_connection_too_many_is_told_that_the_controller_is_busy() {
    let target = Target::with(|config| config.limits.connections = 4);
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    let other = Association::open(&target, &subsystem, 1);
    for connect in [Connect::admin(&subsystem), witness.association.io_queue(2)] {
        let mut wire = Wire::initialized(&target, PLAIN);
        assert_eq!(wire.connect(&connect).status(), Status::CONNECT_CONTROLLER_BUSY, "not for ever");
        wire.assert_closed();
        witness.testify();
    }
    drop(other);
    target.until_connections(2);
    drop(Association::open(&target, &subsystem, 1));
}

/// Beyond the limit of handshakes a connection is closed before a word is said.
#[test]
fn one_handshake_too_many_is_closed() {
    let target = Target::with(|config| config.pending_handshakes = 2);
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    let (first, mut second) = (Wire::initialized(&target, PLAIN), Wire::initialized(&target, PLAIN));
    let mut third = Wire::open(&target);
    third.assert_closed();
    witness.testify();
    // One place becomes free when a handshake is done, and one when a host gives up.
    assert!(second.connect(&Connect::admin(&subsystem)).status().is_success());
    let mut fourth = Wire::initialized(&target, PLAIN);
    Wire::open(&target).assert_closed();
    drop(first);
    assert!(fourth.connect(&Connect::admin(&subsystem)).status().is_success());
    let _fifth = Wire::initialized(&target, PLAIN);
}

#[test]
fn one_event_request_too_many_exceeds_the_limit() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 0);
    let request = admin(AdminOpcode::AsyncEventRequest, 0, 0);
    let held: Vec<u16> = (0..4).map(|_| association.admin.submit(request, HostData::None, false)).collect();
    let fifth = association.admin.run(request, HostData::None, false);
    assert_eq!(fifth.status(), Status::AER_LIMIT_EXCEEDED.dnr());
    assert_eq!(association.admin.replies(), 0, "the four go on waiting");
    // An aborted one makes room for another.
    let abort = admin(AdminOpcode::Abort, u32::from(held[1]) << 16, 0);
    let reply = association.admin.run(abort, HostData::None, false);
    assert_eq!((reply.status(), reply.cqe.dw0.get()), (Status::SUCCESS, 0));
    assert_eq!(association.admin.wait(held[1]).status(), Status::ABORT_REQUESTED);
    association.admin.submit(request, HostData::None, false);
    let sixth = association.admin.run(request, HostData::None, false);
    assert_eq!(sixth.status(), Status::AER_LIMIT_EXCEEDED.dnr());
}

/// The acceptor answers what needs no reactor; a Connect that a reactor answers is checked again there. Both
/// know the same limits.
#[test]
fn controllers_are_told_apart_by_identifier() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut all: Vec<Association> = (0..20).map(|_| Association::open(&target, &subsystem, 1)).collect();
    let mut identifiers: Vec<u16> = all.iter().map(|association| association.cntlid).collect();
    identifiers.sort_unstable();
    identifiers.dedup();
    assert_eq!(identifiers.len(), 20);
    for association in &mut all {
        assert_eq!(association.admin.property(Property::Cc), ENABLE);
        assert!(association.io[0].read(0, 1).is_ok());
    }
}
