//! Applications under limits: what waits for its turn can be aborted, abandoned, deleted and set free.
//!
//! A Max of 10 I/O units a second lets the first few reads through, so of 40 most wait for seconds: long enough for
//! anything here, and never waited for.

use crate::harness::association::ENABLE;
use crate::harness::host::{Host, io};
use crate::harness::{Association, Target, Witness, until};
use sluice_nvme::opcode::{AdminOpcode, NvmOpcode};
use sluice_nvme::qpair::HostData;
use sluice_nvme::sqe::Sqe;
use sluice_nvme::status::Status;
use sluice_qos::{AppSpec, QosSpec};
use sluice_target::ControlError;
use sluice_target::handle::{AppStatus, LeaseSpec};
use std::time::Duration;

const READS: u16 = 40;

fn limited(max_iops: Option<u32>) -> AppSpec {
    let qos = QosSpec { max_iops, ..QosSpec::default() };
    AppSpec { name: "test".to_owned(), qos, ..AppSpec::default() }
}

fn app(target: &Target) -> AppStatus {
    let apps = target.ask(target.handle.apps());
    apps.into_iter().find(|status| status.app.name == "test").expect("a volume names it")
}

/// A host with more reads outstanding than the Max lets through.
fn throttled(target: &Target, subsystem: &str) -> (Association, Vec<u16>) {
    let mut association = Association::open(target, subsystem, 1);
    target.ask(target.handle.set_app(limited(Some(10))));
    let read = |host: &mut Host, lba: u16| {
        host.submit(io(NvmOpcode::Read, lba.into(), 1), HostData::In { length: 4096 }, false)
    };
    let cids = (0..READS).map(|lba| read(&mut association.io[0], lba)).collect();
    until("reads that wait", || (app(target).queued > 0 && target.outstanding() > 0).then_some(()));
    (association, cids)
}

#[test]
fn without_limits_nothing_waits_and_all_is_counted() {
    let target = Target::start();
    let mut association = Association::open(&target, &target.volume("data"), 1);
    for lba in 0..8 {
        association.io[0].read(lba, 2).expect("read");
    }
    let status = app(&target);
    assert_eq!((status.set, status.queued, status.volumes), (false, 0, 1));
    let report = target.ask(target.handle.stats());
    let figures = report.apps.iter().find(|figures| figures.name == "test").expect("there");
    let stats = &figures.stats;
    assert_eq!((stats.ios, stats.units, stats.bytes), (8, 8, 8 * 8192));
    assert_eq!((stats.queue_latency.count(), stats.device_latency.count()), (8, 8));
}

#[test]
fn a_limit_that_is_lifted_lets_everything_go() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let (mut association, cids) = throttled(&target, &subsystem);
    target.ask(target.handle.set_app(limited(None)));
    for cid in cids {
        assert!(association.io[0].wait(cid).status().is_success());
    }
    assert_eq!(app(&target).queued, 0);
    target.until_idle();
}

#[test]
fn what_waits_can_be_aborted() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let (mut association, cids) = throttled(&target, &subsystem);
    let last = *cids.last().expect("reads");
    let mut abort = Sqe { opcode: AdminOpcode::Abort.wire(), ..Sqe::default() };
    abort.cdw10 = (u32::from(last) << 16 | 1).into();
    let reply = association.admin.run(abort, HostData::None, false);
    assert_eq!((reply.status(), reply.cqe.dw0.get() & 1), (Status::SUCCESS, 0), "it was aborted");
    assert_eq!(association.io[0].wait(last).status(), Status::ABORT_REQUESTED);
}

/// A host that keeps hundreds of reads in line behind its limit takes nobody's memory.
#[test]
fn reads_that_wait_hold_no_memory() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let mut witness = Witness::open(&target, &subsystem);
    target.ask(target.handle.set_app(limited(Some(10))));
    let mut throttled = Association::open(&target, &subsystem, 4);
    let read = |host: &mut Host, lba: u64| {
        host.submit(io(NvmOpcode::Read, lba, 1), HostData::In { length: 4096 }, false)
    };
    let cids: Vec<Vec<u16>> =
        throttled.io.iter_mut().map(|host| (0..100).map(|lba| read(host, lba)).collect()).collect();
    until("reads that wait", || (app(&target).queued > 350).then_some(()));
    // What went at first may still be on its way.
    until("no memory held", || (target.in_flight().buffer_bytes == target.idle_bytes).then_some(()));
    target.ask(target.handle.set_app(limited(None)));
    for (host, cids) in throttled.io.iter_mut().zip(cids) {
        assert!(cids.into_iter().all(|cid| host.wait(cid).status().is_success()));
    }
    witness.testify();
    target.until_idle();
}

