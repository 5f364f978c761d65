//! Limits alone, over spans of virtual time.

use super::*;
use crate::model::Burst;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn limited(max_iops: u32) -> QosSpec {
    QosSpec { max_iops: Some(max_iops), ..QosSpec::default() }
}

fn bursting(max_iops: u32, iops: u32, credit_s: u32) -> QosSpec {
    QosSpec { burst: Some(Burst { iops, credit_s }), ..limited(max_iops) }
}

/// Lets through what may pass for `span_ns`, looking every `step_ns`.
fn passed(limits: &mut Limits, span_ns: u64, step_ns: u64, burst: bool) -> u64 {
    let mut units = 0;
    for _ in 0..span_ns / step_ns {
        limits.refill(step_ns);
        while limits.check(burst).is_ok() {
            limits.debit(1, 4096);
            units += 1;
        }
    }
    units
}

#[test]
fn no_limit_holds_nothing() {
    let limits = Limits::new(&QosSpec::default());
    assert_eq!(limits.check(false), Ok(()));
}

#[test]
fn max_lets_through_its_rate_and_five_milliseconds() {
    let mut limits = Limits::new(&limited(10_000));
    // The first millisecond finds the bucket full.
    assert_eq!(passed(&mut limits, S, MS, true), 10_000 + 50 - 10);
    assert_eq!(passed(&mut limits, S, MS, true), 10_000);
}

#[test]
fn credit_is_saved_below_max_spent_at_the_ceiling_and_then_gone() {
    let mut limits = Limits::new(&bursting(1000, 5000, 2));
    // Nothing saved yet: Max, although a burst is configured.
    assert_eq!(passed(&mut limits, S, MS, true), 1005);
    // Idle for 4 s saves 4000 of at most 8000: one second at the ceiling.
    limits.refill(4 * S);
    assert!(passed(&mut limits, S, MS, true).abs_diff(5000) <= 2);
    assert_eq!(passed(&mut limits, S, MS, true), 1000);
    // Idle for an hour saves no more than two seconds of the ceiling.
    limits.refill(3600 * S);
    let spent = passed(&mut limits, 4 * S, MS, true);
    assert!(spent.abs_diff(8000 + 4 * 1000 + 5) <= 2, "{spent}");
}

#[test]
fn a_cut_burst_falls_to_max_at_once_and_keeps_its_credit() {
    let mut limits = Limits::new(&bursting(1000, 5000, 2));
    limits.refill(4 * S);
    assert_eq!(passed(&mut limits, S, MS, false), 1004);
    let held = limits.check(false).unwrap_err();
    assert_eq!((held.cause, held.wait_ns <= MS), (Cause::BurstCut, true));
    assert!(passed(&mut limits, S, MS, true) > 4900);
}

#[test]
fn bandwidth_holds_back_the_large_and_tells_how_long() {
    let spec = QosSpec { max_bytes_per_s: Some(100 << 20), ..QosSpec::default() };
    let mut limits = Limits::new(&spec);
    limits.debit(64, 1 << 20);
    let Held { cause, wait_ns } = limits.check(true).unwrap_err();
    assert_eq!(cause, Cause::Bandwidth);
    limits.refill(wait_ns - 1);
    assert!(limits.check(true).is_err());
    limits.refill(1);
    assert_eq!(limits.check(true), Ok(()));
}

#[test]
fn changes_keep_debts_and_forget_limits_that_were_off() {
    let mut limits = Limits::new(&limited(1000));
    limits.debit(1000, 0);
    limits.retune(&limited(2000));
    assert_eq!(limits.check(true).unwrap_err().wait_ns, 497_500_000 + 1);
    limits.retune(&QosSpec::default());
    assert_eq!(limits.check(true), Ok(()));
    limits.retune(&limited(2000));
    assert_eq!(limits.check(true), Ok(()));
}
