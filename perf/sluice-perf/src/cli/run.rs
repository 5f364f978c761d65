//! `sluice-perf run`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cli::progress::ProgressLine;
use crate::cli::{Verdict, read_file, write_file};
use crate::engine::{RunOptions, run as run_jobs};
use crate::report::Table;
use crate::spec::{JobSpec, RawJob, parse_file};

/// Exit status of a process that a second signal ends.
const INTERRUPTED: i32 = 130;

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Job file, TOML, instead of the flags that describe a job.
    #[arg(value_name = "JOBS", conflicts_with = "RawJob")]
    file: Option<PathBuf>,
    /// Write the result as JSON to this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print the result as JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Show no progress.
    #[arg(short, long)]
    quiet: bool,
    /// Engine threads; 0 for one per two cores, and never more than jobs.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Cores for the engine threads, in turn.
    #[arg(long, value_delimiter = ',')]
    cores: Vec<usize>,
    #[command(flatten)]
    job: RawJob,
}

impl RunArgs {
    /// The jobs of the file, or the one of the flags.
    pub(super) fn jobs(&self) -> anyhow::Result<Vec<JobSpec>> {
        match &self.file {
            Some(path) => {
                parse_file(&read_file(path)?).with_context(|| format!("job file {}", path.display()))
            }
            None => Ok(vec![self.job.resolve()?]),
        }
    }
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<Verdict> {
    let jobs = args.jobs()?;
    let stop = stop_on_signals()?;
    let options =
        RunOptions { threads: args.threads, cores: args.cores.clone(), interval: Duration::from_secs(1) };
    let mut line = ProgressLine::new(args.quiet);
    let report = run_jobs(&jobs, &options, &stop, |progress| line.show(progress))?;
    line.clear();
    if let Some(path) = &args.output {
        write_file(path, &report.to_json())?;
    }
    if args.json {
        println!("{}", report.to_json());
    } else {
        println!("{}", Table(&report));
    }
    Ok(if report.is_clean() { Verdict::Good } else { Verdict::Bad })
}

/// The first SIGINT or SIGTERM ends the run with a result, a second one ends the process.
fn stop_on_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the first handler looks at the flag before the second sets it.
        flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&stop)).context("signals")?;
        flag::register(signal, Arc::clone(&stop)).context("signals")?;
    }
    Ok(stop)
}
