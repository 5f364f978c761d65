//! The check beside I/O: it names what has rotted under an open pool, and writes it anew, while without it the next
//! opening would end. That it finds nothing where nothing is wrong, random histories show.

use std::collections::BTreeMap;

use sluice_device::random::Random;
use sluice_volume::PoolState;
use sluice_volume::thin::{LiveReport, Structure};

use crate::check::{BLOCK, Image, at_rest, for_seeds};
use crate::repair::furnished;
use crate::world::World;

/// Runs a check to its end.
fn check(world: &mut World, repair: bool) -> LiveReport {
    world.pool.begin_check(repair).unwrap();
    for _ in 0..100_000 {
        world.poll_only();
        if let Some(result) = world.pool.take_check_report() {
            return result.unwrap();
        }
    }
    panic!("a check never ends: {:?}", world.pool.check_progress());
}

/// The blocks that an opening would read, marks left out: nobody has them in memory.
fn live(world: &World, random: &mut Random) -> Vec<(Structure, u64)> {
    let device = world.pool.device().inner().crashed(random);
    let image = Image { device: Some(device), buffers: world.buffers.clone() };
    let live = image.live();
    live.into_iter().filter(|(structure, _)| *structure != Structure::Mark).collect()
}

/// Lets a bit of a block rot.
fn rot(world: &mut World, block: u64, random: &mut Random) {
    let block_size = world.pool.device_info().block_size as usize;
    let bit = random.index(BLOCK * 8);
    let lba = block * (BLOCK / block_size) as u64 + (bit / 8 / block_size) as u64;
    world.pool.device_mut().inner_mut().rot(lba, bit % (block_size * 8));
}

#[test]
fn what_rots_under_an_open_pool_is_named_and_written_anew() {
    let mut seen: BTreeMap<Structure, u32> = BTreeMap::new();
    let whole = for_seeds(120, |seed| {
        let mut random = Random::new(seed ^ 0x5c4b);
        let mut world = if random.chance(500) { furnished(seed) } else { at_rest(seed) };
        assert_eq!(check(&mut world, false).findings, []);
        world.rest();
        let live = live(&world, &mut random);
        let rotten: Vec<(Structure, u64)> =
            (0..1 + random.below(3)).map(|_| live[random.index(live.len())]).collect();
        for (number, (structure, block)) in rotten.iter().enumerate() {
            // The same bit twice would be as it was.
            if !rotten[..number].contains(&(*structure, *block)) {
                rot(&mut world, *block, &mut random);
                *seen.entry(*structure).or_default() += 1;
            }
        }
        let report = check(&mut world, false);
        for (structure, block) in &rotten {
            let named = |found: (Structure, Option<u64>)| found == (*structure, Some(*block));
            let mut found = report.findings.iter().map(|finding| (finding.structure, finding.block));
            assert!(found.any(named), "{structure} at {block}: {report}");
        }
        assert!(!report.is_whole() && !report.rewritten);
        let report = check(&mut world, true);
        assert!(report.rewritten && report.is_whole(), "{report}");
        assert_eq!(check(&mut world, false).findings, [], "all is as it should be");
        assert_eq!(world.pool.state(), PoolState::Open);
        world.end_world(random.chance(500));
        world.pool.begin_open().unwrap();
        world.open_within(100_000).expect("it ends").expect("nothing is rotten any more");
        world.adopt(true);
    });
    println!("{seen:?}");
    assert!(seen.len() == 7 || !whole, "some structures never rotted: {seen:?}");
}
