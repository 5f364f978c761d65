//! Drives each application's load on a thread of its own and shows what all do while they run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sluice_perf::report::Report;
use sluice_perf::spec::JobSpec;
use sluice_perf::{Phase, Progress, RunOptions};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::DemoError;
use super::apps::{APPS, SENSITIVE};
use super::display::{AppSample, Display, Sample};
use super::interrupt::Interrupt;

/// How often the display is redrawn.
const INTERVAL: Duration = Duration::from_millis(500);

/// What all loads tell, and who waits for it.
#[derive(Clone)]
pub(super) struct Board(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// The sensitive application's phase.
    phase: watch::Sender<Phase>,
}

struct State {
    begun: Instant,
    act: &'static str,
    apps: Vec<AppSample>,
    display: Display,
}

impl Board {
    /// An empty one.
    pub(super) fn new(display: Display) -> Board {
        let apps = vec![AppSample::default(); APPS.len()];
        let state = State { begun: Instant::now(), act: Phase::Connecting.as_str(), apps, display };
        let (phase, _) = watch::channel(Phase::Connecting);
        Board(Arc::new(Shared { state: Mutex::new(state), phase }))
    }

    /// What is played.
    pub(super) fn set_act(&self, act: &'static str) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).act = act;
    }

    /// Returns once the sensitive application's load is measured; or is over.
    pub(super) async fn measuring(&self) {
        let _ = self.0.phase.subscribe().wait_for(|phase| *phase >= Phase::Measuring).await;
    }

    /// One application's load has news. The sensitive one's draws the picture.
    fn tell(&self, app: usize, progress: &Progress) {
        let Some(job) = progress.jobs.first() else { return };
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.apps[app] = AppSample { rates: job.rates, counters: job.counters };
        if app == SENSITIVE {
            if job.phase < Phase::Measuring {
                state.act = job.phase.as_str();
            }
            self.0.phase.send_replace(job.phase);
            let sample =
                Sample { elapsed: state.begun.elapsed(), phase: state.act, apps: state.apps.clone() };
            // A terminal that is gone takes no picture; the proof goes on without.
            let _ = state.display.show(&sample);
        }
    }

    /// Runs an application's load to its end, or until the interrupt comes.
    pub(super) fn drive(&self, app: usize, job: JobSpec, interrupt: &Interrupt) -> Running {
        let (board, stop) = (self.clone(), Arc::clone(interrupt.flag()));
        let options = RunOptions { interval: INTERVAL, ..RunOptions::default() };
        let run = move || {
            let report = sluice_perf::run(&[job], &options, &stop, &mut |progress: &Progress| {
                board.tell(app, progress)
            });
            // Nobody waits for what will not come.
            if app == SENSITIVE {
                board.0.phase.send_replace(Phase::Done);
            }
            report.map_err(DemoError::Load)
        };
        Running(tokio::task::spawn_blocking(run))
    }
}

/// A load at work.
pub(super) struct Running(JoinHandle<Result<Report, DemoError>>);

impl Running {
    /// Waits for its end.
    pub(super) async fn report(self) -> Result<Report, DemoError> {
        self.0.await.map_err(|_| DemoError::Thread)?
    }
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use sluice_perf::stats::{Counters, Rates};
    use sluice_perf::{JobProgress, Phase, Progress};

    use super::Board;
    use crate::demo::apps::{GREEDY, SENSITIVE};
    use crate::demo::display::Display;

    fn progress(phase: Phase, iops: f64) -> Progress {
        let rates = Rates { iops, ..Rates::default() };
        let (name, app, counters) = ("j".to_owned(), "a".to_owned(), Counters::default());
        Progress {
            elapsed: Duration::from_secs(1),
            jobs: vec![JobProgress { name, app, phase, rates, counters }],
        }
    }

    #[test]
    fn both_loads_are_on_one_board_and_the_sensitive_one_tells_the_phase() {
        let board = Board::new(Display::new());
        board.tell(GREEDY, &progress(Phase::Measuring, 7.0));
        assert_eq!(*board.0.phase.borrow(), Phase::Connecting);
        board.tell(SENSITIVE, &progress(Phase::Preconditioning, 5.0));
        let state = board.0.state.lock().expect("not poisoned");
        let iops: Vec<f64> = state.apps.iter().map(|app| app.rates.iops).collect();
        assert_eq!((iops, state.act), (vec![5.0, 7.0], "preconditioning"));
    }
}
