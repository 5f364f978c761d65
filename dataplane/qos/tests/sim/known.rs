//! What is known to have gone wrong in other schedulers of this kind, each as a test that it does not here.

use sluice_qos::{Change, Nanos, Qos};

use crate::bounds::{envelope, max_over_every_second};
use crate::device::Model;
use crate::rig::{Load, MS, Rig, S, qos};

const K4: u64 = 4096;
const K128: u64 = 131_072;

/// dmclock keeps tags in doubles of seconds since 1970: a step is 238 ns, so 1/rate is rounded away and a limit of
/// 4 million IOPS is 5 % off, one of 10 million none.
#[test]
fn rates_are_exact_at_any_date() {
    let model = Model { dies: 1024, read_ns: 10_000, ..Model::CONSTANT };
    let mut rig = Rig::with(model, sluice_qos::Config::new(crate::rig::SLOTS, 4096, None), 1);
    rig.now = 1_790_000_000 * S;
    let (app, tag) = rig.app(qos(0, Some(4_000_000), 100));
    rig.load(Load::new(tag, 2000, K4, 0));
    let from = rig.now + 20 * MS;
    rig.run(200 * MS);
    assert!(
        rig.iops(app, from, rig.now).abs_diff(4_000_000) <= 4_000_000 / 100,
        "{}",
        rig.iops(app, from, rig.now)
    );
    envelope(&rig, app, 4_000_000, 20_000 + 1);
}

/// dmclock issue 21: service by reservation passed the limit, and cycles of too much and too little followed.
#[test]
fn reserved_service_keeps_the_limit_too() {
    let mut rig = Rig::new(Model::CONSTANT, 1);
    let (app, tag) = rig.app(qos(10_000, Some(10_000), 1000));
    rig.load(Load::new(tag, 64, K128, 500));
    let (_, other) = rig.app(Qos::default());
    rig.load(Load::new(other, 64, K4, 0));
    rig.run(3 * S);
    envelope(&rig, app, 10_000, 50 + 8);
    max_over_every_second(&rig, app, 10_000, 8);
    for from in (S..3 * S).step_by(100_000_000) {
        assert!(rig.units(app, from, from + 100 * MS) >= 990, "in the 100 ms from {} ms", from / MS);
    }
}

/// dmclock pull request 34: a client with one I/O outstanding is idle between any two, lost a little of its reservation
/// each time, and got less than its 800 IOPS.
#[test]
fn one_io_at_a_time_gets_its_min() {
    for min in [800, 3000] {
        let mut rig = Rig::new(Model::WRITE_SLOW, 1);
        let (app, tag) = rig.app(qos(min, None, 1));
        rig.load(Load::new(tag, 1, K4, 0));
        for _ in 0..4 {
            let (_, other) = rig.app(qos(0, None, 1000));
            rig.load(Load::new(other, 128, K128, 1000));
        }
        rig.run(3 * S);
        assert!(rig.iops(app, S, 3 * S) >= u64::from(min), "{} of {min}", rig.iops(app, S, 3 * S));
    }
}

/// dmclock pull requests 58 and 80: service by weight took back a whole reservation whatever the I/O had cost.
#[test]
fn weighted_service_of_large_ios_does_not_touch_the_min() {
    let mut rig = Rig::new(Model::CONSTANT, 1);
    let (app, tag) = rig.app(qos(40_000, None, 100));
    rig.load(Load::new(tag, 64, K128, 0));
    let (_, other) = rig.app(qos(0, None, 100));
    rig.load(Load::new(other, 64, K128, 0));
    rig.run(2 * S);
    let before = rig.scheduler.app(app).unwrap().stats.reserved_units;
    rig.run(S);
    let stats = rig.scheduler.app(app).unwrap().stats;
    let reserved = stats.reserved_units - before;
    assert!(reserved.abs_diff(40_000) <= 400, "{reserved} units paid by Min");
    assert!(stats.units > stats.reserved_units * 3, "and as much again by weight");
}

/// Ceph's osd-config-ref: weights too large never get a tag. And a weight too small must get one, too.
#[test]
fn the_extreme_weights_share() {
    let mut rig = Rig::new(Model::CONSTANT, 1);
    let apps = [1, 1000].map(|weight| {
        let (app, tag) = rig.app(qos(0, None, weight));
        rig.load(Load::new(tag, 256, K4, 0));
        app
    });
    rig.run(4 * S);
    let [small, large] = apps.map(|app| rig.units(app, 0, 4 * S));
    let due = (small + large) / 1001;
    assert!(small.abs_diff(due) * 100 <= due * 3 + 400, "{small} of {due}");
}

/// Ceph pull request 52808: a limit per queue is no limit when a class has many clients.
#[test]
fn a_limit_holds_over_all_volumes_of_an_app() {
    let mut rig = Rig::new(Model::CONSTANT, 1);
    let (app, first) = rig.app(qos(0, Some(5000), 100));
    rig.load(Load::new(first, 8, K4, 0));
    for _ in 0..40 {
        let tag = rig.volume(app);
        rig.load(Load::new(tag, 8, K4, 500));
    }
    rig.run(2 * S);
    envelope(&rig, app, 5000, 25 + 1);
    assert!(rig.iops(app, S, 2 * S) >= 4950);
}

/// SPDK: limits below 1000 IOPS are not possible, what a slice does not use is lost, and issue 3768: the second change
/// of a limit fails.
#[test]
fn small_limits_are_exact_and_change_as_often_as_one_likes() {
    let mut rig = Rig::new(Model::CONSTANT, 1);
    let (app, tag) = rig.app(qos(0, Some(10), 100));
    rig.load(Load::new(tag, 4, K4, 0));
    for max in [10, 37, 999, 12] {
        let change = Change { app, qos: qos(0, Some(max), 100) };
        rig.scheduler.change(Nanos(rig.now), &[change]).unwrap();
        let from = rig.now + 10 * MS;
        rig.run(4 * S);
        let units = rig.units(app, from, from + 3 * S);
        assert!(units.abs_diff(u64::from(max) * 3) <= 2, "{units} in 3 s at {max}");
    }
}
