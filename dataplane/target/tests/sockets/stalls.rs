//! Hosts that stop half-way. They hold what they have been given, which is bounded, until they are closed;
//! others go on all the while. Progress is shown by what completes while they are still there.

use crate::harness::association::pattern;
use crate::harness::host::{Connect, io};
use crate::harness::pdu::{Digests, Transfer};
use crate::harness::{Association, Target, Wire, Witness, resident_bytes, until};
use sluice_nvme::nqn::DISCOVERY_NQN;
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_nvme::tcp::{DigestFlags, IcReq};
use std::time::Duration;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

const PLAIN: Digests = Digests { header: false, data: false };
/// Rounds of the witness while others stall.
const ROUNDS: usize = 50;
/// Blocks of the largest transfer, 128 KiB.
const LARGEST: usize = 32;

/// Half-way through a handshake, at each place where one can stop.
fn half_handshakes(target: &Target, subsystem: &str) -> Vec<Wire> {
    let ic_req = IcReq::new(0, DigestFlags::default(), 0);
    let (sqe, data) = Connect::admin(subsystem).capsule();
    let capsule = PLAIN.capsule(&sqe, &data);
    let (silent, mut half_ic_req) = (Wire::open(target), Wire::open(target));
    half_ic_req.send(&ic_req.as_bytes()[..64]);
    let initialized = Wire::initialized(target, PLAIN);
    let (mut half_header, mut half_data) =
        (Wire::initialized(target, PLAIN), Wire::initialized(target, PLAIN));
    half_header.send(&capsule[..7]);
    half_data.send(&capsule[..500]);
    vec![silent, half_ic_req, initialized, half_header, half_data]
}

#[test]
fn stalled_handshakes_are_closed_at_the_limit_and_make_room() {
    let target = Target::with(|config| {
        config.timeouts.handshake = Duration::from_secs(1);
        config.pending_handshakes = 51;
    });
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    let mut stalled: Vec<Wire> = (0..10).flat_map(|_| half_handshakes(&target, &subsystem)).collect();
    for _ in 0..ROUNDS {
        witness.testify();
    }
    stalled.iter_mut().for_each(Wire::assert_closed);
    // All places are free again.
    let _next: Vec<Wire> = (0..50).map(|_| Wire::initialized(&target, PLAIN)).collect();
    drop(Wire::connected(&target, PLAIN, &Connect::admin(&subsystem)));
    witness.testify();
}

/// Sends commands without waiting for anything.
fn submit(wire: &mut Wire, opcode: NvmOpcode, count: u16) {
    let mut sqe = io(opcode, 0, LARGEST);
    sqe.set_sgl(Sgl::Transport { length: 128 << 10 });
    for cid in 0..count {
        sqe.cid = U16::new(cid);
        wire.command(&sqe, &[]);
    }
}

/// A queue of writes whose data never come, but for half of one.
fn promise_and_stall(target: &Target, association: &Association, qid: u16) -> Wire {
    let mut wire = Wire::connected(target, PLAIN, &association.io_queue(qid));
    submit(&mut wire, NvmOpcode::Write, 127);
    let r2t = wire.r2t();
    let transfer = Transfer { cid: r2t.cccid.get(), ttag: r2t.ttag.get(), offset: 0, last: true };
    let data = PLAIN.h2c_data(transfer, &vec![0; 128 << 10]);
    wire.send(&data[..50_000]);
    wire
}

/// A queue of reads, 16 MiB in all, whose data are never taken.
fn read_and_stall(target: &Target, association: &Association, qid: u16) -> Wire {
    let mut wire = Wire::connected(target, PLAIN, &association.io_queue(qid));
    submit(&mut wire, NvmOpcode::Read, 127);
    wire
}

