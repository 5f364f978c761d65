//! First writes: to space that nothing was written to, and to blocks that a snapshot sees too, beside overwrites.

use sluice_device::Op;
use sluice_volume::VolumeIndex;

use crate::Arguments;
use crate::bed::{Bed, LOADED_BLOCKS, create};
use crate::control::{delete, rest, snapshot};
use crate::figure::{Bound, Figure};
use crate::load::{Sample, Until};
use crate::target::{BLOCK_BYTES, Volume};

/// I/Os of a turn: each may take a chunk, and the pool has some 12,000 to spare.
const IOS: u64 = 4096;

/// Most that the 99th percentile after a snapshot may be, over an overwrite's.
const MOST_TIMES: f64 = 1.5;

/// A turn of each.
#[derive(Debug)]
struct Turn {
    mapped: Sample,
    fresh: Sample,
    shared: Sample,
}

pub(crate) fn run(bed: &mut Bed, arguments: &Arguments, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    for depth in [1, arguments.depth] {
        let mut turns = Vec::new();
        for number in 0..=arguments.turns {
            turns.push(turn(bed, depth, number)?);
        }
        let turns = &turns[1..];
        let all = |of: &dyn Fn(&Turn) -> f64| turns.iter().map(of).collect::<Vec<f64>>();
        let figure = |what: String, values, unit| {
            Figure::median(bed.part, format!("4 KiB write, depth {depth}: {what}"), values, unit)
        };
        type Of = fn(&Turn) -> &Sample;
        let kinds: [(&str, Of); 3] = [
            ("mapped", |turn| &turn.mapped),
            ("to fresh space", |turn| &turn.fresh),
            ("after a snapshot", |turn| &turn.shared),
        ];
        for (name, of) in kinds {
            figures.push(figure(format!("{name}, rate"), all(&|turn| of(turn).iops() / 1e3), "K/s"));
            figures.push(figure(format!("{name}, p50"), all(&|turn| of(turn).latency_us(500)), "us"));
            figures.push(figure(format!("{name}, p99"), all(&|turn| of(turn).latency_us(990)), "us"));
        }
        let ratio = all(&|turn| turn.shared.latency_us(990) / turn.mapped.latency_us(990));
        let ratio = figure("p99 after a snapshot over mapped".to_owned(), ratio, "");
        figures.push(ratio.bounded(Bound::AtMost(MOST_TIMES)));
    }
    Ok(())
}

fn turn(bed: &mut Bed, depth: u32, number: u32) -> anyhow::Result<Turn> {
    let (clock, size_bytes) = (bed.clock, LOADED_BLOCKS * u64::from(BLOCK_BYTES));
    let fresh = create(clock, &mut bed.pool, "fresh", size_bytes)?;
    let mapped = write(bed, depth, bed.mapped)?;
    let fresh_sample = write(bed, depth, fresh)?;
    let kept = snapshot(clock, &mut bed.pool, bed.mapped, format!("s{number}"))?;
    let shared = write(bed, depth, bed.mapped)?;
    delete(clock, &mut bed.pool, kept)?;
    delete(clock, &mut bed.pool, fresh)?;
    // Space is given back, and blocks that were scattered come together again.
    rest(clock, &mut bed.pool);
    Ok(Turn { mapped, fresh: fresh_sample, shared })
}

/// Writes blocks at random, no block twice.
fn write(bed: &mut Bed, depth: u32, index: VolumeIndex) -> anyhow::Result<Sample> {
    // An odd step runs through all blocks of a power of two before it comes back.
    let (mut at, step) = (bed.random.below(LOADED_BLOCKS), 2 * bed.random.below(LOADED_BLOCKS / 2) + 1);
    let mut load = bed.timed_load(depth);
    load.run(&mut Volume { pool: &mut bed.pool, index }, Until::Ios(IOS), || {
        at = (at + step) % LOADED_BLOCKS;
        (Op::Write { fua: false }, at)
    })
}
