//! The whole engine against a target in this process: what is right is proved, what is wrong is found.

#![forbid(unsafe_code)]

mod target;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sluice_perf::report::{JobReport, Outcome};
use sluice_perf::spec::{JobSpec, ReconnectSpec, Target, TcpTarget, VerifySpec};
use sluice_perf::workload::{OpMix, Pattern, SizeMix};
use sluice_perf::{RunError, RunOptions, run};
use target::{Faults, serve};

/// Blocks of every target here, as its Identify says.
const BLOCKS: usize = 8192;

fn job(faults: Faults) -> JobSpec {
    let target = TcpTarget::new(serve(BLOCKS, faults).to_string(), "nqn.2026-11.io.sluice:test");
    JobSpec {
        ops: OpMix { read_percent: 50, ..OpMix::default() },
        run_time: None,
        io_count: Some(3000),
        connections: 2,
        queue_depth: 16,
        verify: Some(VerifySpec { read_back: true, strict_trim: true, ..VerifySpec::default() }),
        ..JobSpec::new("job", Target::Tcp(target))
    }
}

fn change_target(job: &mut JobSpec, change: impl Fn(&mut TcpTarget)) {
    if let Target::Tcp(target) = &mut job.target {
        change(target);
    }
}

fn drive(job: JobSpec) -> JobReport {
    let stop = AtomicBool::new(false);
    let mut report = run(&[job], &RunOptions::default(), &stop, |_| ()).expect("it starts");
    report.jobs.remove(0)
}

#[test]
fn all_operations_are_proved() {
    for pattern in [Pattern::Random, Pattern::Sequential, Pattern::Zipf { theta: 0.9 }] {
        let mut job = job(Faults::default());
        job.pattern = pattern;
        job.ops = OpMix { read_percent: 40, trim_percent: 10, write_zeroes_percent: 10 };
        job.sizes = SizeMix::parse("512:1,4k:1,64k:1").expect("sizes");
        let report = drive(job);
        assert_eq!(report.outcome, Outcome::Completed, "{:?}", report.wrong_blocks);
        assert_eq!(report.reads.ios + report.writes.ios + report.clears.ios, 3000);
        assert!(report.counters.blocks_verified > 8192 && report.counters.blocks_cleared > 0);
    }
}

#[test]
fn digests_and_flow_control() {
    for sq_flow_control in [false, true] {
        let mut job = job(Faults::default());
        change_target(&mut job, |target| {
            (target.header_digest, target.data_digest) = (true, true);
            target.sq_flow_control = sq_flow_control;
        });
        assert_eq!(drive(job).outcome, Outcome::Completed);
    }
}

#[test]
fn warm_up_is_not_counted() {
    let mut job = job(Faults::default());
    job.warm_up = Duration::from_millis(50);
    job.verify.as_mut().expect("set").precondition = true;
    let report = drive(job);
    assert_eq!((report.outcome, report.reads.ios + report.writes.ios), (Outcome::Completed, 3000));
}

#[test]
fn lost_connections_are_made_again() {
    let mut job = job(Faults { cut_every: 500, ..Faults::default() });
    job.reconnect = Some(ReconnectSpec::default());
    let report = drive(job);
    assert_eq!(report.outcome, Outcome::Completed, "{:?}", report.wrong_blocks);
    assert!(report.counters.disconnects >= 5 && report.counters.reissued >= 5, "{:?}", report.counters);
}

#[test]
fn a_lost_connection_fails_a_job_that_does_not_reconnect() {
    let report = drive(job(Faults { cut_every: 500, ..Faults::default() }));
    assert!(matches!(&report.outcome, Outcome::Failed(why) if why.contains("lost")), "{:?}", report.outcome);
}

#[test]
fn a_forgotten_write_is_found() {
    let report = drive(job(Faults { forget_every: 100, ..Faults::default() }));
    assert_eq!(report.outcome, Outcome::VerifyFailed);
    assert!(report.counters.blocks_wrong > 0 && report.wrong_blocks[0].contains("lost write"));
}

#[test]
fn blocks_of_an_earlier_run_are_foreign() {
    let mut job = job(Faults::default());
    assert_eq!(drive(job.clone()).outcome, Outcome::Completed);
    job.ops.read_percent = 100;
    let report = drive(job);
    assert_eq!(report.outcome, Outcome::VerifyFailed);
    assert!(report.wrong_blocks[0].contains("foreign"), "{:?}", report.wrong_blocks);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_runs() {
    let changes: [fn(&mut JobSpec); 3] = [
        |job| job.queue_depth = 65,
        |job| job.sizes = SizeMix::single(1 << 20).expect("a size"),
        |job| job.size_bytes = Some(1 << 40),
    ];
    for change in changes {
        let mut job = job(Faults::default());
        change(&mut job);
        let result = run(&[job], &RunOptions::default(), &AtomicBool::new(false), |_| ());
        assert!(matches!(result, Err(RunError::Unopened { .. })), "{result:?}");
    }
}

#[test]
fn a_stop_ends_the_run_with_a_result() {
    let mut job = job(Faults::default());
    (job.io_count, job.run_time) = (None, Some(Duration::from_secs(3600)));
    let stop = AtomicBool::new(false);
    let options = RunOptions { interval: Duration::from_millis(250), ..RunOptions::default() };
    let observe = |progress: &sluice_perf::Progress| {
        if progress.jobs[0].rates.iops > 0.0 {
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let report = run(&[job], &options, &stop, observe).expect("it starts");
    assert_eq!(report.jobs[0].outcome, Outcome::Stopped);
    assert!(report.is_clean() && report.jobs[0].rates.iops > 0.0);
}
