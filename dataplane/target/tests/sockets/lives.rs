//! How controllers end: keep-alive, reset, shutdown, the loss of their admin queue (NVMe Base sections 3.5 to
//! 3.9).

use crate::harness::association::ENABLE;
use crate::harness::host::{Connect, Host, io};
use crate::harness::{Association, Target, Witness};
use sluice_nvme::fabrics::disconnect::DisconnectCommand;
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::property::Property;
use sluice_nvme::qpair::HostData;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;

/// CC.SHN of a normal shutdown.
const SHUT_DOWN: u64 = ENABLE | 1 << 14;

fn identify(host: &mut Host) -> Status {
    let mut sqe = Sqe { opcode: AdminOpcode::Identify.wire(), ..Sqe::default() };
    sqe.cdw10 = 1.into();
    host.run(sqe, HostData::In { length: 4096 }, false).status()
}

#[test]
fn a_silent_host_loses_all_its_queues_and_nobody_else_does() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    let connect = Connect { kato_ms: 1000, ..Connect::admin(&subsystem) };
    let mut silent = Association::connect(&target, &connect, 2, false);
    assert_eq!(target.connections().len(), 5);
    silent.io[1].until_closed();
    silent.io[0].until_closed();
    silent.admin.until_closed();
    witness.testify();
    target.until_connections(2);
}

#[test]
fn a_reset_ends_the_io_queues_and_the_controller_begins_anew() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    let subsystem = witness.association.subsystem.clone();
    let mut association = Association::open(&target, &subsystem, 2);
    let aer = Sqe { opcode: AdminOpcode::AsyncEventRequest.wire(), ..Sqe::default() };
    let event = association.admin.submit(aer, HostData::None, false);
    for _ in 0..3 {
        assert_eq!(association.admin.configure(ENABLE & !1), Status::SUCCESS);
        association.io.iter_mut().for_each(Host::until_closed);
        assert_eq!(association.admin.property(Property::Csts), 0);
        assert_eq!(identify(&mut association.admin), Status::COMMAND_SEQUENCE_ERROR.dnr());
        assert_eq!(association.admin.configure(ENABLE), Status::SUCCESS);
        assert_eq!(association.admin.property(Property::Csts), 1);
        assert_eq!(identify(&mut association.admin), Status::SUCCESS);
        association.io.clear();
        for qid in 1..=2 {
            let mut queue = Host::open(&target, false);
            assert!(queue.connect(&association.io_queue(qid), 0).status().is_success());
            assert!(queue.read(0, 1).is_ok());
            association.io.push(queue);
        }
    }
    assert_eq!(association.admin.wait(event).status(), Status::ABORTED_SQ_DELETION);
    witness.testify();
}

#[test]
fn a_controller_that_is_shut_down_says_so_and_takes_no_commands() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    assert_eq!(association.admin.configure(SHUT_DOWN), Status::SUCCESS);
    assert_eq!(association.admin.property(Property::Csts), 0b1001, "ready, shutdown complete");
    assert_eq!(identify(&mut association.admin), Status::COMMAND_SEQUENCE_ERROR.dnr());
    let connect = association.io_queue(2);
    let reply = Host::open(&target, false).connect(&connect, 0);
    assert_eq!(reply.status(), Status::COMMAND_SEQUENCE_ERROR.dnr());
    assert_eq!(association.admin.configure(0), Status::SUCCESS);
    assert_eq!(association.admin.configure(ENABLE), Status::SUCCESS);
    assert_eq!(identify(&mut association.admin), Status::SUCCESS);
}

#[test]
fn disconnect_ends_its_queue_alone() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 2);
    let mut disconnect = Sqe::default();
    DisconnectCommand::default().write_to(&mut disconnect);
    assert_eq!(association.io[0].run(disconnect, HostData::None, false).status(), Status::SUCCESS);
    association.io[0].until_closed();
    assert!(association.io[1].read(0, 1).is_ok());
    let mut again = Host::open(&target, false);
    assert!(again.connect(&association.io_queue(1), 0).status().is_success());
    assert!(again.read(0, 1).is_ok());
}

#[test]
fn io_queues_do_not_outlive_their_admin_queue() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    let subsystem = witness.association.subsystem.clone();
    let Association { admin, mut io, .. } = Association::open(&target, &subsystem, 3);
    drop(admin);
    io.iter_mut().for_each(Host::until_closed);
    witness.testify();
}

/// A host that goes while its commands are at the device: their memory comes back when they complete.
#[test]
fn commands_of_a_host_that_is_gone_complete_for_nobody() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.filled_volume("data"));
    let subsystem = witness.association.subsystem.clone();
    let mut association = Association::open(&target, &subsystem, 1);
    target.gate.shut();
    for lba in 0..64 {
        association.io[0].submit(io(NvmOpcode::Read, lba, 1), HostData::In { length: 4096 }, false);
    }
    crate::harness::until("64 reads", || (target.outstanding() == 64).then_some(()));
    drop(association);
    target.until_connections(2);
    assert_eq!(target.in_flight().commands, 64);
    target.open_gate();
    target.until_idle();
    witness.testify();
}
