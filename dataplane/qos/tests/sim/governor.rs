//! The governor over devices that are not what they were.

use sluice_qos::{AppIndex, Config, Event, Nanos, Qos};

use crate::device::Model;
use crate::rig::{Load, MS, Rig, S, SLOTS, US, profile, qos, seeds};

const K4: u64 = 4096;

#[test]
fn the_window_settles_where_the_device_is_busy_and_its_queue_short() {
    for seed in seeds(3) {
        for dies in [8, 32, 128] {
            let model = Model { dies, ..Model::CONSTANT };
            // Not calibrated: it starts from the queue's depth, 16 times too deep or half as deep as it should.
            for max_in_flight in [64, 1024] {
                let mut rig = Rig::with(model, Config::new(SLOTS, max_in_flight, None), seed);
                let (_, tag) = rig.app(Qos::default());
                rig.load(Load::new(tag, 1, K4, 0).between(0, 50 * MS));
                rig.load(Load::new(tag, 2000, K4, 0).between(50 * MS, u64::MAX));
                rig.run(3 * S);
                let window = rig.scheduler.device().governor.window_units as usize;
                // All of this I/O waits here first: a queue as long as the service is borne.
                let most = dies * 2;
                let least = (dies * 9 / 10).min(max_in_flight as usize / 2);
                assert!((least..=most).contains(&window), "seed {seed}: {window} for {dies} dies");
            }
        }
    }
}

#[test]
fn slow_writes_become_dear_and_shares_follow() {
    let mut rig = Rig::with(Model::WRITE_SLOW, Config::new(SLOTS, 1024, None), 1);
    let (_, tag) = rig.app(Qos::default());
    rig.load(Load::new(tag, 1, K4, 500).between(0, 100 * MS));
    rig.load(Load::new(tag, 500, K4, 500).between(100 * MS, u64::MAX));
    rig.run(2 * S);
    assert!(rig.scheduler.device().governor.window_units < 60, "{:?}", rig.scheduler.device().governor);
}

/// Two Mins of 3:1 at 80 % of a device that collapses to a third from 2 s to 4 s, beside an aggressor.
fn collapsing() -> (Rig, [AppIndex; 2]) {
    let model = Model { collapse: Some((Nanos(2 * S), Nanos(4 * S), 3)), ..Model::CONSTANT };
    let mut rig = Rig::new(model, 1);
    let apps = [240_000, 80_000].map(|min| {
        let (app, tag) = rig.app(qos(min, None, 100));
        rig.load(Load::new(tag, 256, K4, 0));
        app
    });
    let (_, tag) = rig.app(Qos::default());
    rig.load(Load::new(tag, 128, 131_072, 1000));
    (rig, apps)
}

#[test]
fn when_the_device_collapses_all_mins_shrink_in_proportion() {
    let (mut rig, apps) = collapsing();
    let reserved = |rig: &Rig| apps.map(|app| rig.scheduler.app(app).unwrap().stats.reserved_units);
    rig.run(2 * S);
    assert!(rig.events.is_empty(), "{:?}", rig.events);
    rig.run(500 * MS);
    let before = reserved(&rig);
    rig.run(1500 * MS);
    let after = reserved(&rig);
    let [large, small] = [0, 1].map(|at| (after[at] - before[at]) * 2 / 3);
    assert!((small * 3).abs_diff(large) * 100 <= large * 2, "{large} to {small}");
    assert!(large + small >= 95_000, "Mins get most of the 130,000 that are left: {large} and {small}");
    let scaled = rig.events.iter().find_map(|(at, event)| match event {
        Event::MinsScaled { permille, delivered_iops, demanded_iops } => {
            Some((*at, *permille, *delivered_iops, *demanded_iops))
        }
        _ => None,
    });
    let (at, permille, delivered, demanded) = scaled.expect("an event says so");
    assert!(at - 2 * S <= 300 * MS, "after {} ms", (at - 2 * S) / MS);
    assert_eq!(demanded, 320_000);
    assert!(u64::from(permille) <= delivered * 1000 / demanded);
}

