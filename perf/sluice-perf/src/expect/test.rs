//! Unit tests of the expectation table, and a comparison with a naive model.

use super::*;
use crate::rng::Rng;

const SEED: u64 = 5;

fn table(initial: Initial) -> Expectations {
    Expectations::new(Region { first: 10, blocks: 8 }, SEED, initial)
}

fn stamped(lba: u64, generation: u32) -> Content {
    Content::Stamped(Stamp { lba, seed: SEED, generation })
}

fn floor(table: &Expectations, lba: u64) -> u32 {
    let mut floors = [0];
    table.floors(lba, &mut floors);
    floors[0]
}

#[test]
fn unwritten_blocks_are_zero() {
    let table = table(Initial::Zeroes);
    assert_eq!(table.check(10, 0, Content::Zeroes), Ok(()));
    assert_eq!(table.check(10, 0, Content::Damaged), Err(Fault::Damaged));
    assert_eq!(table.check(10, 0, stamped(10, 1)), Err(Fault::Future { found: 1, issued: 0 }));
}

#[test]
fn unknown_content_is_no_fault_until_written() {
    let mut table = table(Initial::Anything);
    assert_eq!(table.check(10, 0, Content::Damaged), Ok(()));
    assert!(table.begin(10, 1, Change::Write));
    table.acknowledge(10, 1, Change::Write);
    assert_eq!(table.check(10, 1, Content::Damaged), Err(Fault::Damaged));
}

#[test]
fn in_flight_writes_allow_old_and_new() {
    let mut table = table(Initial::Zeroes);
    assert!(table.begin(10, 4, Change::Write));
    assert!(!table.begin(13, 1, Change::Write), "block 13 is busy");
    assert_eq!(table.check(11, 0, Content::Zeroes), Ok(()));
    assert_eq!(table.check(11, 0, stamped(11, 1)), Ok(()));
    table.acknowledge(10, 4, Change::Write);
    assert_eq!(table.check(11, 0, Content::Zeroes), Ok(()), "a read submitted before may still be old");
    assert_eq!(table.check(11, floor(&table, 11), Content::Zeroes), Err(Fault::Zeroed { floor: 1 }));
    assert!(table.begin(13, 1, Change::Write));
}

#[test]
fn abandoned_writes_stay_unknown() {
    let mut table = table(Initial::Zeroes);
    assert!(table.begin(10, 1, Change::Write));
    table.acknowledge(10, 1, Change::Write);
    assert!(table.begin(10, 1, Change::Write));
    table.abandon(10, 1);
    let at = floor(&table, 10);
    assert_eq!(table.check(10, at, stamped(10, 1)), Ok(()));
    assert_eq!(table.check(10, at, stamped(10, 2)), Ok(()));
    assert_eq!(table.check(10, at, stamped(10, 3)), Err(Fault::Future { found: 3, issued: 2 }));
    assert!(table.begin(10, 1, Change::Write));
    table.acknowledge(10, 1, Change::Write);
    let at = floor(&table, 10);
    assert_eq!(table.check(10, at, stamped(10, 2)), Err(Fault::Stale { found: 2, floor: 3 }));
}

#[test]
fn zeroing_replaces_data_and_trims_may() {
    let mut table = table(Initial::Zeroes);
    for change in [Change::Write, Change::Zero] {
        assert!(table.begin(10, 1, change));
        table.acknowledge(10, 1, change);
    }
    let at = floor(&table, 10);
    assert_eq!(table.check(10, at, Content::Zeroes), Ok(()));
    assert_eq!(table.check(10, at, stamped(10, 1)), Err(Fault::Stale { found: 1, floor: 2 }));
    for change in [Change::Write, Change::MayZero] {
        assert!(table.begin(10, 1, change));
        table.acknowledge(10, 1, change);
    }
    let at = floor(&table, 10);
    assert_eq!(table.check(10, at, Content::Zeroes), Ok(()));
    assert_eq!(table.check(10, at, stamped(10, 3)), Ok(()));
}

#[test]
fn strangers_are_named() {
    let table = table(Initial::Zeroes);
    let foreign = Content::Stamped(Stamp { lba: 10, seed: 9, generation: 1 });
    assert_eq!(table.check(10, 0, foreign), Err(Fault::Foreign { seed: 9 }));
    assert_eq!(table.check(10, 0, stamped(11, 0)), Err(Fault::Misplaced { found: 11 }));
}

/// Against a model that lists every content a block may have: random changes, outcomes and reads.
#[test]
fn agrees_with_the_list_of_allowed_contents() {
    let seed = std::env::var("SLUICE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    println!("SLUICE_SEED={seed}");
    let mut rng = Rng::new(seed);
    for _ in 0..200 {
        let mut table = table(Initial::Zeroes);
        // What the block may hold now; a change adds to it, an acknowledgement replaces it.
        let mut allowed = vec![Content::Zeroes];
        for generation in 1..30 {
            let change = [Change::Write, Change::Zero, Change::MayZero][crate::num::index(rng.below(3))];
            assert!(table.begin(12, 1, change));
            let new = if change == Change::Write { stamped(12, generation) } else { Content::Zeroes };
            allowed.push(new);
            if rng.below(4) > 0 {
                table.acknowledge(12, 1, change);
                if change != Change::MayZero {
                    allowed = vec![new];
                }
            } else {
                table.abandon(12, 1);
            }
            let at = floor(&table, 12);
            for content in (1..=generation).map(|g| stamped(12, g)).chain([Content::Zeroes]) {
                let real = table.check(12, at, content).is_ok();
                // Generations that left zeroes can never be met as stamps: not part of the question.
                let possible = allowed.contains(&content);
                assert!(real || !possible, "generation {generation}: {content:?} refused");
                if content == Content::Zeroes {
                    assert_eq!(real, possible, "generation {generation}: zeroes");
                }
            }
        }
    }
}
