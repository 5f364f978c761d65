//! The speed table of perf/BENCHMARKS.md, in one command.
//!
//! Starts `sluiced` with its reactor on one core, polling always, drives it by `sluice-perf` on another, and runs the
//! same bytes over a bare socket (`sluice-socket-paths baseline`) before each run: only ratios taken close together
//! mean anything on a machine whose speed comes and goes. Runs during which either side waited for its core are
//! repeated. The programs are taken from this program's own folder.
#![forbid(unsafe_code)]

mod case;
mod instructions;
mod node;
mod programs;
mod report;
mod run;
mod thread;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use crate::case::Case;
use crate::node::{Backing, Node, Polling};
use crate::programs::Programs;
use crate::report::{Report, Row};
use crate::run::{Cores, Plan};

/// Measures the speed of sluiced against a bare socket.
#[derive(Debug, Parser)]
struct Arguments {
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
    /// Count instructions of one I/O of each kind under valgrind, too.
    #[arg(long)]
    instructions: bool,
    /// Where to write `NAME.json` and `NAME.md`.
    #[arg(long, default_value = "perf/results")]
    folder: PathBuf,
    /// NAME.
    #[arg(long, default_value = "speed")]
    name: String,
    #[command(flatten)]
    cores: Cores,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let programs = Programs::beside_this()?;
    let plan =
        Plan { repetitions: arguments.repetitions, time_ms: arguments.time_ms, cores: arguments.cores };
    let cases: Vec<Case> =
        case::all().into_iter().filter(|case| case.to_string().contains(&arguments.only)).collect();
    let mut report = Report::new(&plan);
    for &backing in &arguments.devices {
        measure(&programs, backing, &cases, &plan, &mut report)?;
        if arguments.instructions {
            match instructions::count(&programs, backing, arguments.cores) {
                Ok(counts) => report.instructions.extend(counts),
                Err(error) => eprintln!("{backing}: instructions are not counted: {error:#}"),
            }
        }
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
    for case in cases {
        let runs = run::repeat(programs, &node, case, plan).with_context(|| format!("{backing} {case}"))?;
        let row = Row::new(backing, case, &runs);
        eprintln!("{row}");
        report.rows.push(row);
    }
    Ok(())
}
