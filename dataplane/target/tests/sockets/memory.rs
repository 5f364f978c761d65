//! Data memory is finite: commands wait for it, and every one of them completes; those that wait can be
//! aborted (NVMe Base section 5.1).

use crate::harness::association::pattern;
use crate::harness::host::{Host, io};
use crate::harness::pdu::{Digests, Transfer};
use crate::harness::{Association, BLOCK, Target, Wire, Witness, until};
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::qpair::HostData;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use zerocopy::little_endian::{U16, U32};

/// The least memory there can be: 1 MiB, as 64 buffers of 4 KiB and 48 of 16 KiB.
fn tight() -> Target {
    Target::with(|config| {
        config.limits.max_transfer_bytes = 16 << 10;
        config.limits.in_capsule_bytes = 8 << 10;
        config.limits.buffer_bytes = 1 << 20;
    })
}

/// Buffers of 16 KiB that commands may use up: the pool has four for its own work.
const LARGE: u64 = 44;

/// Sends the same commands on every queue from threads of their own, for the target may stop reading; opens the
/// gate when `exhausted` says so, and awaits every reply.
fn flood(
    target: &Target,
    queues: &mut [Host],
    command: impl Fn(u64) -> (Sqe, HostData<Vec<u8>>) + Sync,
    exhausted: impl Fn() -> bool,
) -> Vec<Status> {
    target.gate.shut_for(|op| op != sluice_device::Op::Flush);
    let command = &command;
    std::thread::scope(|scope| {
        let run = |queue: &mut Host| {
            let cids: Vec<u16> = (0..128)
                .map(|number| {
                    let (sqe, data) = command(number);
                    queue.queue(sqe, data, true)
                })
                .collect();
            queue.transmit();
            cids.into_iter().map(|cid| queue.wait(cid).status()).collect::<Vec<_>>()
        };
        let floods: Vec<_> = queues.iter_mut().map(|queue| scope.spawn(move || run(queue))).collect();
        until("memory used up", || exhausted().then_some(()));
        // Rounds go by, and sockets are looked at again and again.
        for _ in 0..100 {
            let held = target.in_flight().buffer_bytes;
            assert!(held <= 1 << 20, "{held} bytes of 1 MiB are held");
        }
        target.open_gate();
        floods.into_iter().flat_map(|flood| flood.join().expect("every command is answered")).collect()
    })
}

fn read(number: u64) -> (Sqe, HostData<Vec<u8>>) {
    (io(NvmOpcode::Read, number * 4, 4), HostData::In { length: 16 << 10 })
}

#[test]
fn reads_wait_for_memory_and_none_is_lost() {
    let target = tight();
    let mut association = Association::open(&target, &target.filled_volume("data"), 8);
    let shares = || target.in_flight().buffer_bytes >= target.idle_bytes + 16 * (16 << 10);
    let replies = flood(&target, &mut association.io, read, shares);
    assert_eq!(replies.len(), 8 * 128);
    assert!(replies.iter().all(|status| status.is_success()));
    target.until_idle();
}

#[test]
fn writes_by_r2t_wait_for_memory_and_none_is_lost() {
    let target = tight();
    let mut association = Association::open(&target, &target.volume("data"), 8);
    let write = |number: u64| (io(NvmOpcode::Write, number * 4, 4), HostData::Out(pattern(number, 4)));
    let shares = || target.in_flight().buffer_bytes >= target.idle_bytes + 16 * (16 << 10);
    let replies = flood(&target, &mut association.io, write, shares);
    assert!(replies.len() == 8 * 128 && replies.iter().all(|status| status.is_success()));
    for number in 0..128 {
        assert!(association.io[0].read(number * 4, 4) == Ok(pattern(number, 4)));
    }
    target.until_idle();
}

/// A megabyte of capsules per queue that nobody takes: the target keeps what it has read and stops reading. A
/// full buffer must not look like the end of a connection.
#[test]
fn capsules_wait_in_their_sockets_and_none_is_lost() {
    let target = tight();
    let mut association = Association::open(&target, &target.volume("data"), 8);
    let write = |number: u64| (io(NvmOpcode::Write, number * 2, 2), HostData::Out(pattern(number, 2)));
    let all = || target.in_flight().buffer_bytes >= target.idle_bytes + (LARGE - 1) * (16 << 10);
    let replies = flood(&target, &mut association.io, write, all);
    assert!(replies.len() == 8 * 128 && replies.iter().all(|status| status.is_success()));
    for number in 0..128 {
        assert!(association.io[0].read(number * 2, 2) == Ok(pattern(number, 2)));
    }
    target.until_idle();
}

/// A Compare needs two buffers. Were the first taken while the second is not to be had, Compares could hold all
/// memory and wait for each other.
#[test]
fn compares_do_not_wait_for_each_others_memory() {
    let target = tight();
    let mut association = Association::open(&target, &target.filled_volume("data"), 8);
    let compare = |number: u64| (io(NvmOpcode::Compare, number, 2), HostData::Out(vec![0; 2 * BLOCK]));
    let all = || target.in_flight().buffer_bytes >= target.idle_bytes + (LARGE - 1) * (16 << 10);
    let replies = flood(&target, &mut association.io, compare, all);
    assert!(replies.len() == 8 * 128 && replies.iter().all(|status| status.is_success()));
    target.until_idle();
}

