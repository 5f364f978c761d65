//! Connect: what is wrong with it is told by status and parameter, and a refused connection is closed (NVMe
//! Base section 6.3).

use crate::harness::association::ENABLE;
use crate::harness::host::{Connect, io};
use crate::harness::pdu::Digests;
use crate::harness::{Association, HOST_NQN, Host, Target, Wire, Witness};
use sluice_nvme::fabrics::connect::{CNTLID_ANY_STATIC, ConnectInvalid};
use sluice_nvme::nqn::DISCOVERY_NQN;
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::status::Status;
use sluice_volume::HostAccess;

const OTHER_HOST: &str = "nqn.2014-08.org.nvmexpress:uuid:00000000-0000-0000-0000-000000000002";

/// What is changed in a good Connect, and the answer.
struct Case {
    what: &'static str,
    connect: Connect,
    status: Status,
    invalid: Option<ConnectInvalid>,
}

fn wrong(what: &'static str, invalid: ConnectInvalid, connect: Connect) -> Case {
    Case { what, connect, status: Status::CONNECT_INVALID_PARAMETERS.dnr(), invalid: Some(invalid) }
}

fn other(what: &'static str, status: Status, connect: Connect) -> Case {
    Case { what, connect, status, invalid: None }
}

fn admin_cases(subsystem: &str, closed: &str) -> Vec<Case> {
    let good = || Connect::admin(subsystem);
    let unknown = "nqn.2026-11.io.sluice:00000000-0000-0000-0000-000000000000".to_owned();
    let sqsize = ConnectInvalid::SQSIZE;
    let discovery = |qid, cntlid| Connect { qid, cntlid, ..Connect::admin(DISCOVERY_NQN) };
    vec![
        wrong("one entry", sqsize, Connect { sqsize: 0, ..good() }),
        wrong("more entries than MQES", sqsize, Connect { sqsize: 128, ..good() }),
        wrong("as many as can be", sqsize, Connect { sqsize: u16::MAX, ..good() }),
        wrong("a certain controller", ConnectInvalid::CNTLID, Connect { cntlid: 1, ..good() }),
        wrong("a static controller", ConnectInvalid::CNTLID, Connect { cntlid: CNTLID_ANY_STATIC, ..good() }),
        wrong("no such subsystem", ConnectInvalid::SUBNQN, Connect { subsystem: unknown, ..good() }),
        wrong("an I/O queue of discovery", ConnectInvalid::QID, discovery(1, 0xffff)),
        wrong("a certain discovery controller", ConnectInvalid::CNTLID, discovery(0, 1)),
        other("a host not let in", Status::CONNECT_INVALID_HOST.dnr(), Connect::admin(closed)),
        other("another format", Status::CONNECT_INCOMPATIBLE_FORMAT.dnr(), Connect { recfmt: 1, ..good() }),
        Case {
            what: "a keep-alive timeout beyond the limit",
            connect: Connect { kato_ms: 600_001, ..good() },
            status: Status::KEEP_ALIVE_INVALID.dnr(),
            invalid: Some(ConnectInvalid::KATO),
        },
    ]
}

fn io_cases(association: &Association, closed: &str) -> Vec<Case> {
    let good = || association.io_queue(2);
    let cntlid = ConnectInvalid::CNTLID;
    let elsewhere = Connect { subsystem: closed.to_owned(), host: OTHER_HOST.to_owned(), ..good() };
    vec![
        wrong("no entries to speak of", ConnectInvalid::SQSIZE, Connect { sqsize: 0, ..good() }),
        wrong("more entries than MQES", ConnectInvalid::SQSIZE, Connect { sqsize: 128, ..good() }),
        wrong("queue 17 of 16", ConnectInvalid::QID, Connect { qid: 17, ..good() }),
        wrong("queue 65535", ConnectInvalid::QID, Connect { qid: u16::MAX, ..good() }),
        wrong("no such controller", cntlid, Connect { cntlid: 0xffe0, ..good() }),
        wrong("any controller", cntlid, Connect { cntlid: 0xffff, ..good() }),
        wrong("another subsystem's controller", cntlid, elsewhere),
        wrong("another host", ConnectInvalid::HOSTNQN, Connect { host: OTHER_HOST.to_owned(), ..good() }),
        wrong("another host identifier", ConnectInvalid::HOSTID, Connect { host_id: [8; 16], ..good() }),
        other("a queue there is", Status::COMMAND_SEQUENCE_ERROR.dnr(), Connect { qid: 1, ..good() }),
    ]
}

