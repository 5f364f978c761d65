//! The isolation table of perf/BENCHMARKS.md, in one command.
//!
//! Starts `sluiced` on a device that behaves like a flash drive (or on a file), drives it over NVMe/TCP on the loopback
//! and judges what each application got by the daemon's own counters. Figures that are noisy are measured several
//! times; their median counts, their spread is shown. Threads that wait for a core spoil every figure: a run in which
//! they did is made again, windows in which they did are left out, and how long they did is in the last column. A gate
//! that fails although nobody waited is the scheduler's failure; one that fails where they did says "disturbed".
#![forbid(unsafe_code)]
// Counts and nanoseconds of a run are far below 2^53, from where on an f64 cannot tell neighbours apart.
#![allow(clippy::cast_precision_loss)]

mod curve;
mod figure;
mod gates;
mod lab;
mod load;
mod node;
mod report;
mod thread;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use comfy_table::presets;

use crate::gates::Gate;
use crate::lab::{Lab, Outcome};
use crate::node::Backing;

/// Measures how well applications are kept apart. Exits with 1 if a gate fails.
#[derive(Debug, Parser)]
struct Arguments {
    /// Gates to measure; all if none is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Gate>,
    /// Device.
    #[arg(long, value_enum, default_value = "ssd")]
    device: Backing,
    /// Dies of the flash drive: 16 do 60,000 I/Os a second. Fewer leave more of a busy machine's cores for the rest.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    dies: u32,
    /// Measured time of one run, in milliseconds.
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u64).range(1500..))]
    time_ms: u64,
    /// Repetitions of what is noisy.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    repetitions: u8,
    /// How often a run is made at most in which a thread had to wait for its core; the least disturbed counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    tries: u8,
    /// Reactors never sleep. On a busy machine they lose their core less often.
    #[arg(long)]
    always_poll: bool,
    /// What to print.
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
    /// Where to write `NAME.svg` and `NAME.md`.
    #[arg(long, default_value = "perf/results")]
    folder: PathBuf,
    /// NAME.
    #[arg(long, default_value = "isolation")]
    name: String,
    /// Core of the target.
    #[arg(long, default_value_t = 0)]
    target_core: usize,
    /// Core of the load.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A table and pictures.
    Table,
    /// One JSON object for each figure, one a line.
    Json,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let lab = Lab {
        backing: arguments.device,
        dies: arguments.dies,
        target_core: arguments.target_core,
        load_core: arguments.load_core,
        time: Duration::from_millis(arguments.time_ms),
        repetitions: arguments.repetitions.into(),
        tries: arguments.tries.into(),
        always_polls: arguments.always_poll,
    };
    let gates = if arguments.only.is_empty() { Gate::value_variants() } else { &arguments.only };
    let mut outcomes = Vec::new();
    for gate in gates {
        let outcome = gate.measure(&lab).with_context(|| format!("gate {gate}"))?;
        told(*gate, &outcome);
        outcomes.push(outcome);
    }
    show(&outcomes, arguments.output)?;
    let about = format!(
        "{:?} device ({} dies), runs of {} ms, {} repetitions.",
        arguments.device, arguments.dies, arguments.time_ms, arguments.repetitions
    );
    report::write(&outcomes, &arguments.folder, &arguments.name, &about)
        .context("cannot write the results")?;
    let pass = outcomes.iter().flat_map(|outcome| &outcome.figures).all(|figure| figure.passes());
    Ok(if pass { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A gate is done: stderr is told, for the table comes at the end.
fn told(gate: Gate, outcome: &Outcome) {
    for figure in &outcome.figures {
        let verdict = figure.word(outcome.waited);
        eprintln!("{gate:<8} {verdict}  {}: {} {}", figure.name, figure::number(figure.value()), figure.unit);
    }
    for note in &outcome.notes {
        eprintln!("{gate:<8} {note}");
    }
}

fn show(outcomes: &[Outcome], output: Output) -> anyhow::Result<()> {
    match output {
        Output::Json => {
            for outcome in outcomes {
                for figure in &outcome.figures {
                    println!("{}", serde_json::to_string(&figure.verdict(outcome.waited))?);
                }
            }
        }
        Output::Table => {
            println!("{}", report::table(outcomes, presets::UTF8_FULL_CONDENSED));
            for outcome in outcomes {
                print!("{}", report::sparklines(&outcome.pictures));
            }
        }
    }
    Ok(())
}
