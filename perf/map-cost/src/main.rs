//! What the maps of thin volumes cost, without a device: time per operation and memory, on a volume that is mapped
//! from its first block to its last.
//!
//! One thread; times of single operations include reading the clock twice, about 40 ns. perf/BENCHMARKS.md tells what
//! came out.
#![forbid(unsafe_code)]

mod bed;
mod cases;
mod figure;

use clap::{Parser, ValueEnum};

use crate::bed::Bed;
use crate::figure::Figure;

/// Measures the maps of thin volumes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Size of the volume in GiB, all of it mapped.
    #[arg(long, default_value_t = 1024)]
    gib: u32,
    /// Which chunk follows which on the device.
    #[arg(long, value_enum, default_value_t = Layout::Sequential)]
    layout: Layout,
    /// Maps of the pool that is opened.
    #[arg(long, default_value_t = 10_000)]
    maps: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How a volume's chunks lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// One after the other, as a single writer leaves them.
    Sequential,
    /// At random: the worst for counts.
    Shuffled,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut figures = Vec::new();
    let mut bed = Bed::new(arguments.gib, arguments.layout, &mut figures);
    cases::lookups(&bed, &mut figures);
    cases::overwrites(&bed, &mut figures);
    cases::counts(&bed, &mut figures);
    cases::snapshots(&mut bed, &mut figures);
    cases::first_writes(&mut bed, &mut figures);
    cases::clones(&mut bed, arguments.maps, &mut figures);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        figures.iter().for_each(|figure: &Figure| println!("{figure}"));
    }
    Ok(())
}
