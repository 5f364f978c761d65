//! The command line: `run`, `compare` and `plot`.
//!
//! Exit status: see [`Verdict`] and [`status_of`]; `perf/README.md` has the table for users.

mod progress;
mod run;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::compare::Comparison;
use crate::engine::RunError;
use crate::plot::render;
use crate::report::Report;
use run::RunArgs;

/// What was done, as the process tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Everything ran and was right.
    Good = 0,
    /// A block was wrong, or a comparison found a loss.
    Bad = 1,
    /// I/O or a connection failed; no block was wrong.
    Failed = 3,
}

/// The status of a command that did nothing: 3 if a target cannot be reached, 2 if arguments or files cannot be used.
fn status_of(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(RunError::Unopened { .. } | RunError::Thread(_)) => 3,
        _ => 2,
    }
}

/// Load generator for NVMe/TCP targets and local devices that can prove every block it reads.
#[derive(Debug, Parser)]
#[command(name = "sluice-perf", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one job given by flags, or several given by a job file.
    Run(Box<RunArgs>),
    /// Compare two results job by job.
    Compare(CompareArgs),
    /// Draw a result as SVG: latency by percentile, throughput and latency over time.
    Plot(PlotArgs),
}

#[derive(Debug, clap::Args)]
struct CompareArgs {
    /// The first result, JSON of `run`.
    before: PathBuf,
    /// The second result.
    after: PathBuf,
    /// Exit with 1 if a job's IOPS or p99 is worse in the second result by more than this many percent.
    #[arg(long, value_name = "PERCENT")]
    fail_above: Option<f64>,
}

#[derive(Debug, clap::Args)]
struct PlotArgs {
    /// The result, JSON of `run`.
    result: PathBuf,
    /// Where the SVG goes; next to the result if not given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Compare(args) => compare(&args),
        Command::Plot(args) => plot(&args),
    };
    match done {
        Ok(verdict) => ExitCode::from(verdict as u8),
        Err(error) => {
            eprintln!("sluice-perf: {error:#}");
            ExitCode::from(status_of(&error))
        }
    }
}

fn compare(args: &CompareArgs) -> anyhow::Result<Verdict> {
    let comparison = Comparison::of(&read_report(&args.before)?, &read_report(&args.after)?);
    println!("{comparison}");
    let Some(percent) = args.fail_above else { return Ok(Verdict::Good) };
    let regressions = comparison.regressions(percent);
    for ratio in &regressions {
        println!("{}: {} is worse by {:.1} %", ratio.job, ratio.metric, ratio.loss_percent());
    }
    Ok(if regressions.is_empty() { Verdict::Good } else { Verdict::Bad })
}

fn plot(args: &PlotArgs) -> anyhow::Result<Verdict> {
    let svg = render(&read_report(&args.result)?);
    let output = args.output.clone().unwrap_or_else(|| args.result.with_extension("svg"));
    write_file(&output, &svg)?;
    println!("{}", output.display());
    Ok(Verdict::Good)
}

fn read_report(path: &Path) -> anyhow::Result<Report> {
    let text = read_file(path)?;
    Report::from_json(&text).map_err(anyhow::Error::msg).with_context(|| path.display().to_string())
}

fn read_file(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod test {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_make_the_job_that_keys_make() {
        let flags =
            "sluice-perf run --device memory:1M --read-percent 70 --queue-depth 4 --count 9 --verify --used";
        let Command::Run(args) = Args::parse_from(flags.split(' ')).command else { panic!("run") };
        let keys = "[[job]]\nname = \"job\"\ndevice = \"memory:1M\"\nread_percent = 70\nqueue_depth = 4\ncount = \"9\"\n\
                    verify = true\nused = true\n";
        assert_eq!(args.jobs().expect("a job"), crate::spec::parse_file(keys).expect("a job"));
    }

    #[test]
    fn comparing_and_plotting_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let result = folder.path().join("a.json");
        write_file(&result, &crate::report::sample(3).to_json()).expect("written");
        let slower = folder.path().join("b.json");
        write_file(&slower, &crate::report::sample(30).to_json()).expect("written");
        let compare_to = |after: &Path| {
            let (before, after) = (result.clone(), after.to_owned());
            compare(&CompareArgs { before, after, fail_above: Some(10.0) }).expect("two results")
        };
        assert_eq!((compare_to(&result), compare_to(&slower)), (Verdict::Good, Verdict::Bad));
        plot(&PlotArgs { result: result.clone(), output: None }).expect("drawn");
        assert!(read_file(&result.with_extension("svg")).expect("an SVG").starts_with("<svg"));
    }
}