#[test]
fn each_wrong_connect_is_told_why_and_closed() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let closed = target.volume_for("closed", HostAccess::Hosts(vec![OTHER_HOST.to_owned()]));
    let mut witness = Witness::open(&target, &subsystem);
    let cases = [admin_cases(&subsystem, &closed), io_cases(&witness.association, &closed)];
    for Case { what, connect, status, invalid } in cases.into_iter().flatten() {
        let mut wire = Wire::initialized(&target, Digests::default());
        let cqe = wire.connect(&connect);
        let told = (cqe.status(), cqe.dw0.get());
        assert_eq!(told, (status, invalid.map_or(0, ConnectInvalid::bits)), "{what}");
        wire.assert_closed();
        witness.testify();
    }
    // One step the other way.
    for sqsize in [1, 127] {
        let connect = Connect { sqsize, kato_ms: 600_000, ..Connect::admin(&subsystem) };
        drop(Wire::connected(&target, Digests::default(), &connect));
        let connect = Connect { sqsize, ..witness.association.io_queue(16) };
        drop(Wire::connected(&target, Digests::default(), &connect));
        target.until_connections(2);
    }
}

#[test]
fn data_of_another_length_are_refused() {
    let target = Target::start();
    let (sqe, data) = Connect::admin(&target.volume("data")).capsule();
    for length in [0, 1020, 1028] {
        let mut wire = Wire::initialized(&target, Digests::default());
        let mut bytes = data.clone();
        bytes.resize(length, 0);
        wire.command(&sqe, &bytes);
        assert_eq!(wire.completion().status(), Status::SGL_DATA_LENGTH_INVALID.dnr(), "{length}");
        wire.assert_closed();
    }
}

/// A queue that is not connected has no commands but Connect; saying so does not end it.
#[test]
fn commands_before_connect_are_out_of_sequence() {
    let target = Target::start();
    let connect = Connect::admin(&target.volume("data"));
    let mut wire = Wire::initialized(&target, Digests::default());
    let mut read = io(NvmOpcode::Read, 0, 1);
    read.set_sgl(Sgl::Transport { length: 4096 });
    for _ in 0..3 {
        wire.command(&read, &[]);
        assert_eq!(wire.completion().status(), Status::COMMAND_SEQUENCE_ERROR.dnr());
    }
    assert_eq!(wire.connect(&connect).status(), Status::SUCCESS);
}

#[test]
fn io_queues_wait_for_the_controller_to_be_enabled() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut admin = Host::open(&target, false);
    let reply = admin.connect(&Connect::admin(&subsystem), 8192);
    let cntlid = u16::try_from(reply.cqe.dw0.get()).expect("an identifier");
    let connect = Connect::io(&subsystem, cntlid, 1);
    let mut wire = Wire::initialized(&target, Digests::default());
    assert_eq!(wire.connect(&connect).status(), Status::COMMAND_SEQUENCE_ERROR.dnr());
    wire.assert_closed();
    assert!(admin.configure(ENABLE).is_success());
    drop(Wire::connected(&target, Digests::default(), &connect));
}

/// Two that are refused in one go: each hears it. The first to go must not take the other with it.
#[test]
fn refusals_do_not_meet() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let witness = Witness::open(&target, &subsystem);
    let connect = Connect { qid: 17, ..witness.association.io_queue(2) };
    for _ in 0..50 {
        let mut wires: Vec<Wire> = (0..8).map(|_| Wire::initialized(&target, Digests::default())).collect();
        let (sqe, data) = connect.capsule();
        wires.iter_mut().for_each(|wire| wire.command(&sqe, &data));
        for wire in &mut wires {
            assert_eq!(wire.completion().status(), Status::CONNECT_INVALID_PARAMETERS.dnr());
            wire.assert_closed();
        }
    }
}

/// The list of hosts that may connect holds eight.
#[test]
fn hosts_are_let_in_by_name_up_to_the_longest_list() {
    let target = Target::start();
    let host = |number: u32| format!("nqn.2014-08.org.nvmexpress:uuid:00000000-0000-0000-0001-{number:012}");
    let mut hosts: Vec<String> = (1..8).map(host).collect();
    hosts.push(HOST_NQN.to_owned());
    assert_eq!(hosts.len(), sluice_volume::MAX_HOSTS);
    let subsystem = target.volume_for("data", HostAccess::Hosts(hosts.clone()));
    for name in &hosts {
        let connect = Connect { host: name.clone(), ..Connect::admin(&subsystem) };
        drop(Association::connect(&target, &connect, 1, false));
    }
    let connect = Connect { host: host(8), ..Connect::admin(&subsystem) };
    let mut wire = Wire::initialized(&target, Digests::default());
    assert_eq!(wire.connect(&connect).status(), Status::CONNECT_INVALID_HOST.dnr());
    hosts.push(host(8));
    let refused = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(target.handle.publish("data", HostAccess::Hosts(hosts)));
    assert!(refused.is_err(), "nine are too many");
}
