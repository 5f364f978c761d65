//! The figures of perf/BENCHMARKS.md, each in one command.
//!
//! `speed` starts `sluiced` with its reactor on one core, polling always, drives it by `sluice-perf` on another, and
//! runs the same bytes over a bare socket (`sluice-socket-paths baseline`) before each run: only ratios taken close
//! together mean anything on a machine whose speed comes and goes. Runs during which either side waited for its core
//! are repeated. `idle` measures what connected hosts cost that do nothing, `instructions` counts what an I/O costs in
//! user space. The programs are taken from this program's own folder.
#![forbid(unsafe_code)]

mod case;
mod idle;
mod instructions;
mod node;
mod programs;
mod report;
mod run;
mod spread;
mod thread;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use crate::case::Case;
use crate::node::{Backing, Node, Polling};
use crate::programs::Programs;
use crate::report::{Report, Row};
use crate::run::{Cores, Plan};

/// Measures sluiced.
#[derive(Debug, Parser)]
enum Arguments {
    /// I/O per second against a bare socket, latency, CPU time and kernel calls.
    Speed(Speed),
    /// CPU time with hosts connected that do nothing.
    Idle(idle::Arguments),
    /// Instructions per I/O in user space, counted by callgrind.
    Instructions(Instructions),
}

#[derive(Debug, clap::Args)]
struct Speed {
    /// Repetitions of each case.
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Measured time of one run, in milliseconds.
    #[arg(long, default_value_t = 400)]
    time_ms: u64,
    /// Devices.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "null,memory")]
    devices: Vec<Backing>,
    /// Only cases whose name contains this, such as `read 4KiB` or `depth 32`.
    #[arg(long, default_value = "")]
    only: String,
    /// Where to write `NAME.json` and `NAME.md`.
    #[arg(long, default_value = "perf/results")]
    folder: PathBuf,
    /// NAME.
    #[arg(long, default_value = "speed")]
    name: String,
    #[command(flatten)]
    cores: Cores,
}

#[derive(Debug, clap::Args)]
struct Instructions {
    /// Devices.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "null,memory")]
    devices: Vec<Backing>,
    #[command(flatten)]
    cores: Cores,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let programs = Programs::beside_this()?;
    match arguments {
        Arguments::Speed(arguments) => speed(&programs, &arguments),
        Arguments::Idle(arguments) => {
            println!("{}", idle::measure(&programs, &arguments)?);
            Ok(())
        }
        Arguments::Instructions(Instructions { devices, cores }) => {
            for backing in devices {
                for count in instructions::count(&programs, backing, cores)? {
                    println!("{count}");
                }
            }
            Ok(())
        }
    }
}

fn speed(programs: &Programs, arguments: &Speed) -> anyhow::Result<()> {
    let plan =
        Plan { repetitions: arguments.repetitions, time_ms: arguments.time_ms, cores: arguments.cores };
    let cases: Vec<Case> =
        case::all().into_iter().filter(|case| case.to_string().contains(&arguments.only)).collect();
    let mut report = Report::new(&plan);
    for &backing in &arguments.devices {
        measure(programs, backing, &cases, &plan, &mut report)?;
    }
    println!("{}", report.table());
    report.write(&arguments.folder, &arguments.name).context("cannot write the results")
}

fn measure(
    programs: &Programs,
    backing: Backing,
    cases: &[Case],
    plan: &Plan,
    report: &mut Report,
) -> anyhow::Result<()> {
    let node = Node::start(programs, backing, Polling::Always, plan.cores.target_core)?;
    run::fill(programs, &node).context("cannot fill the volume")?;
    for case in cases {
        let runs = run::repeat(programs, &node, case, plan).with_context(|| format!("{backing} {case}"))?;
        let row = Row::new(backing, case, &runs);
        eprintln!("{row}");
        report.rows.push(row);
    }
    Ok(())
}
