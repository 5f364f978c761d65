//! Whether the threads that matter had a core when they wanted one.

use std::fs;
use std::time::Instant;

/// Time that a thread was ready to run and had no core, of the time it was looked at.
#[derive(Debug)]
pub(crate) struct Look {
    began: Instant,
    /// Process, thread, waiting time before.
    threads: Vec<(u32, String, u64)>,
}

impl Look {
    /// Begins to look at a daemon's busiest thread, which is its reactor, and at this process's load.
    pub(crate) fn begin(daemon: u32) -> Self {
        let reactor = tids(daemon).max_by_key(|tid| schedule(daemon, tid).map_or(0, |(ran, _)| ran));
        let this = std::process::id();
        let loads = tids(this).filter(|tid| comm(this, tid).starts_with("perf-"));
        let all = reactor.into_iter().map(|tid| (daemon, tid)).chain(loads.map(|tid| (this, tid)));
        let threads =
            all.filter_map(|(pid, tid)| schedule(pid, &tid).map(|(_, waited)| (pid, tid, waited))).collect();
        Self { began: Instant::now(), threads }
    }

    /// The largest part of the time that any of them waited.
    pub(crate) fn end(self) -> f64 {
        let span_ns = self.began.elapsed().as_secs_f64() * 1e9;
        let waited = |(pid, tid, before): &(u32, String, u64)| {
            let after = schedule(*pid, tid).map_or(*before, |(_, waited)| waited);
            (after - before) as f64 / span_ns
        };
        self.threads.iter().map(waited).fold(0.0, f64::max)
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
