//! What the scheduler costs per I/O: enqueue, dispatch and complete, with nothing else around them.
//!
//! Each case runs the way a reactor does, in rounds with one clock reading each, over a device that takes a virtual
//! 100 ns per I/O: 10 million IOPS, so that buckets earn at a rate that no device outdoes. `--case` with `--ios` runs
//! one case once, to be counted by callgrind: the difference of two runs is what the I/Os cost.
#![forbid(unsafe_code)]

mod load;

use anyhow::Context;
use clap::Parser;

use crate::load::{Case, Load};

#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    /// Numbers of applications.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 256, 1024])]
    apps: Vec<u32>,
    /// One case only.
    #[arg(long, value_enum)]
    case: Option<Case>,
    /// I/Os per run.
    #[arg(long, default_value_t = 2_000_000)]
    ios: u64,
    /// Runs per case; the median counts.
    #[arg(long, default_value_t = 15)]
    runs: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    anyhow::ensure!(arguments.runs > 0, "give at least one run");
    println!("{:<10} {:>5}  {:>24}", "case", "apps", "ns per I/O (min..max)");
    for case in Case::ALL.into_iter().filter(|case| arguments.case.is_none_or(|one| one == *case)) {
        for apps in &arguments.apps {
            let runs = (0..arguments.runs).map(|_| run(case, *apps, arguments.ios));
            let mut costs = runs.collect::<anyhow::Result<Vec<f64>>>()?;
            costs.sort_by(f64::total_cmp);
            let (median, least, most) = (costs[costs.len() / 2], costs[0], costs[costs.len() - 1]);
            println!("{:<10} {apps:>5}  {median:>8.1} ({least:.1}..{most:.1})", case.name());
        }
    }
    Ok(())
}

/// Nanoseconds per I/O of one run, after a tenth of it to warm up.
#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of a run are far below 2^53")]
fn run(case: Case, apps: u32, ios: u64) -> anyhow::Result<f64> {
    let mut load = Load::new(case, apps);
    load.run(ios / 10);
    let begun = cpu_ns()?;
    let done = load.run(ios);
    Ok((cpu_ns()? - begun) as f64 / done as f64)
}

/// This thread's time on a core: what others take of a shared one does not count.
fn cpu_ns() -> anyhow::Result<u64> {
    let path = "/proc/thread-self/schedstat";
    // The kernel counts up to the last time that it looked; yielding makes it look.
    std::thread::yield_now();
    let text = std::fs::read_to_string(path).context(path)?;
    text.split(' ').next().context(path)?.parse().context(path)
}
