//! What a thin pool costs, beside the device it stands on, in one run.
//!
//! One thread drives the pool's machine and the device directly, as a reactor does, without sockets or scheduler:
//! rounds of submit and poll with one reading of the clock each. Pool and raw device take turns of some milliseconds,
//! so what disturbs the machine disturbs both, and the ratio of a pair is what counts. `perf/BENCHMARKS.md` tells what
//! came out.
#![forbid(unsafe_code)]

mod bed;
mod control;
mod figure;
mod first;
mod hollow;
mod large;
mod load;
mod lookup;
mod mapped;
mod target;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::figure::Figure;

/// Measures thin pools beside the raw device.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which parts.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Memory, Part::File, Part::Large])]
    parts: Vec<Part>,
    /// Turns of pool and raw device each; the median of their ratios counts.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    turns: u32,
    /// Length of a turn.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    turn_ms: u64,
    /// I/Os in flight.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=256))]
    depth: u32,
    /// Where the file of the file-backed part goes, 4 GiB. It is gone afterwards.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Size in GiB of the mapped volume of the large part.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=8192))]
    gib: u64,
    /// Volumes and snapshots of the pool that is opened.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    entries: u32,
    /// A table for people, or JSON.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// On the memory device.
    Memory,
    /// On a file, through io_uring.
    File,
    /// A volume that is mapped from end to end and a pool of many volumes, on a device that keeps metadata only.
    Large,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut figures = Vec::new();
    for part in &arguments.parts {
        let begun = figures.len();
        match part {
            Part::Memory => small(&arguments, bed::Kind::Memory, &mut figures)?,
            Part::File => small(&arguments, bed::Kind::File(&arguments.folder), &mut figures)?,
            Part::Large => large::run(&arguments, &mut figures)?,
        }
        if arguments.output == Output::Table {
            figures[begun..].iter().for_each(|figure: &Figure| println!("{figure}"));
        }
    }
    if arguments.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    }
    Ok(())
}

/// Everything that a device of a few GiB shows.
fn small(arguments: &Arguments, kind: bed::Kind<'_>, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let mut bed = bed::Bed::new(kind)?;
    mapped::run(&mut bed, arguments, figures)?;
    first::run(&mut bed, arguments, figures)
}