fn abort(host: &mut Host, qid: u16, cid: u16) -> (Status, u32) {
    let cdw10 = U32::new(u32::from(cid) << 16 | u32::from(qid));
    let sqe = Sqe { opcode: AdminOpcode::Abort.wire(), cdw10, ..Sqe::default() };
    let reply = host.run(sqe, HostData::None, false);
    (reply.status(), reply.cqe.dw0.get())
}

const ABORTED: (Status, u32) = (Status::SUCCESS, 0);
const NOT_ABORTED: (Status, u32) = (Status::SUCCESS, 1);

/// What is at the device may have happened, so it completes; what waits for memory ends at once.
#[test]
fn abort_reaches_commands_in_line_and_not_those_at_the_device() {
    let target = tight();
    let mut association = Association::open(&target, &target.filled_volume("data"), 1);
    target.gate.shut_for(|op| op == sluice_device::Op::Read);
    let queue = &mut association.io[0];
    let cids: Vec<u16> = (0..32)
        .map(|number| {
            let (sqe, data) = read(number);
            queue.submit(sqe, data, false)
        })
        .collect();
    until("32 commands", || (target.outstanding() == 32).then_some(()));
    let (first, last) = (cids[0], cids[31]);
    assert_eq!(abort(&mut association.admin, 1, last), ABORTED);
    assert_eq!(association.io[0].wait(last).status(), Status::ABORT_REQUESTED);
    assert_eq!(abort(&mut association.admin, 1, last), NOT_ABORTED, "it is gone");
    assert_eq!(abort(&mut association.admin, 1, first), NOT_ABORTED);
    assert_eq!(abort(&mut association.admin, 1, 999), NOT_ABORTED);
    assert_eq!(abort(&mut association.admin, 2, first), NOT_ABORTED, "no such queue");
    target.open_gate();
    for cid in &cids[..31] {
        assert_eq!(association.io[0].wait(*cid).status(), Status::SUCCESS);
    }
    target.until_idle();
}

/// Its data are on their way, so it ends when they are here; nothing of it is written.
#[test]
fn abort_reaches_commands_that_wait_for_their_data() {
    let target = Target::start();
    let mut witness = Witness::open(&target, &target.volume("data"));
    let mut wire = Wire::connected(&target, Digests::default(), &witness.association.io_queue(2));
    let mut write = io(NvmOpcode::Write, 900, 1);
    write.cid = U16::new(5);
    write.set_sgl(Sgl::Transport { length: 4096 });
    wire.command(&write, &[]);
    let ttag = wire.r2t().ttag.get();
    assert_eq!(abort(&mut witness.association.admin, 2, 5), ABORTED);
    wire.send(&Digests::default().h2c_data(Transfer { cid: 5, ttag, offset: 0, last: true }, &[9; 4096]));
    let cqe = wire.completion();
    assert_eq!((cqe.cid.get(), cqe.status()), (5, Status::ABORT_REQUESTED));
    assert_eq!(witness.association.io[0].read(900, 1), Ok(vec![0; BLOCK]));
    witness.testify();
    target.until_idle();
}

/// Aborts are answered at once, so that the limit of those outstanding (ACL) is never in the way.
#[test]
fn more_aborts_than_the_limit_are_all_answered() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    let cdw10 = U32::new(77 << 16 | 1);
    let sqe = Sqe { opcode: AdminOpcode::Abort.wire(), cdw10, ..Sqe::default() };
    let cids: Vec<u16> = (0..16).map(|_| association.admin.queue(sqe, HostData::None, false)).collect();
    association.admin.transmit();
    for cid in cids {
        let reply = association.admin.wait(cid);
        assert_eq!((reply.status(), reply.cqe.dw0.get()), NOT_ABORTED);
    }
}

/// Reads whose turn has come and that find no memory are forgotten with their host, and their volume can go.
#[test]
fn reads_in_line_go_with_their_host() {
    let target = tight();
    let subsystem = target.filled_volume("data");
    let mut association = Association::open(&target, &subsystem, 1);
    target.gate.shut_for(|op| op == sluice_device::Op::Read);
    for number in 0..64 {
        let (sqe, data) = read(number);
        association.io[0].submit(sqe, data, false);
    }
    until("64 commands", || (target.outstanding() == 64).then_some(()));
    drop(association);
    target.until_connections(0);
    target.open_gate();
    target.until_idle();
    assert!(Association::open(&target, &subsystem, 1).io[0].read(0, 4).is_ok());
    target.ask(target.handle.unpublish("data"));
    target.ask(target.handle.delete_volume("data"));
    until("no application", || {
        let apps = target.ask(target.handle.apps());
        apps.iter().all(|status| status.app.name != "test").then_some(())
    });
}
