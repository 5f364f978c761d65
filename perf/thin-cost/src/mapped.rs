//! Reads and overwrites of what is mapped, in turns with the raw device.

use std::time::Duration;

use sluice_device::Op;

use crate::Arguments;
use crate::bed::{Bed, LOADED_BLOCKS};
use crate::figure::{Bound, Figure};
use crate::load::{Sample, Until};
use crate::target::{Raw, Volume};

/// Of raw IOPS, in percent.
const LEAST_PERCENT: f64 = 95.0;

pub(crate) fn run(bed: &mut Bed, arguments: &Arguments, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    for (name, op) in [("read", Op::Read), ("overwrite", Op::Write { fua: false })] {
        let mut pairs = Vec::new();
        // The first pair warms up.
        for _ in 0..=arguments.turns {
            pairs.push(pair(bed, arguments, op)?);
        }
        let pairs = &pairs[1..];
        let depth = arguments.depth;
        let all = |of: fn(&(Sample, Sample)) -> f64| pairs.iter().map(of).collect::<Vec<f64>>();
        let figure = |what: &str, values, unit| {
            Figure::median(bed.part, format!("{name} 4 KiB random, depth {depth}: {what}"), values, unit)
        };
        figures.push(figure("raw", all(|(raw, _)| raw.iops() / 1e3), "K/s"));
        figures.push(figure("mapped", all(|(_, pool)| pool.iops() / 1e3), "K/s"));
        let extra = all(|(raw, pool)| (1.0 / pool.busy_iops() - 1.0 / raw.busy_iops()) * 1e9);
        figures.push(figure("the pool's share of an I/O, on the core", extra, "ns"));
        // A device in memory never waits, so the core's time is its time, whoever else is on the machine.
        let rates: fn(&(Sample, Sample)) -> f64 = match bed.part {
            "memory" => |(raw, pool)| pool.busy_iops() / raw.busy_iops() * 100.0,
            _ => |(raw, pool)| pool.iops() / raw.iops() * 100.0,
        };
        figures.push(figure("of raw", all(rates), "%").bounded(Bound::AtLeast(LEAST_PERCENT)));
    }
    Ok(())
}

/// A turn of each.
fn pair(bed: &mut Bed, arguments: &Arguments, op: Op) -> anyhow::Result<(Sample, Sample)> {
    let until = Until::After(Duration::from_millis(arguments.turn_ms));
    let mut load = bed.load(arguments.depth);
    let random = &mut bed.random;
    let mut next = || (op, random.below(LOADED_BLOCKS));
    let raw = load.run(&mut Raw(&mut *bed.raw), until, &mut next)?;
    let pool = load.run(&mut Volume { pool: &mut bed.pool, index: bed.mapped }, until, &mut next)?;
    Ok((raw, pool))
}
