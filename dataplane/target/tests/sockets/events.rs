//! What hosts are told without having asked: a volume that is unpublished under them, and changes of the
//! discovery log (NVMe Base sections 5.2 and 5.16.1.23).

use crate::harness::association::ENABLE;
use crate::harness::host::{Connect, Host, io};
use crate::harness::pdu::{Digests, Transfer};
use crate::harness::{Association, BLOCK, Target, Wire, Witness, until};
use sluice_nvme::nqn::DISCOVERY_NQN;
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::qpair::HostData;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_volume::HostAccess;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use zerocopy::little_endian::{U16, U32};

/// Asynchronous Event Configuration: Namespace Attribute Notices; Discovery Log Page Change Notification.
const NAMESPACE_NOTICES: u32 = 1 << 8;
const DISCOVERY_NOTICES: u32 = 1 << 31;
/// Dword 0 of their completions: a notice, which, and its log page.
const NAMESPACE_CHANGED: u32 = 0x0004_0002;
const DISCOVERY_CHANGED: u32 = 0x0070_f002;

fn admin(opcode: AdminOpcode, cdw10: u32, cdw11: u32) -> Sqe {
    Sqe { opcode: opcode.wire(), cdw10: U32::new(cdw10), cdw11: U32::new(cdw11), ..Sqe::default() }
}

fn want(host: &mut Host, notices: u32) {
    let set = admin(AdminOpcode::SetFeatures, 0x0b, notices);
    assert!(host.run(set, HostData::None, false).status().is_success());
}

fn request(host: &mut Host) -> u16 {
    host.submit(admin(AdminOpcode::AsyncEventRequest, 0, 0), HostData::None, false)
}

fn event(host: &mut Host, cid: u16) -> u32 {
    let reply = host.wait(cid);
    assert!(reply.status().is_success(), "{:?}", reply.status());
    reply.cqe.dw0.get()
}

fn log_page(host: &mut Host, lid: u32, length: u32) -> Vec<u8> {
    let get = admin(AdminOpcode::GetLogPage, (length / 4 - 1) << 16 | lid, 0);
    host.run(get, HostData::In { length }, false).data
}

#[test]
fn hosts_of_an_unpublished_volume_are_told_before_they_are_closed() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("other"));
    let subsystem = target.volume("data");
    let (mut told, mut silent) =
        (Association::open(&target, &subsystem, 2), Association::open(&target, &subsystem, 1));
    want(&mut told.admin, NAMESPACE_NOTICES);
    let (asked, unasked) = (request(&mut told.admin), request(&mut silent.admin));
    assert_eq!(log_page(&mut told.admin, 4, 4096)[..4], [0; 4], "no namespace has changed");

    target.ask(target.handle.unpublish("data"));
    assert_eq!(event(&mut told.admin, asked), NAMESPACE_CHANGED);
    assert_eq!(log_page(&mut told.admin, 4, 4096)[..8], [1, 0, 0, 0, 0, 0, 0, 0], "namespace 1 has");
    for association in [&mut told, &mut silent] {
        assert_eq!(association.io[0].read(0, 1), Err(Status::INVALID_NAMESPACE.dnr()));
        let list = admin(AdminOpcode::Identify, 2, 0);
        let list = association.admin.run(list, HostData::In { length: 4096 }, false);
        assert_eq!(list.data[..4], [0; 4], "nothing is left");
        let mut wire = Wire::initialized(&target, Digests::default());
        assert!(!wire.connect(&association.io_queue(3)).status().is_success());
    }
    for Association { admin, io, .. } in [&mut told, &mut silent] {
        io.iter_mut().for_each(Host::until_closed);
        admin.until_closed();
    }
    assert_eq!(silent.admin.replies(), 0, "request {unasked} was for other events");
    witness.testify();

    // Published again it is there again, under the same name.
    target.ask(target.handle.publish("data", HostAccess::Any));
    assert!(Association::open(&target, &subsystem, 1).io[0].read(0, 1).is_ok());
}

