//! What was promised to users, in virtual time.

use sluice_qos::{AppIndex, Burst, Change, Nanos, Qos, QosSpec, Tag};

use crate::bounds::{envelope, max_over_every_second, min_windows};
use crate::device::Model;
use crate::rig::{Load, MS, Rig, S, US, profile, qos, seeds};

const K4: u64 = 4096;
const K128: u64 = 131_072;

/// Two aggressors without a Min: large and small writes at depth 128.
fn aggressors(rig: &mut Rig) -> [AppIndex; 2] {
    [K128, K4].map(|bytes| {
        let (app, tag) = rig.app(Qos::default());
        rig.load(Load::new(tag, 128, bytes, 1000));
        app
    })
}

#[test]
fn min_is_met_at_80_percent_against_writers() {
    for seed in seeds(3) {
        for model in [Model::CONSTANT, Model::WRITE_SLOW] {
            let mut rig = Rig::new(model, seed);
            aggressors(&mut rig);
            let total = profile(&model).worst_iops * 8 / 10;
            let mins = [total / 2, total * 3 / 10, total - total / 2 - total * 3 / 10];
            let apps = mins.map(|min| {
                let (app, tag) = rig.app(qos(u32::try_from(min).unwrap(), None, 100));
                rig.load(Load::new(tag, 64, K4, 300));
                (app, min)
            });
            rig.run(4 * S);
            for (app, min) in apps {
                let (good, mean) = min_windows(&rig, app, min, 500 * MS, 4 * S);
                assert!(good >= 999, "seed {seed}: {good} of 1000 windows at 95 % of {min}");
                assert!(mean * 100 >= min * 99, "seed {seed}: mean {mean} for {min}");
                assert_eq!(rig.scheduler.app(app).unwrap().stats.violations, 0, "seed {seed}");
            }
        }
    }
}

#[test]
fn max_is_never_exceeded_alone_or_beside_others() {
    for seed in seeds(3) {
        let mut rig = Rig::new(Model::CONSTANT, seed);
        aggressors(&mut rig);
        let apps = [(500, K4, 1), (20_000, K4, 1), (20_000, K128, 8)].map(|(max, bytes, units)| {
            let (app, tag) = rig.app(qos(0, Some(max), 100));
            rig.load(Load::new(tag, 64, bytes, 500).between(u64::from(max) * US, u64::MAX));
            (app, u64::from(max), units)
        });
        rig.run(4 * S);
        for (app, max, units) in apps {
            envelope(&rig, app, max, max / 200 + 1 + units);
            max_over_every_second(&rig, app, max, units);
            assert!(
                rig.iops(app, S, 4 * S) * 100 >= max * 97,
                "seed {seed}: Max of {max} is there to be used"
            );
        }
    }
}

#[test]
fn weights_share_what_is_there() {
    for seed in seeds(3) {
        for (bytes, write_permille) in [(K4, 0), (K4, 300), (K128, 500)] {
            let mut rig = Rig::new(Model::CONSTANT, seed);
            let apps = [1, 2, 4, 8].map(|weight| {
                let (app, tag) = rig.app(qos(0, None, weight));
                rig.load(Load::new(tag, 256, bytes, write_permille));
                (app, u64::from(weight))
            });
            rig.run(2 * S);
            let all: u64 = apps.iter().map(|(app, _)| rig.cost(*app, S, 2 * S)).sum();
            for (app, weight) in apps {
                let (share, due) = (rig.cost(app, S, 2 * S) * 15_000 / all, weight * 1000);
                assert!(share.abs_diff(due) * 100 <= due * 3, "seed {seed}: {share} for {due}");
            }
        }
    }
}

#[test]
fn weights_hold_beside_mins_below_the_share() {
    let mut rig = Rig::new(Model::CONSTANT, 1);
    let apps = [(1, 10_000), (3, 100_000)].map(|(weight, min)| {
        let (app, tag) = rig.app(qos(min, None, weight));
        rig.load(Load::new(tag, 256, K4, 0));
        app
    });
    rig.run(2 * S);
    let [one, three] = apps.map(|app| rig.cost(app, S, 2 * S));
    assert!((one * 3).abs_diff(three) * 100 <= three * 3, "{one} to {three}");
}

