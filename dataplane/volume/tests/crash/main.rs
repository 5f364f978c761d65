//! A pool on a drive whose power fails at any moment.
//!
//! Each seed gives a history: volumes are created, deleted, published and written to, with many I/Os and one control
//! operation in flight, until the power is cut, also while the pool opens again. What is found then is held against
//! a model:
//!
//! - the volumes are those of the operations reported done, and the one in flight happened wholly or not at all;
//! - every sector holds what was last made durable or a version written since;
//! - a new volume is all zeroes: nobody's earlier bytes show;
//! - an operation the pool refuses leaves no trace.
//!
//! `SLUICE_SEED=n` replays one seed, `SLUICE_SEEDS=n` runs so many.
#![forbid(unsafe_code)]

mod harness;
mod model;

use harness::Harness;

/// Seeds of an ordinary run.
const SEEDS: u64 = 2000;

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn no_crash_loses_or_leaks() {
    let seeds = match environment("SLUICE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..environment("SLUICE_SEEDS").unwrap_or(SEEDS),
    };
    let mut seen = harness::Seen::default();
    for seed in seeds.clone() {
        let result = std::panic::catch_unwind(|| Harness::new(seed).run());
        match result {
            Ok(one) => seen.add(&one),
            Err(panic) => {
                println!("failed: replay with SLUICE_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{} seeds: {seen:?}", seeds.clone().count());
    if seeds.count() as u64 == SEEDS {
        seen.check();
    }
}