/// One event per reading of the log page, however much has changed, and none is forgotten: what happens between
/// an event and the reading is told after the reading, for the host may have read too early.
#[test]
fn discovery_hosts_are_told_of_changes() {
    let target = Target::start();
    let mut host = Host::open(&target, false);
    assert!(host.connect(&Connect::admin(DISCOVERY_NQN), 8192).status().is_success());
    assert!(host.configure(ENABLE).is_success());
    want(&mut host, DISCOVERY_NOTICES);
    let before = log_page(&mut host, 0x70, 1024)[0];

    let first = request(&mut host);
    let subsystem = target.volume("one");
    assert_eq!(event(&mut host, first), DISCOVERY_CHANGED);
    target.volume("two");
    let second = request(&mut host);
    let page = log_page(&mut host, 0x70, 4096);
    assert!(page[0] > before && page[8] == 2, "two volumes in generation {}", page[0]);
    assert!(page.windows(subsystem.len()).any(|part| part == subsystem.as_bytes()));
    assert_eq!(event(&mut host, second), DISCOVERY_CHANGED);

    // What happens while nobody has a request is told to the next.
    target.ask(target.handle.unpublish("two"));
    assert_eq!(log_page(&mut host, 0x70, 4096)[8], 1);
    let third = request(&mut host);
    assert_eq!(event(&mut host, third), DISCOVERY_CHANGED);
}

/// Dataset Management goes range by range. If the volume is unpublished between two of them the command must not
/// succeed: half of it was not done.
#[test]
fn a_command_cut_short_does_not_succeed() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    let queue = &mut association.io[0];
    let lbas: Vec<u64> = (0..32).map(|number| number * 16).collect();
    for lba in &lbas {
        assert!(queue.write(*lba, vec![7; BLOCK], false).is_success());
    }
    target.gate.shut();
    let mut sqe = io(NvmOpcode::DatasetManagement, 0, 1);
    (sqe.cdw10, sqe.cdw11) = (U32::new(31), U32::new(1 << 2));
    let range = |lba: &u64| [[0; 4], 1u32.to_le_bytes()].concat().into_iter().chain(lba.to_le_bytes());
    let cid = queue.submit(sqe, HostData::Out(lbas.iter().flat_map(range).collect()), true);
    until("the first range at the device", || (target.in_flight().commands == 1).then_some(()));
    // Once its record is in line behind the first range's, both may go.
    target.ask(async {
        let mut unpublished = pin!(target.handle.unpublish("data"));
        poll_fn(|cx| Poll::Ready(unpublished.as_mut().poll(cx).is_ready())).await;
        target.handle.stats().await?;
        target.gate.open();
        target.handle.stats().await?;
        unpublished.await
    });
    assert_eq!(queue.wait(cid).status(), Status::INVALID_NAMESPACE.dnr());

    let subsystem = association.subsystem.clone();
    target.ask(target.handle.publish("data", HostAccess::Any));
    let mut again = Association::open(&target, &subsystem, 1);
    assert_eq!(again.io[0].read(lbas[0], 1), Ok(vec![0; BLOCK]));
    assert_eq!(again.io[0].read(lbas[31], 1), Ok(vec![7; BLOCK]));
}

/// Data that arrive after the end are not written, whoever has the volume by then.
#[test]
fn a_write_whose_data_come_too_late_is_not_carried_out() {
    let target = Target::start();
    let association = Association::open(&target, &target.volume("data"), 0);
    let mut wire = Wire::connected(&target, Digests::default(), &association.io_queue(1));
    let mut write = io(NvmOpcode::Write, 0, 1);
    write.cid = U16::new(3);
    write.set_sgl(Sgl::Transport { length: 4096 });
    wire.command(&write, &[]);
    let ttag = wire.r2t().ttag.get();
    target.ask(target.handle.unpublish("data"));
    wire.send(&Digests::default().h2c_data(Transfer { cid: 3, ttag, offset: 0, last: true }, &[9; BLOCK]));
    assert_eq!(wire.completion().status(), Status::INVALID_NAMESPACE.dnr());
    target.ask(target.handle.publish("data", HostAccess::Any));
    let mut again = Association::open(&target, &association.subsystem, 1);
    assert_eq!(again.io[0].read(0, 1), Ok(vec![0; BLOCK]));
}
