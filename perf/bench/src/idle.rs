//! What a node costs that has hosts and nothing to do.
//!
//! Each host is a `sluice-perf` of its own that keeps its association alive and reads one block a second, so that the
//! figure is, if anything, too high. The daemon runs with the default polling: it spins for a bounded time, then
//! sleeps.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::node::{Backing, Node, Polling};
use crate::programs::Programs;
use crate::run::Cores;
use crate::spread::Spread;
use crate::thread::{Busiest, SyscallCount, process_ran_ns};

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Connected hosts.
    #[arg(long, default_value_t = 10)]
    hosts: usize,
    /// Windows measured.
    #[arg(long, default_value_t = 5)]
    repetitions: usize,
    /// Length of a window, in milliseconds.
    #[arg(long, default_value_t = 4000)]
    time_ms: u64,
    #[command(flatten)]
    cores: Cores,
}

/// Parts of a core, in percent, and kernel calls of the reactor.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Idle {
    hosts: usize,
    /// The whole daemon, gRPC service included.
    process_percent: Spread,
    reactor_syscalls_per_s: Spread,
}

impl std::fmt::Display for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { hosts, process_percent: cpu, reactor_syscalls_per_s: calls } = self;
        write!(
            f,
            "{hosts} hosts connected and idle: {:.2} % of a core ({:.2}..{:.2}), {:.0} kernel calls a second",
            cpu.median, cpu.min, cpu.max, calls.median
        )
    }
}

/// Connects the hosts, lets them settle and measures.
pub(crate) fn measure(programs: &Programs, arguments: &Arguments) -> anyhow::Result<Idle> {
    let Arguments { hosts, repetitions, time_ms, cores } = *arguments;
    let node = Node::start(programs, Backing::Memory, Polling::Default, cores.target_core)?;
    let window = Duration::from_millis(time_ms);
    let lifetime = SETTLE + window * u32::try_from(repetitions)? + SETTLE;
    let mut hosts = Hosts::connect(programs, &node, hosts, lifetime, cores)?;
    thread::sleep(SETTLE);
    let reactor = Busiest::of(node.pid()).context("sluiced ended")?;
    let (mut percents, mut calls) = (Vec::new(), Vec::new());
    for _ in 0..repetitions {
        let (before, began) = (process_ran_ns(node.pid()), Instant::now());
        let count = SyscallCount::begin(&reactor, window);
        thread::sleep(window);
        let ran_ns = process_ran_ns(node.pid()) - before;
        percents.push(ran_ns / began.elapsed().as_secs_f64() / 1e7);
        calls.push(count.end());
    }
    hosts.all_run()?;
    let hosts = hosts.0.len();
    Ok(Idle { hosts, process_percent: Spread::of(percents), reactor_syscalls_per_s: Spread::of(calls) })
}

/// Time for all hosts to connect, and for `perf` to end.
const SETTLE: Duration = Duration::from_secs(3);

/// Processes that are killed when dropped.
struct Hosts(Vec<Child>);

impl Hosts {
    fn connect(
        programs: &Programs,
        node: &Node,
        count: usize,
        lifetime: Duration,
        cores: Cores,
    ) -> anyhow::Result<Self> {
        let start = |_| {
            let mut perf: Command = programs.command("sluice-perf");
            perf.args(["run", "--quiet", "--threads", "1", "--cores", &cores.client_core.to_string()]);
            perf.args(["--address", &node.address, "--nqn", &node.nqn, "--keep-alive", "5s"]);
            perf.args(["--queue-depth", "1", "--rate", "1", "--time", &format!("{}s", lifetime.as_secs())]);
            perf.stdout(Stdio::null()).stderr(Stdio::null()).spawn().with_context(|| format!("{perf:?}"))
        };
        Ok(Self((0..count).map(start).collect::<Result<_, _>>()?))
    }

    /// A host that gave up would make the node look idler than it is.
    fn all_run(&mut self) -> anyhow::Result<()> {
        for host in &mut self.0 {
            ensure!(host.try_wait()?.is_none(), "a host ended before its time");
        }
        Ok(())
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in &mut self.0 {
            // Gone already is as good.
            let _ = host.kill();
            let _ = host.wait();
        }
    }
}