#[test]
fn mins_come_back_with_the_device() {
    let (mut rig, [large, small]) = collapsing();
    rig.run(7 * S);
    let restored = rig.events.iter().rev().find(|(_, event)| *event == Event::MinsRestored);
    let (at, _) = restored.expect("an event says so");
    assert!(*at > 4 * S && *at < 6 * S, "at {} ms", at / MS);
    assert_eq!(rig.scheduler.device().scale_permille, 1000);
    assert!(rig.iops(large, 6 * S, 7 * S) >= 237_600 && rig.iops(small, 6 * S, 7 * S) >= 79_200);
}

#[test]
fn nothing_is_promised_on_what_the_device_does_not_keep() {
    let model = Model { collapse: Some((Nanos(S), Nanos(9 * S), 4)), ..Model::CONSTANT };
    let mut rig = Rig::new(model, 1);
    let (_, tag) = rig.app(qos(200_000, None, 100));
    rig.load(Load::new(tag, 256, K4, 0));
    rig.run(900 * MS);
    let free = rig.scheduler.device().admission.free_iops();
    assert_eq!(free, 120_000);
    rig.run(2 * S);
    assert_eq!(rig.scheduler.device().admission.free_iops(), 0);
    // What calibration once found does not change that.
    rig.scheduler.calibrated(profile(&model)).unwrap();
    assert_eq!(rig.scheduler.device().admission.free_iops(), 0);
}

#[test]
fn reads_go_on_beside_a_device_that_collects_garbage() {
    for seed in seeds(2) {
        // Every 64 MiB written the device stops for 20 ms.
        let model = Model { garbage: Some((4096, 20 * MS)), ..Model::CONSTANT };
        let mut rig = Rig::new(model, seed);
        let (_, tag) = rig.app(qos(10_000, None, 100));
        let victim = rig.load(Load::new(tag, 1, K4, 0));
        let (writer, tag) = rig.app(Qos::default());
        rig.load(Load::new(tag, 128, 131_072, 1000));
        rig.run(4 * S);
        // Between collections the device is free for reads; a collection itself nobody can hide.
        assert!(rig.latency(victim, 900, S, 4 * S) <= 120 * US, "p90 {}", rig.latency(victim, 900, S, 4 * S));
        assert!(rig.latency(victim, 999, S, 4 * S) <= 25 * MS);
        // 134,000 are possible; half the window at least is the writer's.
        assert!(rig.iops(writer, S, 4 * S) >= 65_000, "the writer goes on: {}", rig.iops(writer, S, 4 * S));
    }
}

/// A stop of 60 ms, of the device or of the machine under it, is made good afterwards and changes no promise.
#[test]
fn a_stop_now_and_then_cuts_no_min() {
    for seed in seeds(2) {
        let model = Model { garbage: Some((150_000, 60 * MS)), ..Model::CONSTANT };
        let mut rig = Rig::new(model, seed);
        let apps = [180_000, 60_000].map(|min| {
            let (app, tag) = rig.app(qos(min, None, 100));
            rig.load(Load::new(tag, 256, K4, 300));
            (app, u64::from(min))
        });
        let (_, tag) = rig.app(Qos::default());
        rig.load(Load::new(tag, 128, 131_072, 1000));
        rig.run(6 * S);
        let cut = rig.events.iter().find(|(_, event)| matches!(event, Event::MinsScaled { .. }));
        assert!(cut.is_none(), "seed {seed}: {cut:?}");
        for (app, min) in apps {
            let mean = rig.iops(app, S, 6 * S);
            assert!(mean * 100 >= min * 99, "seed {seed}: mean {mean} for {min}");
        }
    }
}

#[test]
fn the_capacity_is_what_the_device_does() {
    let mut rig = Rig::new(Model::CONSTANT, 1);
    let (_, tag) = rig.app(Qos::default());
    rig.load(Load::new(tag, 256, 16_384, 0));
    rig.run(2 * S);
    let capacity = rig.scheduler.device().governor.capacity_cost_per_s.unwrap();
    assert!(capacity.abs_diff(1_000_000_000) <= 50_000_000, "{capacity}");
}
