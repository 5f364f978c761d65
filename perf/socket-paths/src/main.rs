//! Which way of serving bytes over loopback TCP costs least, and what can a bare socket reach at all?
//!
//! `compare` runs every path ("lane") over connections of its own, in turns of a few milliseconds so that all see the
//! same machine; perf/BENCHMARKS.md tells what came out. `baseline` runs the ceiling alone and prints JSON.
//!
//! Unsafe code: this crate is about kernel calls and rings; the calls are in `sys`, the rings in `path::ring`.
#![allow(unsafe_code)]

mod baseline;
mod client;
mod connection;
mod measure;
mod path;
mod rig;
mod suite;
mod sys;
mod wire;

use clap::{Args, Parser};

use crate::measure::{Measurement, Plan};

/// Measures ways of serving requests over loopback TCP.
#[derive(Debug, Parser)]
enum Arguments {
    /// Compare all paths.
    Compare(Compare),
    /// Run the ceiling alone and print JSON.
    Baseline(baseline::Arguments),
}

#[derive(Debug, Args)]
struct Compare {
    /// Variants to run; none: all. The ceiling always runs.
    #[arg(long, value_delimiter = ',')]
    variants: Vec<String>,
    /// Workloads to run; none: all.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Write the medians here as JSON.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
    #[command(flatten)]
    plan: Plan,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse() {
        Arguments::Compare(arguments) => compare(&arguments),
        Arguments::Baseline(arguments) => {
            println!("{}", serde_json::to_string(&baseline::run(arguments)?)?);
            Ok(())
        }
    }
}

fn chosen(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|one| one == name)
}

fn compare(arguments: &Compare) -> anyhow::Result<()> {
    let wanted = |name: &str| name == suite::CEILING || chosen(name, &arguments.variants);
    let (names, lanes): (Vec<_>, Vec<_>) =
        suite::variants().into_iter().filter(|(name, _)| wanted(name)).unzip();
    let mut report = Vec::new();
    for (workload_name, workload) in suite::workloads() {
        if !chosen(&workload_name, &arguments.workloads) {
            continue;
        }
        let rows = measure::run(workload, &lanes, arguments.plan)?;
        println!("\n{workload_name}\n{}", Measurement::HEADER);
        for (name, row) in names.iter().zip(&rows) {
            println!("{name:<18} {row}");
            report.push(serde_json::json!({"workload": workload_name, "variant": name, "result": row}));
        }
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}
