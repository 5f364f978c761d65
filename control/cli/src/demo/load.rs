//! Drives the load on a thread of its own and shows what it does while it runs.

use std::sync::Arc;
use std::time::Duration;

use sluice_perf::report::Report;
use sluice_perf::spec::JobSpec;
use sluice_perf::{Phase, Progress, RunOptions};

use super::DemoError;
use super::display::{AppSample, Display, Sample};
use super::interrupt::Interrupt;

/// How often the display is redrawn.
const INTERVAL: Duration = Duration::from_millis(500);

/// Runs the jobs to their end, or until the interrupt comes.
pub(super) async fn drive(
    jobs: Vec<JobSpec>,
    mut display: Display,
    interrupt: &Interrupt,
) -> Result<Report, DemoError> {
    let stop = Arc::clone(interrupt.flag());
    let options = RunOptions { interval: INTERVAL, ..RunOptions::default() };
    let mut show = move |progress: &Progress| {
        // A terminal that is gone takes no picture; the proof goes on without.
        let _ = display.show(&sample(progress));
    };
    let run = tokio::task::spawn_blocking(move || sluice_perf::run(&jobs, &options, &stop, &mut show));
    run.await.map_err(|_| DemoError::Thread)?.map_err(DemoError::Load)
}

fn sample(progress: &Progress) -> Sample {
    let apps = progress.jobs.iter().map(|job| AppSample { rates: job.rates, counters: job.counters });
    // The slowest application says what goes on.
    let phase = progress.jobs.iter().map(|job| job.phase).min().unwrap_or(Phase::Done);
    Sample { elapsed: progress.elapsed, phase: phase.as_str(), apps: apps.collect() }
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use sluice_perf::stats::{Counters, Rates};
    use sluice_perf::{JobProgress, Phase, Progress};

    use super::sample;

    #[test]
    fn the_slowest_application_names_the_phase() {
        let job = |phase| JobProgress {
            name: "j".to_owned(),
            app: "a".to_owned(),
            phase,
            rates: Rates::default(),
            counters: Counters::default(),
        };
        let jobs = vec![job(Phase::Measuring), job(Phase::Preconditioning)];
        let sample = sample(&Progress { elapsed: Duration::from_secs(1), jobs });
        assert_eq!((sample.phase, sample.apps.len()), ("preconditioning", 2));
    }
}
