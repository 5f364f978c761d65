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
use crate::report::{JobReport, Outcome, Report, Table};
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
    Ok(verdict(&report))
}

/// A wrong block weighs more than a failure: it is what a run is for.
fn verdict(report: &Report) -> Verdict {
    let wrong = |job: &JobReport| job.outcome == Outcome::VerifyFailed || job.counters.blocks_wrong > 0;
    match report.is_clean() {
        true => Verdict::Good,
        false if report.jobs.iter().any(wrong) => Verdict::Bad,
        false => Verdict::Failed,
    }
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

#[cfg(test)]
mod test {
    use super::*;
    use crate::cli::status_of;
    use crate::engine::RunError;
    use crate::spec::SpecError;

    #[test]
    fn a_wrong_block_weighs_more_than_a_failure() {
        let mut report = crate::report::sample(3);
        assert_eq!(verdict(&report), Verdict::Good);
        report.jobs[0].outcome = Outcome::Failed("connection lost".to_owned());
        assert_eq!(verdict(&report), Verdict::Failed);
        report.jobs[0].counters.blocks_wrong = 1;
        assert_eq!(verdict(&report), Verdict::Bad);
    }

    #[test]
    fn an_unreachable_target_has_its_own_status() {
        let unopened = RunError::Unopened { job: "a".to_owned(), reason: "refused".to_owned() };
        assert_eq!(status_of(&unopened.into()), 3);
        assert_eq!(status_of(&RunError::Spec(SpecError::NoJobs).into()), 2);
    }
}
