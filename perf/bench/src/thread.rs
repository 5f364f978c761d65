//! What the kernel knows about the threads that take part.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// On-CPU and waiting time of a thread since its start, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    ran_ns: f64,
    waited_ns: f64,
}

fn schedule(pid: u32, tid: &str) -> Option<Schedule> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?;
    let mut fields = text.split_whitespace().map(str::parse);
    Some(Schedule { ran_ns: fields.next()?.ok()?, waited_ns: fields.next()?.ok()? })
}

/// On-CPU time of all of a process's threads that live, in nanoseconds.
pub(crate) fn process_ran_ns(pid: u32) -> f64 {
    tids(pid).filter_map(|tid| schedule(pid, &tid)).map(|schedule| schedule.ran_ns).sum()
}

fn tids(pid: u32) -> impl Iterator<Item = String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(|task| task.ok()?.file_name().into_string().ok())
}

/// The thread of a process that ran most so far: a reactor that polls always, an engine under load.
#[derive(Clone, Debug)]
pub(crate) struct Busiest {
    pid: u32,
    tid: String,
}

impl Busiest {
    /// Looks for it.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let ran = |tid: &String| schedule(pid, tid).map_or(0.0, |schedule| schedule.ran_ns);
        let tid = tids(pid).max_by(|a, b| ran(a).total_cmp(&ran(b)))?;
        Some(Self { pid, tid })
    }

    fn schedule(&self) -> Option<Schedule> {
        schedule(self.pid, &self.tid)
    }
}

/// What a thread did in a span of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    /// On-CPU time in the span, as a part of it.
    pub ran: f64,
    /// Time in the span when it could have run and had no core, as a part of it.
    pub waited: f64,
    /// Kernel calls a second; NaN where `perf` cannot count them.
    pub syscalls_per_s: f64,
}

impl Observed {
    /// Of a thread that could not be observed.
    pub(crate) const DISTURBED: Self = Self { ran: f64::NAN, waited: 1.0, syscalls_per_s: f64::NAN };
}

/// A look at a thread that has begun.
pub(crate) struct Look {
    thread: Busiest,
    began: Instant,
    before: Schedule,
}

impl Look {
    /// Begins it.
    pub(crate) fn begin(thread: Busiest) -> Option<Self> {
        Some(Self { began: Instant::now(), before: thread.schedule()?, thread })
    }

    /// Time since it began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends it; the kernel calls are counted by others.
    pub(crate) fn end(&self, syscalls_per_s: f64) -> Option<Observed> {
        let after = self.thread.schedule()?;
        let span_ns = self.began.elapsed().as_secs_f64() * 1e9;
        Some(Observed {
            ran: (after.ran_ns - self.before.ran_ns) / span_ns,
            waited: (after.waited_ns - self.before.waited_ns) / span_ns,
            syscalls_per_s,
        })
    }
}

/// Counts a thread's kernel calls by the kernel's own tracepoint, through `perf stat`.
pub(crate) struct SyscallCount {
    child: Option<Child>,
    span: Duration,
}

impl SyscallCount {
    /// Begins to count, for a span.
    pub(crate) fn begin(thread: &Busiest, span: Duration) -> Self {
        let mut perf = Command::new("perf");
        perf.args(["stat", "--field-separator=,", "--event=raw_syscalls:sys_enter", "--tid"])
            .arg(&thread.tid);
        perf.args(["--timeout", &span.as_millis().to_string()]).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { child: perf.spawn().ok(), span }
    }

    /// Waits for the span to end; kernel calls per second, or NaN.
    pub(crate) fn end(self) -> f64 {
        let output = self.child.and_then(|child| child.wait_with_output().ok());
        let text =
            output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
        let line = text.lines().find(|line| line.contains("sys_enter")).unwrap_or_default();
        let count: Option<f64> = line.split(',').next().and_then(|count| count.parse().ok());
        count.map_or(f64::NAN, |count| count / self.span.as_secs_f64())
    }
}
