//! Rules about the workspace's crates and their manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use sluice_tidy::{Repository, Workspace, none, reachable};

/// Which crates of ours each crate may use. The arrows of docs/architecture.md, told once more so that a new one is
/// a decision and not an accident.
const ARROWS: &[(&str, &[&str])] = &[
    ("sluice-hugepages", &[]),
    ("sluice-host", &[]),
    ("sluice-nvme", &[]),
    ("sluice-device", &["sluice-hugepages"]),
    ("sluice-nvme-block", &["sluice-device", "sluice-nvme"]),
    ("sluice-uring", &["sluice-device", "sluice-hugepages", "sluice-nvme", "sluice-nvme-block"]),
    ("sluice-nvme-pcie", &["sluice-device", "sluice-hugepages", "sluice-nvme", "sluice-nvme-block"]),
    ("sluice-volume", &["sluice-device", "sluice-hugepages"]),
    ("sluice-qos", &["sluice-device"]),
    ("sluice-reactor", &["sluice-device", "sluice-hugepages"]),
    (
        "sluice-target",
        &[
            "sluice-device",
            "sluice-hugepages",
            "sluice-nvme",
            "sluice-qos",
            "sluice-reactor",
            "sluice-uring",
            "sluice-volume",
        ],
    ),
    ("sluice-node-api", &[]),
    (
        "sluiced",
        &[
            "sluice-device",
            "sluice-host",
            "sluice-hugepages",
            "sluice-node-api",
            "sluice-nvme",
            "sluice-nvme-pcie",
            "sluice-qos",
            "sluice-reactor",
            "sluice-target",
            "sluice-uring",
            "sluice-volume",
        ],
    ),
    ("sluice-perf", &["sluice-device", "sluice-hugepages", "sluice-nvme", "sluice-uring"]),
    ("sluice-map-cost", &["sluice-device", "sluice-volume"]),
    ("sluice-thin-cost", &["sluice-device", "sluice-hugepages", "sluice-uring", "sluice-volume"]),
    ("sluice-socket-paths", &[]),
    ("sluice-bench", &[]),
    ("sluice-qos-cost", &["sluice-qos"]),
    ("sluice-placement-cost", &["sluice-placement"]),
    // The scheduler in tests only: both must admit the same.
    ("sluice-placement", &["sluice-qos"]),
    ("sluice-planner", &["sluice-placement"]),
    ("sluice-isolation", &["sluice-node-api", "sluice-perf"]),
    (
        "sluice-cli",
        &["sluice-device", "sluice-host", "sluice-node-api", "sluice-perf", "sluice-volume", "sluiced"],
    ),
];

/// Crates about the whole; nobody uses them and they may use everything.
const SPANNING: [&str; 3] = ["sluice-e2e", "sluice-tidy", "sluice-vm"];

/// Values in, values out: no clock, socket, runtime, logger or randomness of their own.
const PURE: [&str; 6] =
    ["sluice-nvme", "sluice-nvme-block", "sluice-placement", "sluice-planner", "sluice-qos", "sluice-volume"];

/// Crates whose task is memory or rings shared with the kernel, and the one that measures such rings.
const UNSAFE: [&str; 5] =
    ["sluice-hugepages", "sluice-nvme-pcie", "sluice-reactor", "sluice-uring", "sluice-socket-paths"];

fn workspace() -> Workspace {
    Workspace::read(&Repository::read().root)
}

#[test]
fn arrows_between_crates_point_downwards() {
    let workspace = workspace();
    let ours: BTreeSet<&str> = workspace.crates.iter().map(|one| one.name.as_str()).collect();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut findings = Vec::new();
    for one in workspace.crates.iter().filter(|one| !SPANNING.contains(&one.name.as_str())) {
        let Some(allowed) = allowed.get(one.name.as_str()) else {
            findings.push(format!("{} has no row in ARROWS", one.name));
            continue;
        };
        let used = one.dependencies.iter().filter(|name| ours.contains(name.as_str()));
        let wrong = used.filter(|name| !allowed.contains(&name.as_str()));
        findings.extend(wrong.map(|name| format!("{} uses {name}", one.name)));
    }
    none("A crate uses another against the order of docs/architecture.md:", &findings);
}

#[test]
fn pure_crates_use_no_runtime_clock_or_logger() {
    const EDGE: [&str; 12] = [
        "tokio",
        "mio",
        "tracing",
        "log",
        "rustix",
        "libc",
        "io-uring",
        "rand",
        "getrandom",
        "tonic",
        "chrono",
        "quanta",
    ];
    let mut findings = Vec::new();
    for one in workspace().crates.iter().filter(|one| PURE.contains(&one.name.as_str())) {
        let wrong = one.dependencies.iter().filter(|name| EDGE.contains(&name.as_str()));
        findings.extend(wrong.map(|name| format!("{} uses {name}", one.name)));
    }
    none("A pure crate takes what it needs of the world as a parameter:", &findings);
}

#[test]
fn unsafe_code_is_forbidden_outside_the_crates_that_need_it() {
    let mut findings = Vec::new();
    for one in workspace().crates.iter().filter(|one| !UNSAFE.contains(&one.name.as_str())) {
        for root in &one.shipped_roots {
            let text = fs::read_to_string(root).expect("read a root source");
            if !text.lines().any(|line| line == "#![forbid(unsafe_code)]") {
                findings.push(root.display().to_string());
            }
        }
    }
    none("These crate roots lack #![forbid(unsafe_code)]:", &findings);
}

#[test]
fn every_source_is_part_of_a_crate() {
    let repository = Repository::read();
    let manifests = repository.files.iter().filter(|file| file.path.ends_with("Cargo.toml"));
    // Besides the workspace there are packages on their own, such as fuzz targets.
    let workspaces = manifests.filter(|file| file.text.lines().any(|line| line.trim() == "[workspace]"));
    let mut reached = BTreeSet::new();
    for manifest in workspaces {
        let root = repository.root.join(&manifest.path);
        let crates = Workspace::read(root.parent().expect("a file lies in a folder")).crates;
        reached.extend(crates.iter().flat_map(|one| one.roots.iter().flat_map(|root| reachable(root))));
    }
    let dead = repository.sources().filter(|source| !reached.contains(&repository.root.join(source.path)));
    let findings: Vec<String> = dead.map(|source| source.path.to_owned()).collect();
    none("No crate reaches these sources through `mod`; they are never compiled:", &findings);
}

#[test]
fn manifests_say_what_the_crate_is_and_inherit_the_rest() {
    let mut findings = Vec::new();
    for one in &workspace().crates {
        let text = fs::read_to_string(one.folder.join("Cargo.toml")).expect("read a manifest");
        let manifest: toml::Table = text.parse().expect("cargo has read it, so it is TOML");
        let inherits =
            |table: &toml::Value| table.get("workspace").and_then(toml::Value::as_bool) == Some(true);
        if one.license != "Apache-2.0" || one.description.is_empty() {
            findings.push(format!("{} lacks its licence or description", one.name));
        }
        if !manifest.get("lints").is_some_and(inherits) {
            findings.push(format!("{} does not inherit the workspace's lints", one.name));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten();
            let own = table.filter(|(_, value)| !inherits(value));
            findings.extend(own.map(|(name, _)| format!("{} chooses its own version of {name}", one.name)));
        }
    }
    none("Versions, lints and licence are the workspace's, told in the root manifest:", &findings);
}
