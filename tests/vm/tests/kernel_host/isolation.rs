//! Two applications of one guest: limits and guarantees hold for the kernel's host as for ours.
//!
//! An emulated guest is slow and its clock is its own, so nothing here is about speed: rates are low, and compared with
//! what was asked for or with each other.

use std::time::Instant;

use serde_json::Value;
use sluice_vm::{Backing, Lab, Machine, MachineConfig, Node, Volume};

/// How long fio runs, in seconds.
const SECONDS: f64 = 6.0;
const MAX_IOPS: u32 = 40;
const MIN_IOPS: u32 = 100;

/// A guest with both volumes: `$a` and `$b`.
fn attach(lab: &Lab, node: &Node, volumes: [&Volume; 2]) -> Machine {
    let mut guest = Machine::boot(lab, &MachineConfig::default());
    for (volume, link) in volumes.iter().zip(["/tmp/a", "/tmp/b"]) {
        guest.sh(&format!(
            "d=$(attach {} {}) || {{ echo \"$d\"; exit 1; }}; ln -s $d {link}",
            node.port(),
            volume.nqn
        ));
    }
    guest
}

/// Runs two jobs at once; their I/Os per second.
fn fio(guest: &mut Machine, first: &str, second: &str) -> [f64; 2] {
    let job = |name: &str, options: &str| {
        format!(
            "--name={name} --filename=/tmp/{name} --ioengine=libaio --direct=1 --time_based --runtime={SECONDS} {options}"
        )
    };
    let report = guest.json(&format!("fio --output-format=json {} {}", job("a", first), job("b", second)));
    let iops = |job: &Value| {
        assert_eq!(job["error"], 0, "{job}");
        ["read", "write"].map(|op| job[op]["iops"].as_f64().expect("a rate")).iter().sum()
    };
    [iops(&report["jobs"][0]), iops(&report["jobs"][1])]
}

#[test]
fn max_holds_in_units_of_16_kib() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::Memory);
    let volumes = ["small", "long"].map(|app| node.volume_of(app, app, 32, 4096));
    for app in ["small", "long"] {
        node.sluice(&["app", "set", app, "--max-iops", &MAX_IOPS.to_string()]);
    }
    let mut guest = attach(lab, &node, [&volumes[0], &volumes[1]]);
    let begun = Instant::now();
    let [small, long] =
        fio(&mut guest, "--rw=randrw --bs=4k --iodepth=16", "--rw=randread --bs=64k --iodepth=4");

    // The guest's clock stands still when its machine does, ours does not: Max holds by ours. 5 ms of it may be saved
    // up, and each end of the run may round an I/O of 4 units.
    let most =
        f64::from(MAX_IOPS) * 1.02 * begun.elapsed().as_secs_f64().max(SECONDS) / SECONDS + 8.0 / SECONDS;
    for (name, units) in [("4 KiB", small), ("64 KiB", long * 4.0)] {
        assert!(units <= most, "{name}: {units} units a second, Max {MAX_IOPS}");
        assert!(
            units >= 0.5 * f64::from(MAX_IOPS),
            "{name}: {units} units a second of the {MAX_IOPS} of Max"
        );
    }
    guest.finish();
}

/// 128 KiB take this drive 50 ms, so a guest on a busy machine presses it too, and has time for its Min.
#[test]
fn min_holds_beside_a_flood_of_a_thousand_times_the_weight() {
    let Some(lab) = Lab::open() else { return };
    let node = Node::start(Backing::SlowDrive);
    let volumes = ["steady", "flood"].map(|app| node.volume_of(app, app, 4, 4096));
    node.sluice(&["app", "set", "flood", "--weight", "1000"]);
    node.sluice(&["app", "set", "steady", "--weight", "1"]);
    let mut guest = attach(lab, &node, [&volumes[0], &volumes[1]]);
    // What was never written is read without the drive.
    guest.sh("for d in /tmp/a /tmp/b; do dd if=/dev/zero of=$d bs=128k count=32 oflag=direct 2>&1; done");
    let jobs = ["--rw=randread --bs=4k --iodepth=16", "--rw=write --bs=128k --iodepth=32"];

    let [without, _] = fio(&mut guest, jobs[0], jobs[1]);
    node.sluice(&["app", "set", "steady", "--weight", "1", "--min-iops", &MIN_IOPS.to_string()]);
    let [with, flood] = fio(&mut guest, jobs[0], jobs[1]);

    let seen = format!("{without} I/Os a second without a Min, {with} with {MIN_IOPS}, beside {flood}");
    assert!(with >= 0.8 * f64::from(MIN_IOPS), "not kept: {seen}");
    assert!(without < 0.5 * with, "nothing pressed: {seen}");
    assert!(flood > 0.0, "what Min leaves is the others': {seen}");
    guest.finish();
}
