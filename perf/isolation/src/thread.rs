//! Whether the threads that matter had a core when they wanted one.

use std::fs;
use std::time::Instant;

/// A figure of a run in which a thread waited for longer than this part of the time says little: on a core that is taken
/// away for milliseconds nothing is kept, promised or not.
pub(crate) const DISTURBED: f64 = 0.03;

/// A daemon's busiest thread, which is its reactor, and this process's load.
#[derive(Clone, Debug)]
pub(crate) struct Threads(Vec<(u32, String)>);

impl Threads {
    /// Of a daemon, once the load runs.
    pub(crate) fn of(daemon: u32) -> Self {
        let reactor = tids(daemon).max_by_key(|tid| schedule(daemon, tid).map_or(0, |(ran, _)| ran));
        let this = std::process::id();
        let loads = tids(this).filter(|tid| comm(this, tid).starts_with("perf-"));
        Self(reactor.into_iter().map(|tid| (daemon, tid)).chain(loads.map(|tid| (this, tid))).collect())
    }

    /// How long each has waited for a core so far, in nanoseconds. One that is gone waits no more.
    fn waits_ns(&self) -> impl Iterator<Item = u64> {
        self.0.iter().map(|(pid, tid)| schedule(*pid, tid).map_or(0, |(_, waited)| waited))
    }

    /// All of them together.
    pub(crate) fn waited_ns(&self) -> u64 {
        self.waits_ns().sum()
    }
}

/// Time that a thread was ready to run and had no core, of the time it was looked at.
#[derive(Debug)]
pub(crate) struct Look {
    began: Instant,
    threads: Threads,
    before_ns: Vec<u64>,
}

impl Look {
    /// Begins to look.
    pub(crate) fn begin(daemon: u32) -> Self {
        let threads = Threads::of(daemon);
        Self { began: Instant::now(), before_ns: threads.waits_ns().collect(), threads }
    }

    /// The largest part of the time that any of them waited.
    pub(crate) fn end(self) -> f64 {
        let span_ns = self.began.elapsed().as_secs_f64() * 1e9;
        let waits = self.threads.waits_ns().zip(&self.before_ns);
        waits.map(|(after, before)| after.saturating_sub(*before) as f64 / span_ns).fold(0.0, f64::max)
    }
}

fn tids(pid: u32) -> impl Iterator<Item = String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(|task| task.ok()?.file_name().into_string().ok())
}

fn comm(pid: u32, tid: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/task/{tid}/comm")).unwrap_or_default()
}

/// On-CPU and waiting time since the thread's start, in nanoseconds.
fn schedule(pid: u32, tid: &str) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
    let mut fields = text.split_whitespace().map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}
