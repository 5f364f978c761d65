//! A thin pool in a simulated world: the production code over a disk whose faults a seed decides, and a naive model
//! beside it.
//!
//! The disk, as unkind as an honest one may be:
//! - it carries out what is in flight in any order, however slowly;
//! - when the power fails, what was not flushed survives, is lost or is torn, sector by sector;
//! - when only the program is killed, any part of what was in flight may have been carried out;
//! - reads and writes fail, once or for a while;
//! - metadata rots: a bit of a block that was long durable is another one.
//!
//! A seed is a history: volumes of both block sizes are created, written, read, zeroed, grown, snapshotted alone and
//! in groups, cloned, rolled back, deleted and published, with many I/Os and one control operation in flight, until the
//! world ends; the pool is opened again, perhaps more than once, and the history goes on. Held against the model:
//! - a read sees what some order of the writes around it leaves;
//! - what was reported done is there after the daemon was killed; what was flushed, also after loss of power;
//! - a snapshot never changes, a group's are of one moment, a clone begins as its source;
//! - nobody ever sees what was not written to this very sector of this volume or its forebears;
//! - a control operation that was cut short happened wholly or not at all;
//! - what differs between two snapshots is among the changes that are told;
//! - no chunk is lost, no count is wrong, and a pool that is emptied has all its space again;
//! - after rot the pool opens as it was or says what is wrong.
//!
//! Besides, short histories are cut after every single request that the disk carried out, and each image that a loss of
//! power could leave there is opened and looked at.
//!
//! `SLUICE_SEED=n` replays one seed and tells its history, `SLUICE_SEEDS=n` runs so many, `SLUICE_FROM=n` from another
//! first one. Millions, on all cores (or those that `taskset` leaves), with progress, and the seed if one fails:
//!
//!     SLUICE_SEEDS=1000000 cargo test --release -p sluice-volume --test thin no_history -- --nocapture
#![forbid(unsafe_code)]

mod cell;
mod check;
mod control;
mod disk;
mod images;
mod io;
mod model;
mod repair;
mod scrub;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use world::{Seen, World};

/// Seeds of an ordinary run.
const SEEDS: u64 = 1000;

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Between two lines of progress.
const STRIDE: u64 = 10_000;

fn run(seeds: impl Iterator<Item = u64>, tells: bool, done: &AtomicU64) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| World::new(seed, tells).run())) {
            Ok(one) => {
                seen.add(&one);
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                if done.is_multiple_of(STRIDE) {
                    println!("{done} seeds");
                }
            }
            Err(panic) => {
                println!("failed: replay with SLUICE_SEED={seed}");
                resume_unwind(panic);
            }
        }
    }
    seen
}

/// Each failed once, and what it found is named beside it.
const FOUND: [u64; 4] = [
    1_005_516, // Zeroes that a rollback overtakes.
    2_000_501, // A checkpoint that is over, and whoever asked for it asleep.
    3_007_363, // Records that no seal covered while nothing happened.
    4_007_255, // As many bytes as a block has, in parts of two: their rest was fetched while it still changed.
];

#[test]
fn what_was_found_once_does_not_come_back() {
    run(FOUND.into_iter(), false, &AtomicU64::new(0));
}

#[test]
fn no_history_loses_leaks_or_lies() {
    let from = environment("SLUICE_FROM").unwrap_or(0);
    let seeds = match environment("SLUICE_SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + environment("SLUICE_SEEDS").unwrap_or(SEEDS),
    };
    let tells = seeds.end - seeds.start == 1;
    let (mut seen, done) = (Seen::default(), &AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let share = |thread: usize| seeds.clone().skip(thread).step_by(threads);
        let all: Vec<_> =
            (0..threads).map(share).map(|seeds| scope.spawn(move || run(seeds, tells, done))).collect();
        for one in all {
            match one.join() {
                Ok(one) => seen.add(&one),
                Err(panic) => resume_unwind(panic),
            }
        }
    });
    let count = seeds.end - seeds.start;
    println!("{count} seeds: {seen:#?}");
    if count >= SEEDS {
        seen.check();
    }
}
