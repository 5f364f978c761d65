//! Maps of thin volumes under random histories, held against a naive model.
//!
//! Each seed gives a small pool and a history over many volumes: first writes that are planned, take their time and are
//! applied, overwrites in place, unmapping, resizing, snapshots of snapshots, rollback, deletion in any order, merges,
//! seals that make things durable, checkpoints with changes under way, and reopening from a checkpoint. The model is
//! one value per block. Checked on the way:
//!
//! - every block reads what was last written to it, or zeroes, through a device on which all volumes lie together;
//! - no block that a sealed state needs is overwritten before the next seal, but by its own volume;
//! - a finished checkpoint loads to the maps at its beginning, until the next one is finished;
//! - the differences between two maps are exactly the blocks that lie elsewhere;
//! - all counts kept equal those counted, and logical, exclusive and shared space the model's;
//! - after the last deletion every chunk, node and layer is free.
//!
//! `SLUICE_SEED=n` replays one seed, `SLUICE_SEEDS=n` runs so many.
#![forbid(unsafe_code)]

mod audit;
mod disk;
mod history;
mod image;
mod seal;

use history::{History, Seen};

/// Seeds of an ordinary run.
const SEEDS: u64 = 400;

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn maps_behave_like_arrays() {
    let seeds = match environment("SLUICE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..environment("SLUICE_SEEDS").unwrap_or(SEEDS),
    };
    let mut seen = Seen::default();
    for seed in seeds.clone() {
        match std::panic::catch_unwind(|| History::new(seed).run()) {
            Ok(one) => seen.add(&one),
            Err(panic) => {
                println!("failed: replay with SLUICE_SEED={seed}");
                std::panic::resume_unwind(panic);
            }
        }
    }
    println!("{} seeds: {seen:?}", seeds.clone().count());
    if seeds.count() as u64 >= SEEDS {
        seen.check();
    }
}
