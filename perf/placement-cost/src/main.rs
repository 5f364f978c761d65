//! What placing many volumes costs, and how even the cluster is afterwards.
//!
//! One thread places and records volume after volume in a cluster of four zones, drives of two sizes in each, without
//! a network or a store around it. Sizes, Mins and wishes come from a seed. perf/BENCHMARKS.md tells what came out.
#![forbid(unsafe_code)]

mod bed;
mod even;
mod report;

use std::time::Instant;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use sluice_placement::{Cluster, PlaceError, Request};

use crate::bed::{Case, Scale};
use crate::even::Evenness;
use crate::report::{Report, Row};

#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    /// Drives, ten to a node.
    #[arg(long, default_value_t = 1000)]
    drives: u32,
    /// Volumes.
    #[arg(long, default_value_t = 10_000)]
    volumes: u32,
    /// One case only.
    #[arg(long, value_enum)]
    case: Option<Case>,
    /// Runs per case; the median counts.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Of sizes, Mins and wishes; equal seeds repeat them.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    anyhow::ensure!(arguments.runs > 0, "give at least one run");
    anyhow::ensure!(arguments.drives >= 40, "give at least 40 drives: a node of ten in each of four zones");
    let scale = Scale { drives: arguments.drives, volumes: arguments.volumes, seed: arguments.seed };
    let cases = Case::ALL.into_iter().filter(|case| arguments.case.is_none_or(|one| one == *case));
    let rows = cases.map(|case| row(case, scale, arguments.runs)).collect::<anyhow::Result<Vec<Row>>>()?;
    let report = Report { drives: arguments.drives, volumes: arguments.volumes, seed: arguments.seed, rows };
    match arguments.output {
        Output::Table => print!("{report}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(())
}

fn row(case: Case, scale: Scale, runs: usize) -> anyhow::Result<Row> {
    let empty = scale.cluster();
    let requests = case.requests(scale);
    let (mut times, mut explained) = (Vec::with_capacity(runs), Vec::with_capacity(runs));
    let mut last = None;
    for _ in 0..runs {
        let mut cluster = empty.clone();
        let (begun, begun_cpu_ns) = (Instant::now(), cpu_ns()?);
        let refused = fill(&mut cluster, &requests)?;
        times.push((cpu_ns()? - begun_cpu_ns, begun.elapsed().as_nanos()));
        explained.push(explain_ns(&cluster, &requests)?);
        last = Some((cluster, refused));
    }
    times.sort_unstable();
    explained.sort_unstable();
    let (cpu_ns, wall_ns) = times[times.len() / 2];
    let (cluster, refused) = last.context("there was at least one run")?;
    Ok(Row {
        case: case.name(),
        cpu_ms: ms(cpu_ns),
        wall_ms: ms(u64::try_from(wall_ns)?),
        cpu_us_per_volume: ms(cpu_ns) * 1e3 / f64::from(scale.volumes),
        explain_ms: ms(explained[explained.len() / 2]),
        refused,
        even: Evenness::of(&cluster),
    })
}

/// Places and records one after the other; how many had no place.
fn fill(cluster: &mut Cluster, requests: &[Request]) -> anyhow::Result<u32> {
    let mut refused = 0;
    for request in requests {
        match cluster.place(request) {
            Ok(decision) => cluster.record(request.at(decision.pools()))?,
            Err(PlaceError::Shortage(_)) => refused += 1,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(refused)
}

/// One explanation of a further volume, with a verdict for every drive.
fn explain_ns(cluster: &Cluster, requests: &[Request]) -> anyhow::Result<u64> {
    let request = Request { volume: "one-more".into(), ..requests.last().context("no volumes")?.clone() };
    let begun = cpu_ns()?;
    std::hint::black_box(cluster.explain(&request)?);
    Ok(cpu_ns()? - begun)
}

/// This thread's time on a core: what others take of a shared one does not count.
fn cpu_ns() -> anyhow::Result<u64> {
    let path = "/proc/thread-self/schedstat";
    // The kernel counts up to the last time that it looked; yielding makes it look.
    std::thread::yield_now();
    let text = std::fs::read_to_string(path).context(path)?;
    text.split(' ').next().context(path)?.parse().context(path)
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run are far below 2^53")]
fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}