#[test]
fn half_sent_transfers_hold_a_share_and_others_go_on() {
    let target = Target::start();
    let (bad, good) = (target.volume("bad"), target.volume("good"));
    let mut witness = Witness::open(&target, &good);
    let holders: Vec<Association> = (0..3).map(|_| Association::open(&target, &bad, 0)).collect();
    // What is read has to be there, or zeroes would be sent, which take no memory.
    let mut writer = Association::open(&target, &bad, 1);
    assert!(writer.io[0].write(0, pattern(1, LARGEST), false).is_success());
    let mut stalled = Vec::new();
    for association in &holders {
        stalled.extend((1..=8).map(|qid| promise_and_stall(&target, association, qid)));
        stalled.extend((9..=16).map(|qid| read_and_stall(&target, association, qid)));
    }
    let connections = target.connections().len();
    assert_eq!(connections, 2 + 3 + 2 + stalled.len());
    for round in 0..ROUNDS {
        witness.testify();
        let lba = 32 * (round as u64 % 8);
        let queue = &mut witness.association.io[0];
        let data = pattern(round as u64, LARGEST);
        assert_eq!(queue.write(lba, data.clone(), false), Status::SUCCESS);
        assert!(queue.read(lba, LARGEST) == Ok(data));
        let held = target.in_flight();
        assert!(held.buffer_bytes < target.config.limits.buffer_bytes * 7 / 8, "{held:?}");
        assert!(held.commands <= 127 * 48, "{held:?}");
    }
    assert_eq!(target.connections().len(), connections, "all that stall are still there");
    drop(stalled);
    target.until_connections(7);
    target.until_idle();
    witness.testify();
}

/// A host that stalls for longer than ten seconds is closed, and takes nothing with it.
#[test]
fn who_stalls_for_too_long_is_closed() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    let queue = |qid| witness.association.io_queue(qid);
    let mut promised = Wire::connected(&target, PLAIN, &queue(2));
    submit(&mut promised, NvmOpcode::Write, 4);
    for _ in 0..4 {
        promised.r2t();
    }
    // Only idle, which is no offence: it holds nothing.
    let mut idle = Wire::connected(&target, PLAIN, &queue(3));
    promised.assert_closed();
    submit(&mut idle, NvmOpcode::Write, 1);
    idle.r2t();
    target.until_connections(3);
    witness.testify();
}

/// Part of a capsule and no more: its bytes are kept, and nobody has to carry them from round to round.
#[test]
fn half_capsules_cost_nobody_anything() {
    let target = Target::with(|config| config.limits.in_capsule_bytes = 64 << 10);
    let mut witness = Witness::open(&target, &target.volume("data"));
    let mut write = io(NvmOpcode::Write, 0, 16);
    write.set_sgl(Sgl::InCapsule { offset: 0, length: 64 << 10 });
    let capsule = PLAIN.capsule(&write, &pattern(1, 16));
    let connects: Vec<Connect> = (2..=16).map(|qid| witness.association.io_queue(qid)).collect();
    let mut halves: Vec<Wire> =
        connects.iter().map(|connect| Wire::connected(&target, PLAIN, connect)).collect();
    let (most, rest) = capsule.split_at(capsule.len() - 1);
    halves.iter_mut().for_each(|half| half.send(most));
    for _ in 0..ROUNDS {
        witness.testify();
    }
    assert_eq!(target.in_flight().commands, 0);
    for half in &mut halves {
        half.send(rest);
        assert_eq!(half.completion().status(), Status::SUCCESS);
    }
}

/// Log pages come from the heap: a host that asks for many and takes none is not read any further.
#[test]
fn admin_data_that_are_not_taken_are_bounded() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    let before = resident_bytes();
    for asked in [&subsystem, DISCOVERY_NQN] {
        let connect = Connect { sqsize: 127, ..Connect::admin(asked) };
        let mut wires: Vec<Wire> = (0..20).map(|_| Wire::connected(&target, PLAIN, &connect)).collect();
        for wire in &mut wires {
            wire.command(&crate::harness::association::enable(), &[]);
            assert!(wire.completion().status().is_success());
            let length: u32 = 128 << 10;
            let cdw10 = U32::new((length / 4 - 1) << 16 | 1);
            let mut sqe = Sqe { opcode: AdminOpcode::GetLogPage.wire(), cdw10, ..Sqe::default() };
            sqe.set_sgl(Sgl::Transport { length });
            for cid in 0..120 {
                sqe.cid = U16::new(cid);
                wire.command(&sqe, &[]);
            }
        }
        for _ in 0..ROUNDS {
            witness.testify();
        }
        // All asked: 300 MB. Some lies in sockets.
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 100 << 20, "{grown} bytes more");
        // Late, but whole.
        for wire in &mut wires {
            (0..120).for_each(|_| wire.take_data(128 << 10));
        }
    }
    until("memory back", || (target.in_flight().commands == 0).then_some(()));
}
