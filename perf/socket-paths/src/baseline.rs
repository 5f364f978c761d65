//! The ceiling by itself, for benchmarks to run between their own: one stream, its rate and its latencies.

use std::io;
use std::time::Duration;

use crate::client::{Issue, Lane};
use crate::connection::Source;
use crate::measure::{float, quantile};
use crate::path::{Options, Path};
use crate::rig::{self, Cores, Rig};
use crate::sys;
use crate::wire::{Mix, Workload};

/// Latencies kept, the first ones of the measured time.
const LATENCIES: usize = 1 << 20;

/// What to exchange.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which side carries the payload.
    #[arg(long, value_enum, default_value = "read")]
    mix: Mix,
    /// Payload of one operation, in bytes.
    #[arg(long, default_value_t = 4096)]
    payload: usize,
    /// Operations in flight on each connection.
    #[arg(long, default_value_t = 32)]
    depth: usize,
    /// Connections.
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Send read payload from one page for all, as the null device does, instead of a buffer for each.
    #[arg(long)]
    zeroes: bool,
    /// Measured time, in milliseconds.
    #[arg(long, default_value_t = 400)]
    time_ms: u64,
    #[command(flatten)]
    cores: Cores,
}

/// What the exchange reached.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Baseline {
    ops_per_s: f64,
    p50_us: f64,
    p99_us: f64,
    /// Time per operation of target rounds that moved bytes.
    target_busy_ns: f64,
    /// Kernel calls of the target per operation, idle polls included.
    target_syscalls: f64,
}

/// Runs it.
pub(crate) fn run(arguments: Arguments) -> io::Result<Baseline> {
    let Arguments { mix, payload, depth, connections, zeroes, time_ms, cores } = arguments;
    let workload = Workload { mix, payload_bytes: payload, depth, connections };
    let source = if zeroes { Source::ZeroPage } else { Source::Buffers };
    let options = Options { path: Path::Ceiling, source, ..Options::default() };
    let time = Duration::from_millis(time_ms);
    rig::run(workload, &[options], cores, move |rig, lanes| stream(rig, &mut lanes[0], time))
}

fn stream(rig: &Rig, lane: &mut Lane, time: Duration) -> io::Result<Baseline> {
    pump_for(rig, lane, time / 4)?;
    lane.latencies.reserve_exact(LATENCIES);
    let (done, _) = lane.pump(Issue::Stream, &rig.buffer)?;
    let (counters, began) = (rig.counters(), sys::tsc());
    let ops = float(pump_for(rig, lane, time)? - done);
    let (after, ticks_per_us) = (rig.counters(), float(rig.ticks_per_us));
    let elapsed_us = float(sys::tsc() - began) / ticks_per_us;
    let latencies: Vec<_> = lane.latencies.iter().map(|&ticks| float(ticks) / ticks_per_us).collect();
    Ok(Baseline {
        ops_per_s: ops / elapsed_us * 1e6,
        p50_us: quantile(latencies.clone(), 0.5),
        p99_us: quantile(latencies, 0.99),
        target_busy_ns: float(after[0] - counters[0]) / ticks_per_us * 1e3 / ops,
        target_syscalls: float(after[1] - counters[1]) / ops,
    })
}

/// Returns the operations done since the start.
fn pump_for(rig: &Rig, lane: &mut Lane, time: Duration) -> io::Result<u64> {
    let micros = u64::try_from(time.as_micros()).expect("seconds at most");
    let end = sys::tsc() + rig.ticks_per_us * micros;
    loop {
        let (done, _) = lane.pump(Issue::Stream, &rig.buffer)?;
        if sys::tsc() >= end {
            return Ok(done);
        }
    }
}
