//! The engine: threads that drive jobs, and the collector on the caller's thread.
//!
//! ```text
//!   caller: run() -- spawns --> worker 0: Task, Task, ...   each Task: Link (sockets or device) + Load (what, right?)
//!      ^ collect <== samples == worker 1: Task, ...
//! ```
//!
//! A job stays on one thread, jobs are dealt out in turn. Threads share nothing while they run but the gate at the
//! start and the stop flag; four times a second each job sends the collector what it did.

pub(crate) mod clock;
mod collect;
mod gate;
pub(crate) mod lane;
pub(crate) mod link;
pub(crate) mod load;
mod pace;
mod sweep;
mod task;
mod update;
mod worker;

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::engine::clock::Clock;
use crate::engine::collect::Collected;
use crate::engine::gate::Gate;
use crate::engine::task::Task;
use crate::engine::update::{Outbox, Update};
use crate::fingerprint::Fingerprint;
use crate::report::{FORMAT, Report};
use crate::spec::{JobSpec, SpecError, check_jobs};
use crate::stats::{Counters, Rates};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connecting or opening the device.
    Connecting,
    /// Writing every block once.
    Preconditioning,
    /// Ready, until all other jobs are.
    Waiting,
    /// Running without being measured.
    WarmingUp,
    /// Running.
    Measuring,
    /// Waiting for the last I/Os.
    Draining,
    /// Reading every block once.
    ReadingBack,
    /// Over.
    Done,
}

impl Phase {
    /// For people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Preconditioning => "preconditioning",
            Self::Waiting => "waiting",
            Self::WarmingUp => "warming up",
            Self::Measuring => "measuring",
            Self::Draining => "draining",
            Self::ReadingBack => "reading back",
            Self::Done => "done",
        }
    }
}

/// How to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// Engine threads; 0 for one per two cores of the machine, and never more than jobs.
    pub threads: usize,
    /// Cores for the threads, in turn; empty to let the kernel choose.
    pub cores: Vec<usize>,
    /// How often the observer is called; at least a quarter of a second.
    pub interval: Duration,
}

impl Default for RunOptions {
    /// Automatic threads on any core, observed once a second.
    fn default() -> Self {
        Self { threads: 0, cores: Vec::new(), interval: Duration::from_secs(1) }
    }
}

impl RunOptions {
    fn threads_for(&self, jobs: usize) -> usize {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let wanted = if self.threads == 0 { (cores / 2).max(self.cores.len()) } else { self.threads };
        wanted.clamp(1, jobs)
    }
}

/// What an observer is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Since the run began.
    pub elapsed: Duration,
    /// Every job, in the order given.
    pub jobs: Vec<JobProgress>,
}

/// One job, as an observer is shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobProgress {
    /// Name of the job.
    pub name: String,
    /// Application it stands for.
    pub app: String,
    /// Where it stands.
    pub phase: Phase,
    /// Since the observer was last called.
    pub rates: Rates,
    /// Since the start of the job.
    pub counters: Counters,
}

/// A run that did not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The jobs.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A target cannot be reached or does not fit its job.
    #[error("job '{job}': {reason}")]
    Unopened {
        /// The job.
        job: String,
        /// Why.
        reason: String,
    },
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Runs `jobs` to their end and blocks until then. `observe` is called on this thread every `options.interval`; setting
/// `stop` ends the run soon, with what was measured so far.
///
/// # Errors
/// Each variant of [`RunError`]; whatever happens once the jobs run is told by the outcome of each job.
pub fn run(
    jobs: impl AsRef<[JobSpec]>,
    options: &RunOptions,
    stop: &AtomicBool,
    mut observe: impl FnMut(&Progress),
) -> Result<Report, RunError> {
    let jobs = jobs.as_ref();
    check_jobs(jobs)?;
    let (clock, gate) = (Clock::start(), Gate::new(jobs.len()));
    let started_unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let threads = options.threads_for(jobs.len());
    let (updates, inbox) = channel();
    let mut collected = Vec::new();
    let mut shares: Vec<Vec<(usize, Outbox)>> = (0..threads).map(|_| Vec::new()).collect();
    for job in 0..jobs.len() {
        let (back, spares) = channel();
        collected.push(Collected::new(back));
        shares[job % threads].push((job, Outbox { job, updates: updates.clone(), spares }));
    }
    drop(updates);
    thread::scope(|scope| {
        let mut workers: Vec<ScopedJoinHandle<'_, ()>> = Vec::new();
        for (i, share) in shares.into_iter().enumerate() {
            let core = options.cores.get(i % options.cores.len().max(1)).copied();
            let gate = &gate;
            let work = move || work(jobs, share, core, (gate, stop), clock);
            let spawned = thread::Builder::new().name(format!("perf-{i}")).spawn_scoped(scope, work);
            workers.push(spawned.inspect_err(|_| gate.abort())?);
        }
        let mut observer =
            Observer { jobs, observe: &mut observe, interval: options.interval, started: Instant::now() };
        observer.collect(&inbox, &mut collected)
    })?;
    let reports = jobs.iter().zip(collected).map(|(job, collected)| collected.report(job)).collect();
    let tool = format!("sluice-perf {}", env!("CARGO_PKG_VERSION"));
    Ok(Report { format: FORMAT, tool, started_unix_s, host: Fingerprint::read(), threads, jobs: reports })
}

/// One engine thread.
fn work(
    jobs: &[JobSpec],
    share: Vec<(usize, Outbox)>,
    core: Option<usize>,
    (gate, stop): (&Gate, &AtomicBool),
    clock: Clock,
) {
    if let Some(core) = core {
        let mut set = CpuSet::new();
        set.set(core);
        // A core that is not there leaves the thread where the kernel puts it.
        let _ = sched_setaffinity(None, &set);
    }
    let mut tasks = Vec::with_capacity(share.len());
    for (job, outbox) in share {
        match Task::start(&jobs[job], gate, stop, outbox, clock) {
            Ok(task) => tasks.push(task),
            Err((outbox, error)) => {
                gate.abort();
                outbox.send(Update::Unopened { job, reason: error.to_string() });
            }
        }
    }
    worker::run(tasks, clock);
}

/// The caller's side of a run.
struct Observer<'a> {
    jobs: &'a [JobSpec],
    observe: &'a mut dyn FnMut(&Progress),
    interval: Duration,
    started: Instant,
}

impl Observer<'_> {
    /// Takes updates until every thread has ended.
    fn collect(&mut self, inbox: &Receiver<Update>, collected: &mut [Collected]) -> Result<(), RunError> {
        let mut next = self.started + self.interval;
        let mut unopened = None;
        loop {
            match inbox.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Update::Sample(sample)) => collected[sample.job].add(sample),
                Ok(Update::Done { job, outcome }) => collected[job].end(outcome),
                Ok(Update::Unopened { job, reason }) => {
                    let job = self.jobs[job].name.clone();
                    unopened.get_or_insert(RunError::Unopened { job, reason });
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.show(collected);
                    next += self.interval;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        unopened.map_or(Ok(()), Err)
    }

    fn show(&mut self, collected: &mut [Collected]) {
        let jobs = self.jobs.iter().zip(collected).map(|(job, collected)| collected.progress(job));
        let progress = Progress { elapsed: self.started.elapsed(), jobs: jobs.collect() };
        (self.observe)(&progress);
    }
}
