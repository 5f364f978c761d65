//! Every entry over mutated golden inputs, and a million PDUs through the controller's qpair.
//!
//! The seed is fixed so that runs agree; `SLUICE_SEED` replaces it, and a failure names the one it ran with.

use super::controller::Tally;
use super::mutate::mutate;
use super::random::Random;
use super::script::{converse, random_params};
use super::{Target, targets};
use std::collections::BTreeSet;
use std::path::Path;

/// Mutations of each golden input.
const MUTATIONS: u32 = 20_000;

/// PDUs through the controller's qpair.
const PDUS: u32 = 1_000_000;

/// The run's seed. Printed, which the test harness shows for tests that fail.
fn seed() -> u64 {
    let seed = std::env::var("SLUICE_SEED").map_or(1, |text| text.parse().expect("SLUICE_SEED is a number"));
    println!("SLUICE_SEED={seed}");
    seed
}

#[test]
fn golden_inputs_pass() {
    for target in targets() {
        let golden = (target.golden)();
        (target.run)(&golden);
        (target.run)(&[]);
        (target.run)(&golden[..golden.len() / 2]);
    }
}

#[test]
fn mutated_golden_inputs_pass() {
    let seed = seed();
    for target in targets() {
        println!("{}", target.name);
        run_mutated(target, seed);
    }
}

fn run_mutated(target: &Target, seed: u64) {
    let golden = (target.golden)();
    let mut random = Random::new(seed);
    let mut input = Vec::new();
    for _ in 0..MUTATIONS {
        input.clone_from(&golden);
        mutate(&mut input, &mut random);
        (target.run)(&input);
    }
}

#[test]
fn a_million_pdus_through_the_controller() {
    let mut random = Random::new(seed());
    let (mut sent, mut total) = (0, Tally::default());
    while sent < PDUS {
        let params = random_params(&mut random);
        let (pdus, tally) = converse(&params, Random::new(random.next()), PDUS - sent);
        sent += pdus;
        total.add(&tally);
    }
    println!("{total:?}");
    total.assert_everything_happened();
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.transfers += other.transfers;
        self.data_digest_errors += other.data_digest_errors;
        self.peer_terminated += other.peer_terminated;
        self.fatal.iter_mut().zip(other.fatal).for_each(|(sum, more)| *sum += more);
    }

    /// A run that does not get everywhere proves little. Status 0 does not exist.
    fn assert_everything_happened(&self) {
        assert!(self.commands > u64::from(PDUS) / 2 && self.transfers > u64::from(PDUS) / 50);
        assert!(self.data_digest_errors > 100 && self.peer_terminated > 100);
        assert!(self.fatal[1..].iter().all(|&count| count > 10), "every Fatal Error Status");
    }
}

/// The names in `fuzz/Cargo.toml` and the files beside it are those of the entries.
#[test]
fn every_entry_has_a_libfuzzer_target() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).expect("the manifest is there");
    let names: BTreeSet<&str> = targets().map(|target| target.name).collect();
    assert_eq!(names.len(), targets().count(), "names are unique");
    let bins = manifest.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let bins: BTreeSet<&str> = bins.filter(|name| !name.starts_with("sluice-") && *name != "seed").collect();
    assert_eq!(bins, names);
    for name in names {
        let source = std::fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs")));
        assert!(
            source.is_ok_and(|text| text.contains(&format!("sluice_nvme::fuzz::{name}(input)"))),
            "{name}"
        );
    }
}
