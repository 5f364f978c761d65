//! One case: runs of the bare socket and of the target in turn.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::case::Case;
use crate::node::{Backing, Node, VOLUME_MIB};
use crate::programs::{self, Programs};
use crate::thread::{Busiest, Look, Observed, SyscallCount};

/// Which cores are used.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Cores {
    /// Core of the target.
    #[arg(long, default_value_t = 0)]
    pub target_core: usize,
    /// Core of the load.
    #[arg(long, default_value_t = 1)]
    pub client_core: usize,
}

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Undisturbed runs wanted.
    pub repetitions: usize,
    /// Measured time of a run.
    pub time_ms: u64,
    /// Where.
    pub cores: Cores,
}

/// Runs tried for one that is kept.
const TRIES: usize = 4;
/// A thread that waited for its core for more than this part of the time was disturbed.
const DISTURBED: f64 = 0.03;
const WARM_UP_MS: u64 = 100;

/// One run of the target and the bare socket's run before it.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Run {
    /// I/Os per second.
    pub iops: f64,
    /// Median latency.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// I/Os per second against the bare socket's.
    pub ratio: f64,
    /// The bare socket's operations per second.
    pub bare_iops: f64,
    /// The bare socket's median latency.
    pub bare_p50_us: f64,
    /// CPU time of the target's thread per I/O, polling included.
    pub cpu_ns: f64,
    /// Kernel calls of the target's thread per I/O, polling included; NaN if they could not be counted.
    pub syscalls: f64,
    /// Longest part of the time that a thread waited for its core.
    pub waited: f64,
}

/// Writes every block once: memory that was never written is one page of zeroes, and reads it as fast as a cache.
pub(crate) fn fill(programs: &Programs, node: &Node) -> anyhow::Result<()> {
    let blocks = (VOLUME_MIB << 10) / 128;
    let mut perf = programs.command("sluice-perf");
    perf.args(["run", "--quiet", "--json", "--address", &node.address, "--nqn", &node.nqn]);
    perf.args(["--pattern", "sequential", "--read-percent", "0", "--block-size", "128KiB"]);
    perf.args(["--count", &blocks.to_string()]);
    programs::json(&mut perf).map(drop)
}

/// Runs until enough runs were undisturbed, or too many were not; then the least disturbed count.
pub(crate) fn repeat(programs: &Programs, node: &Node, case: &Case, plan: &Plan) -> anyhow::Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    for _ in 0..plan.repetitions * TRIES {
        runs.push(once(programs, node, case, plan)?);
        if runs.iter().filter(|run| run.waited < DISTURBED).count() == plan.repetitions {
            break;
        }
    }
    runs.sort_by(|a, b| a.waited.total_cmp(&b.waited));
    runs.truncate(plan.repetitions);
    Ok(runs)
}

fn once(programs: &Programs, node: &Node, case: &Case, plan: &Plan) -> anyhow::Result<Run> {
    let bare = node.while_stopped(|| bare(programs, node.backing, case, plan))?;
    let (report, target, load) = load(programs, node, case, plan)?;
    let job = &report["jobs"][0];
    let iops = number(&job["reads"]["iops"])? + number(&job["writes"]["iops"])?;
    let latency = |key| {
        let of = |op: &str| job[op]["latency"][key].as_f64().unwrap_or(0.0);
        of("reads").max(of("writes")) / 1e3
    };
    let bare_iops = number(&bare["ops_per_s"])?;
    let starved = !(iops / bare_iops).is_finite();
    Ok(Run {
        iops,
        p50_us: latency("p50_ns"),
        p99_us: latency("p99_ns"),
        ratio: iops / bare_iops,
        bare_iops,
        bare_p50_us: number(&bare["p50_us"])?,
        cpu_ns: target.ran * 1e9 / iops,
        syscalls: target.syscalls_per_s / iops,
        waited: if starved { 1.0 } else { target.waited.max(load.waited) },
    })
}

fn bare(programs: &Programs, backing: Backing, case: &Case, plan: &Plan) -> anyhow::Result<Value> {
    let mut bare = programs.command("sluice-socket-paths");
    bare.args(["baseline", "--mix", case.mix.name(), "--payload", &(case.size_kib << 10).to_string()]);
    bare.args(["--depth", &case.depth.to_string(), "--connections", &case.connections.to_string()]);
    bare.args(["--time-ms", &plan.time_ms.to_string()]);
    bare.args(["--target-core", &plan.cores.target_core.to_string()]);
    bare.args(["--client-core", &plan.cores.client_core.to_string()]);
    bare.args(Some("--zeroes").filter(|_| backing == Backing::Null));
    programs::json(&mut bare)
}

fn load(
    programs: &Programs,
    node: &Node,
    case: &Case,
    plan: &Plan,
) -> anyhow::Result<(Value, Observed, Observed)> {
    let mut perf = programs.command("sluice-perf");
    perf.args(["run", "--quiet", "--json", "--threads", "1"]);
    perf.args(["--cores", &plan.cores.client_core.to_string()]);
    perf.args(["--address", &node.address, "--nqn", &node.nqn, "--pattern", case.pattern]);
    perf.args(["--read-percent", case.mix.read_percent(), "--block-size", &format!("{}KiB", case.size_kib)]);
    perf.args(["--queue-depth", &case.depth.to_string(), "--connections", &case.connections.to_string()]);
    perf.args(["--warm-up", &format!("{WARM_UP_MS}ms"), "--time", &format!("{}ms", plan.time_ms)]);
    perf.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = perf.spawn().with_context(|| format!("{perf:?}"))?;
    let seen = observe(node.pid(), child.id(), Duration::from_millis(plan.time_ms));
    let report = programs::parse(&perf, &child.wait_with_output()?)?;
    let (target, load) = seen.context("sluiced ended")?;
    Ok((report, target, load))
}

/// Looks at both sides in the middle of the measured time.
fn observe(target: u32, load: u32, time: Duration) -> Option<(Observed, Observed)> {
    thread::sleep(Duration::from_millis(WARM_UP_MS) + time / 4);
    let reactor = Busiest::of(target)?;
    let count = SyscallCount::begin(&reactor, time / 2);
    let look = Look::begin(reactor)?;
    let loaded = Busiest::of(load).and_then(Look::begin);
    let syscalls = count.end();
    thread::sleep((time / 2).saturating_sub(look.elapsed()));
    // The load may end before a look that began late; that run was disturbed.
    let loaded = loaded.and_then(|look| look.end(f64::NAN)).unwrap_or(Observed::DISTURBED);
    Some((look.end(syscalls)?, loaded))
}

fn number(value: &Value) -> anyhow::Result<f64> {
    // JSON has no NaN.
    if value.is_null() {
        Ok(f64::NAN)
    } else {
        value.as_f64().with_context(|| format!("{value} is no number"))
    }
}