/// p99 and p99.9 of 4 KiB reads at a depth, alone or beside the aggressors.
fn victim(depth: u32, model: Model, seed: u64, alone: bool) -> [u64; 2] {
    let mut rig = Rig::new(model, seed);
    let min_iops = 60_000.min(profile(&model).worst_iops * 4 / 10);
    let (_, tag) = rig.app(qos(u32::try_from(min_iops).unwrap(), None, 100));
    let load = rig.load(Load::new(tag, depth, K4, 0));
    if !alone {
        aggressors(&mut rig);
    }
    rig.run(4 * S);
    [990, 999].map(|permille| rig.latency(load, permille, S, 4 * S))
}

#[test]
fn a_victims_tail_stays_near_its_own() {
    for seed in seeds(2) {
        for model in [Model::CONSTANT, Model::WRITE_SLOW, Model::SMALL] {
            for depth in [1, 4] {
                let (alone, beside) = (victim(depth, model, seed, true), victim(depth, model, seed, false));
                assert!(
                    beside[0] * 10 <= alone[0] * 13,
                    "seed {seed}, depth {depth}: p99 {beside:?} alone {alone:?}"
                );
                assert!(
                    beside[1] <= alone[1] * 2,
                    "seed {seed}, depth {depth}: p99.9 {beside:?} alone {alone:?}"
                );
            }
        }
    }
}

#[test]
fn the_device_is_kept_busy() {
    let parts_per_s = 32 * S / 82_000;
    for seed in seeds(2) {
        let mut rig = Rig::new(Model::CONSTANT, seed);
        let (app, tag) = rig.app(Qos::default());
        rig.load(Load::new(tag, 256, K4, 0));
        rig.run(3 * S);
        assert!(rig.iops(app, S, 3 * S) * 100 >= parts_per_s * 98, "one alone: {}", rig.iops(app, S, 3 * S));

        let mut rig = Rig::new(Model::CONSTANT, seed);
        let mut apps = aggressors(&mut rig).to_vec();
        for _ in 0..10 {
            let (app, tag) = rig.app(qos(10_000, Some(200_000), 100));
            rig.load(Load::new(tag, 16, K4, 300));
            apps.push(app);
        }
        rig.run(3 * S);
        let all: u64 = apps.iter().map(|app| rig.iops(*app, S, 3 * S)).sum();
        assert!(all * 100 >= parts_per_s * 95, "mixed: {all} of {parts_per_s}");
    }
}

#[test]
fn an_idle_app_wakes_to_its_min() {
    for seed in seeds(5) {
        let mut rig = Rig::new(Model::WRITE_SLOW, seed);
        aggressors(&mut rig);
        let (app, tag) = rig.app(qos(50_000, None, 100));
        let woken = S + seed * 777 * US;
        rig.load(Load::new(tag, 64, K4, 0).between(woken, u64::MAX));
        rig.run(woken + 100 * MS);
        // From the fifth millisecond on, every further five bring their Min.
        for from in (woken..woken + 95 * MS).step_by(5_000_000) {
            let units = rig.units(app, from, from + 5 * MS);
            assert!(units * 100 >= 250 * 95, "seed {seed}: {units} in 5 ms from {} us", (from - woken) / US);
        }
    }
}

fn bursting(min_iops: u32) -> Qos {
    let burst = Some(Burst { iops: 100_000, credit_s: 10 });
    Qos::new(QosSpec { min_iops, max_iops: Some(20_000), burst, ..QosSpec::default() }).unwrap()
}

#[test]
fn a_burst_reaches_its_ceiling_and_ends_with_its_credit() {
    for seed in seeds(3) {
        let mut rig = Rig::new(Model::CONSTANT, seed);
        let (app, tag) = rig.app(bursting(0));
        // Idle for two seconds saves 40,000: half a second at the ceiling.
        rig.load(Load::new(tag, 128, K4, 0).between(2 * S, u64::MAX));
        rig.run(5 * S);
        let first = rig.units(app, 2 * S, 2 * S + 10 * MS);
        assert!(first >= 1000, "seed {seed}: {first} in the first 10 ms");
        let later = rig.iops(app, 4 * S, 5 * S);
        assert!(later.abs_diff(20_000) <= 200, "seed {seed}: {later} when the credit is spent");
        envelope(&rig, app, 20_000, 40_000 + 100 + 2);
        envelope(&rig, app, 100_000, 500 + 2);
        let spent = rig.scheduler.app(app).unwrap().stats.burst_units;
        assert!(spent.abs_diff(40_000) <= 150, "seed {seed}: {spent} paid with credit");
    }
}

