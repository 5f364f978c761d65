//! Which way of serving bytes over loopback TCP costs least?
//!
//! One client thread and one target thread, each on its own core, drive every variant ("lane") over connections of
//! its own in turns of a few milliseconds, so that all lanes see the same machine. Windows in which either thread was
//! put off its core are dropped; each turn is compared with the ceiling's turn of the same cycle.
#![allow(unsafe_code)]

mod client;
mod connection;
mod measure;
mod ring;
mod socket;
mod suite;
mod sys;
mod target;
mod wire;

use clap::Parser;

use crate::measure::{Measurement, Plan};

/// Command line.
#[derive(Debug, Parser)]
struct Arguments {
    /// Variants to run, by exact name; none: all. The ceiling always runs.
    #[arg(long, value_delimiter = ',')]
    variants: Vec<String>,
    /// Workloads to run.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Cycles over all variants.
    #[arg(long, default_value_t = 100)]
    cycles: usize,
    /// Windows of a turn.
    #[arg(long, default_value_t = 6)]
    windows: usize,
    /// Length of a window in microseconds.
    #[arg(long, default_value_t = 1000)]
    window_us: u64,
    /// Issue whole bursts instead of a stream: a window is one burst.
    #[arg(long)]
    burst: bool,
    /// Core of the target.
    #[arg(long, default_value_t = 0)]
    target_core: usize,
    /// Core of the client.
    #[arg(long, default_value_t = 1)]
    client_core: usize,
    /// Writes the medians here.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
}

fn chosen(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|part| name == part)
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let plan = Plan {
        cycles: arguments.cycles,
        windows: arguments.windows,
        window_us: arguments.window_us,
        burst: arguments.burst,
        target_core: arguments.target_core,
        client_core: arguments.client_core,
    };
    let mut report = Vec::new();
    for (workload_name, workload) in suite::workloads() {
        if !chosen(&workload_name, &arguments.workloads) {
            continue;
        }
        let (ceiling, rest): (Vec<_>, Vec<_>) = suite::variants().into_iter().partition(|(name, _)| name == "ceiling");
        let variants: Vec<_> =
            ceiling.into_iter().chain(rest.into_iter().filter(|(name, _)| chosen(name, &arguments.variants))).collect();
        let lanes: Vec<_> = variants.iter().map(|(_, options)| options.clone()).collect();
        let rows = measure::run(workload, &lanes, &plan)?;
        println!("\n{workload_name}");
        println!("{}", Measurement::HEADER);
        for ((name, _), row) in variants.iter().zip(&rows) {
            println!("{name:<18} {row}");
            report.push(serde_json::json!({"workload": workload_name, "variant": name, "result": row}));
        }
    }
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}
