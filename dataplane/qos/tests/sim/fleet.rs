//! Random applications on random devices; every bound in every window.

use sluice_device::random::Random;
use sluice_qos::{AppIndex, Burst, Qos, QosSpec, VolumeQos, VolumeQosSpec};

use crate::bounds::{envelope, lag};
use crate::device::Model;
use crate::rig::{Load, MS, Rig, S, seeds};

/// An application of the fleet and what to check of it.
#[derive(Debug)]
struct Member {
    app: AppIndex,
    spec: QosSpec,
    largest_units: u64,
    /// Always has I/O queued and no limit but the application's: its Min is due in every window.
    greedy: bool,
}

fn model(random: &mut Random) -> Model {
    let dies = 8 << random.index(4);
    let read_ns = 40_000 + random.below(120_000);
    let write_ns = read_ns * (1 + random.below(5));
    Model { dies, read_ns, write_ns, spread_permille: random.below(200), ..Model::CONSTANT }
}

fn spec(random: &mut Random, min: u64, capacity: u64) -> QosSpec {
    let max = min + 10 + random.below(capacity / 2);
    let max_iops = random.chance(500).then(|| u32::try_from(max).unwrap());
    let ceiling = u32::try_from(max + 1 + random.below(capacity)).unwrap();
    let credit_s = 1 + u32::try_from(random.below(5)).unwrap();
    let burst = max_iops.filter(|_| random.chance(400)).map(|_| Burst { iops: ceiling, credit_s });
    let weight = 1 + u16::try_from(random.below(1000)).unwrap();
    QosSpec { min_iops: u32::try_from(min).unwrap(), max_iops, burst, weight, ..QosSpec::default() }
}

fn member(rig: &mut Rig, random: &mut Random, min: u64, capacity: u64) -> Member {
    let spec = spec(random, min, capacity);
    let (app, tag) = rig.app(Qos::new(spec).unwrap());
    let sizes = [4096, 8192, 32_768, 131_072];
    let greedy = random.chance(600);
    let mut largest = 0;
    for number in 0..1 + random.below(4) {
        let bytes = sizes[random.index(4)];
        largest = largest.max(bytes);
        let depth = if greedy { 128 } else { 1 + u32::try_from(random.below(64)).unwrap() };
        let write_permille = u32::try_from(random.below(3) * 500).unwrap();
        let from = if greedy { 0 } else { random.below(S) };
        let capped = number > 0 && random.chance(300);
        let cap = VolumeQosSpec { max_iops: capped.then_some(500), ..VolumeQosSpec::default() };
        let tag = if number == 0 { tag } else { rig.volume_with(app, VolumeQos::new(cap).unwrap()) };
        rig.load(Load::new(tag, depth, bytes, write_permille).between(from, u64::MAX));
    }
    Member { app, spec, largest_units: largest.div_ceil(16_384), greedy }
}

fn check(rig: &Rig, member: &Member, seed: u64) {
    eprintln!("seed {seed}: {member:?}");
    let Member { app, spec, largest_units, greedy } = member;
    if let Some(max) = spec.max_iops.map(u64::from) {
        let credit = spec.burst.map_or(0, |burst| burst.credit_units(spec.max_iops.unwrap()));
        // Max and credit may each end with one I/O on trust.
        let trust = largest_units * if spec.burst.is_some() { 2 } else { 1 };
        envelope(rig, *app, max, credit + max / 200 + 1 + trust);
    }
    if let Some(burst) = spec.burst {
        envelope(rig, *app, burst.iops.into(), u64::from(burst.iops) / 200 + 1 + largest_units);
    }
    let min = u64::from(spec.min_iops);
    if *greedy && min > 0 {
        // The first half second is the governor's to find the device's depth.
        let most = lag(rig, *app, min, S / 2);
        assert!(most <= min / 50 + 4 * largest_units, "seed {seed}: {most} units behind a Min of {min}");
    }
}

#[test]
fn every_bound_holds_in_every_window() {
    for seed in seeds(12) {
        let mut random = Random::new(seed * 7919);
        let model = model(&mut random);
        let mut rig = Rig::new(model, seed);
        // The load may be all writes: 70 % of what the device does of these is promised.
        let capacity = model.dies as u64 * S / model.write_ns;
        let mut free = capacity * 7 / 10;
        let members: Vec<Member> = (0..2 + random.below(8))
            .map(|_| {
                let min = random.below(free / 2);
                free -= min;
                member(&mut rig, &mut random, min, capacity)
            })
            .collect();
        rig.run(S);
        let before = rig.busy_ns();
        rig.run(S);
        members.iter().for_each(|member| check(&rig, member, seed));
        let busy_permille = (rig.busy_ns() - before) / model.dies as u64 * 1000 / S;
        let unlimited = |member: &Member| member.greedy && member.spec.max_iops.is_none();
        // What may go is not held back; the latency of those who are not greedy may cost up to half.
        if members.iter().any(unlimited) {
            let least = if members.iter().all(|member| member.greedy) { 800 } else { 450 };
            assert!(busy_permille >= least, "seed {seed}: busy {busy_permille} of 1000");
        }
        assert!(rig.longest_hold_ns < 7500 * MS, "seed {seed}");
    }
}