#[test]
fn a_controller_reset_takes_what_waits_with_it() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let (mut association, _) = throttled(&target, &subsystem);
    assert_eq!(association.admin.configure(ENABLE & !1), Status::SUCCESS);
    association.io[0].until_closed();
    target.until_idle();
    assert_eq!(app(&target).queued, 0);
    target.ask(target.handle.set_app(limited(None)));
    assert_eq!(association.admin.configure(ENABLE), Status::SUCCESS);
    let mut queue = Host::open(&target, false);
    assert!(queue.connect(&association.io_queue(1), 0).status().is_success());
    assert!(queue.read(0, 1).is_ok());
}

#[test]
fn a_host_that_goes_takes_what_waits_with_it() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let (association, _) = throttled(&target, &subsystem);
    drop(association);
    target.until_connections(0);
    target.until_idle();
    assert_eq!(app(&target).queued, 0);
    // Max still holds for the next host, and nothing of the last one's is counted against it but what went.
    target.ask(target.handle.set_app(limited(None)));
    Witness::open(&target, &subsystem).testify();
}

#[test]
fn a_volume_can_be_deleted_under_what_waits() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let (mut association, cids) = throttled(&target, &subsystem);
    target.ask(target.handle.unpublish("data"));
    target.ask(target.handle.delete_volume("data"));
    let last = association.io[0].wait(*cids.last().expect("reads")).status();
    assert_eq!(last, Status::INVALID_NAMESPACE.dnr());
    target.until_idle();
    let status = app(&target);
    assert_eq!((status.set, status.volumes), (true, 0), "it was set, so it stays");
    target.ask(target.handle.remove_app("test"));
    assert!(target.ask(target.handle.apps()).iter().all(|status| status.app.name != "test"));
}

#[test]
fn an_application_nobody_set_goes_with_its_last_volume() {
    let target = Target::start();
    for name in ["a", "b"] {
        target.volume(name);
    }
    for (name, volumes) in [("a", Some(1)), ("b", None)] {
        target.ask(target.handle.unpublish(name));
        target.ask(target.handle.delete_volume(name));
        let apps = target.ask(target.handle.apps());
        let found = apps.iter().find(|status| status.app.name == "test").map(|status| status.volumes);
        assert_eq!(found, volumes);
    }
}

#[test]
fn a_lease_raises_max_and_is_ended() {
    let target = Target::start();
    let subsystem = target.volume("data");
    let (mut association, cids) = throttled(&target, &subsystem);
    let lease = LeaseSpec { min_iops: 0, max_iops: Some(1_000_000), length: Duration::from_secs(3600) };
    let status = target.ask(target.handle.lease_app("test", lease));
    assert_eq!((status.app.qos.max_iops, status.now.max_iops), (Some(10), Some(1_000_000)));
    assert!(status.lease_remaining.is_some_and(|left| left <= lease.length));
    for cid in cids {
        assert!(association.io[0].wait(cid).status().is_success());
    }
    let status = target.ask(target.handle.end_lease("test"));
    assert_eq!((status.now.max_iops, status.lease_remaining), (Some(10), None));
}

#[test]
fn what_cannot_be_promised_is_refused_and_nothing_changes() {
    let target = Target::start();
    target.volume("data");
    let refused = |spec: AppSpec| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(target.handle.set_app(spec)).expect_err("refused")
    };
    let with_min = |min_iops| {
        let qos = QosSpec { min_iops, ..QosSpec::default() };
        AppSpec { qos, ..limited(None) }
    };
    assert!(matches!(refused(with_min(1000)), ControlError::Scheduler(_)), "the device was not calibrated");
    assert!(matches!(refused(limited(Some(9))), ControlError::App(_)), "below the least Max");
    let status = app(&target);
    assert_eq!((status.set, status.now), (false, QosSpec::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let in_use = runtime.block_on(target.handle.remove_app("test")).expect_err("a volume names it");
    assert!(matches!(in_use, ControlError::AppInUse { volumes: 1, .. }), "{in_use}");
    let unknown = runtime.block_on(target.handle.end_lease("nobody")).expect_err("nobody");
    assert!(matches!(unknown, ControlError::AppNotFound { .. }), "{unknown}");
}
