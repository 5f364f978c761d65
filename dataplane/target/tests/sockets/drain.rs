//! The end: what is in flight completes, nothing new is taken, and a checkpoint comes last, which flushes the device.

use crate::harness::association::pattern;
use crate::harness::host::io;
use crate::harness::pdu::Digests;
use crate::harness::{Association, Target, Wire, until};
use sluice_device::Op;
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::qpair::HostData;
use sluice_nvme::sgl::Sgl;
use sluice_nvme::status::Status;
use sluice_target::ControlError;
use std::time::Duration;

/// What the device is asked for last with a volatile write cache: all else flushed, and both copies of the superblock.
const END: [Op; 3] = [Op::Flush, Op::Write { fua: true }, Op::Write { fua: true }];

#[test]
fn a_write_in_flight_is_answered_and_then_flushed() {
    let mut target = Target::over(|_| {}, true);
    let mut association = Association::open(&target, &target.volume("data"), 1);
    target.gate.shut();
    let queue = &mut association.io[0];
    let cids: Vec<u16> = (0..8)
        .map(|lba| queue.submit(io(NvmOpcode::Write, lba, 1), HostData::Out(pattern(lba, 1)), true))
        .collect();
    until("8 writes", || (target.outstanding() == 8).then_some(()));
    let (gate, handle) = (target.gate.clone(), target.handle.clone());
    std::thread::scope(|scope| {
        let drain = scope.spawn(|| target.drain());
        // The drain has begun when operations are refused for it; this one does nothing before.
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let refused = || runtime.block_on(handle.delete_volume("none")).expect_err("there is none");
        until("the drain", || matches!(refused(), ControlError::ShuttingDown).then_some(()));
        assert!(!gate.asked().ends_with(&END), "not before the writes are done");
        gate.open();
        let _ = runtime.block_on(handle.stats());
        for cid in cids {
            assert_eq!(queue.wait(cid).status(), Status::SUCCESS);
        }
        drain.join().expect("drained");
    });
    let asked = target.gate.asked();
    assert!(asked.ends_with(&END), "{:?}", &asked[asked.len() - 8..]);
}

#[test]
fn an_idle_target_flushes_what_it_wrote_before() {
    let mut target = Target::over(|_| {}, true);
    let mut association = Association::open(&target, &target.volume("data"), 1);
    assert!(association.io[0].write(0, pattern(1, 1), true).is_success());
    target.drain();
    assert!(target.gate.asked().ends_with(&END));
    association.io[0].until_closed();
}

/// Without a volatile write cache there is nothing to flush.
#[test]
fn who_has_nothing_to_flush_does_not() {
    let mut target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    assert!(association.io[0].write(0, pattern(1, 1), true).is_success());
    target.drain();
    assert!(!target.gate.asked().contains(&Op::Flush));
}

/// A host that never sends the data it promised holds a drain up to the timeout, and no longer; what others have
/// written is flushed all the same.
#[test]
fn a_stalled_host_does_not_hold_up_the_end() {
    let mut target = Target::over(|config| config.timeouts.drain = Duration::from_millis(50), true);
    let mut association = Association::open(&target, &target.volume("data"), 1);
    assert!(association.io[0].write(0, pattern(1, 1), true).is_success());
    let mut wire = Wire::connected(&target, Digests::default(), &association.io_queue(2));
    let mut write = io(NvmOpcode::Write, 0, 1);
    write.set_sgl(Sgl::Transport { length: 4096 });
    wire.command(&write, &[]);
    wire.r2t();
    target.drain();
    assert!(target.gate.asked().ends_with(&END));
    wire.assert_closed();
}