#[test]
fn bursts_are_cut_while_a_min_lags() {
    // The device collapses to a quarter for half a second: the Min alone is more than it does.
    let model = Model { collapse: Some((Nanos(3 * S), Nanos(3 * S + 500 * MS), 4)), ..Model::CONSTANT };
    let mut rig = Rig::new(model, 1);
    let (burst, tag) = rig.app(bursting(0));
    rig.load(Load::new(tag, 128, K4, 0).between(2 * S + 800 * MS, u64::MAX));
    let (kept, tag) = rig.app(qos(200_000, None, 100));
    rig.load(Load::new(tag, 256, K4, 0));
    rig.run(3 * S + 500 * MS);
    assert!(rig.iops(burst, 2 * S + 900 * MS, 3 * S) >= 95_000);
    let (cut, kept) = (
        rig.iops(burst, 3 * S + 60 * MS, 3 * S + 500 * MS),
        rig.iops(kept, 3 * S + 60 * MS, 3 * S + 500 * MS),
    );
    assert!(cut <= 20_000 && kept >= 75_000, "burst {cut}, Min {kept}");
}

#[test]
fn a_hundred_clones_are_one_app() {
    let run = |clones: u32| {
        let mut rig = Rig::new(Model::CONSTANT, 3);
        let (_, tag) = rig.app(qos(20_000, None, 100));
        let victim = rig.load(Load::new(tag, 1, K4, 0));
        let (app, _) = rig.app(qos(0, Some(150_000), 100));
        let tags: Vec<Tag> = (0..clones).map(|_| rig.volume(app)).collect();
        for tag in &tags {
            rig.load(Load::new(*tag, 32, K128, 0));
        }
        rig.run(3 * S);
        (rig, victim, app, tags)
    };
    let (alone, victim, _, _) = run(0);
    let (beside, _, app, tags) = run(100);
    let of = |rig: &Rig, permille| rig.latency(victim, permille, S, 3 * S);
    assert!(
        of(&beside, 990) * 10 <= of(&alone, 990) * 13,
        "p99 {}, alone {}",
        of(&beside, 990),
        of(&alone, 990)
    );
    assert!(of(&beside, 999) <= of(&alone, 999) * 2, "p99.9 {}, alone {}", of(&beside, 999), of(&alone, 999));
    envelope(&beside, app, 150_000, 750 + 9);
    assert!(beside.iops(app, S, 3 * S) >= 148_500);
    let of_clone = |tag: Tag| beside.sent.iter().filter(|sent| sent.tag == tag && sent.at >= S).count();
    let counts: Vec<usize> = tags.iter().map(|tag| of_clone(*tag)).collect();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(most - least <= 2, "clones of equal weight get {least} to {most}");
}

#[test]
fn a_thousand_changes_are_in_force_at_once() {
    for seed in seeds(2) {
        let mut rig = Rig::new(Model::CONSTANT, seed);
        let apps: Vec<AppIndex> = (0..1000)
            .map(|_| {
                let (app, tag) = rig.app(qos(20, Some(100), 100));
                rig.load(Load::new(tag, 4, K4, 300));
                app
            })
            .collect();
        rig.run(2 * S);
        for (min, max) in [(200, 300), (50, 50)] {
            let changed = rig.now;
            let qos = qos(min, Some(max), 100);
            let changes: Vec<Change> = apps.iter().map(|app| Change { app: *app, qos }).collect();
            rig.scheduler.change(Nanos(rig.now), &changes).unwrap();
            rig.run(S);
            let from = changed + 10 * MS;
            for app in &apps {
                let (units, due) = (rig.units(*app, from, rig.now), u64::from(max) * 99 / 100);
                assert!(units.abs_diff(due) <= 3, "seed {seed}: {units} of {due} after the change");
            }
        }
    }
}

#[test]
fn nothing_waits_beyond_the_hold_limit() {
    let model = Model::CONSTANT;
    let mut config = crate::rig::config(&model);
    config.hold_limit = Nanos(500 * MS);
    let mut rig = Rig::with(model, config, 1);
    // 128 outstanding behind a Max of 50 would wait for 2.5 s.
    let (app, tag) = rig.app(qos(0, Some(50), 100));
    rig.load(Load::new(tag, 128, K4, 0));
    aggressors(&mut rig);
    rig.run(3 * S);
    assert!(rig.longest_hold_ns <= 620 * MS, "{} ms", rig.longest_hold_ns / MS);
    let stats = rig.scheduler.app(app).unwrap().stats;
    assert!(
        stats.overdue > 0
            && rig.events.iter().any(|(_, event)| *event == sluice_qos::Event::HeldTooLong { app })
    );
    // What hosts' timeouts force is all that goes beyond Max.
    assert!(stats.units - stats.overdue <= 3 * 50 + 2, "{} besides {}", stats.units, stats.overdue);
}
