//! Turns, windows and their statistics.
//!
//! Every lane has its turn in every cycle, a few milliseconds long and cut into windows. Windows in which either
//! thread was put off its core are dropped; the median of the others is the turn's figure, and it is compared with
//! that of the first lane, the ceiling, in the same cycle. So slow drifts of the machine cancel.

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;

use crate::client::{Issue, Lane};
use crate::path::Options;
use crate::rig::{self, Cores, Rig};
use crate::sys;
use crate::wire::Workload;

/// How to measure.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Plan {
    /// Cycles over all variants.
    #[arg(long, default_value_t = 100)]
    pub cycles: usize,
    /// Windows of a turn.
    #[arg(long, default_value_t = 6)]
    pub windows: usize,
    /// Length of a window in microseconds.
    #[arg(long, default_value_t = 1000)]
    pub window_us: u64,
    /// Issue whole bursts instead of a stream: a window is one burst.
    #[arg(long)]
    pub burst: bool,
    #[command(flatten)]
    pub cores: Cores,
}

/// A lane's figures: medians over cycles.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Measurement {
    /// Cycles with undisturbed windows.
    pub cycles: usize,
    /// Operations per second against the ceiling's in the same cycle.
    pub ratio: f64,
    /// Quartiles of that.
    pub quartiles: (f64, f64),
    /// Busy time per operation against the ceiling's in the same cycle.
    pub busy_ratio: f64,
    /// Operations per second.
    pub ops_per_s: f64,
    /// Time per operation of target rounds that moved bytes.
    pub busy_ns: f64,
    /// Kernel calls of the target per operation, idle polls included.
    pub syscalls: f64,
}

impl Measurement {
    /// Column heads for the Display.
    pub(crate) const HEADER: &'static str =
        "variant              n   ratio  (quartiles)   busy r    kop/s  busy ns  sys/op";
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.quartiles;
        write!(f, "{:>4} {:>7.3} {low:>6.3}..{high:<6.3} ", self.cycles, self.ratio)?;
        write!(f, "{:>7.3} {:>8.1} ", self.busy_ratio, self.ops_per_s / 1e3)?;
        write!(f, "{:>8.0} {:>7.3}", self.busy_ns, self.syscalls)
    }
}

#[derive(Clone, Copy)]
struct Window {
    ops_per_s: f64,
    busy_ns: f64,
    syscalls: f64,
}

/// Measures all lanes against the first one.
pub(crate) fn run(workload: Workload, options: &[Options], plan: Plan) -> io::Result<Vec<Measurement>> {
    let drive = move |rig: &Rig, lanes: &mut [Lane]| {
        // The first cycle opens the congestion windows.
        (0..=plan.cycles).map(|_| cycle(rig, lanes, plan)).skip(1).collect::<io::Result<Vec<_>>>()
    };
    let turns = rig::run(workload, options, plan.cores, drive)?;
    Ok((0..options.len()).map(|lane| summarize(&turns, lane)).collect())
}

/// A turn of every lane; None where no window was undisturbed.
fn cycle(rig: &Rig, lanes: &mut [Lane], plan: Plan) -> io::Result<Vec<Option<Window>>> {
    lanes.iter_mut().enumerate().map(|(index, lane)| turn(rig, index, lane, plan)).collect()
}

fn turn(rig: &Rig, index: usize, lane: &mut Lane, plan: Plan) -> io::Result<Option<Window>> {
    rig.shared.active.store(index, Ordering::Relaxed);
    window(rig, lane, plan)?;
    let mut windows = Vec::new();
    for _ in 0..plan.windows {
        windows.extend(window(rig, lane, plan)?);
    }
    drain(rig, lane)?;
    let of = |get: fn(&Window) -> f64| quantile(windows.iter().map(get).collect(), 0.5);
    let median =
        Window { ops_per_s: of(|w| w.ops_per_s), busy_ns: of(|w| w.busy_ns), syscalls: of(|w| w.syscalls) };
    Ok(Some(median).filter(|_| !windows.is_empty()))
}

fn drain(rig: &Rig, lane: &mut Lane) -> io::Result<()> {
    loop {
        let (done, issued) = lane.pump(Issue::Drain, &rig.buffer)?;
        if done == issued {
            return Ok(());
        }
    }
}

fn window(rig: &Rig, lane: &mut Lane, plan: Plan) -> io::Result<Option<Window>> {
    let (issue, going) =
        if plan.burst { (Issue::Burst, Issue::Drain) } else { (Issue::Stream, Issue::Stream) };
    let length = rig.ticks_per_us * plan.window_us;
    let (mut first, mut began) = (rig.counters(), sys::tsc());
    let (mut done, mut issued) = lane.pump(issue, &rig.buffer)?;
    let mut first_done = issued - lane.in_flight();
    if !plan.burst {
        (first_done, first, began) = (done, rig.counters(), sys::tsc());
    }
    let (mut now, mut gap) = (began, false);
    while if plan.burst { done < issued } else { now - began < length } {
        (done, issued) = lane.pump(going, &rig.buffer)?;
        let after = sys::tsc();
        gap |= after - now > rig.gap_ticks;
        now = after;
    }
    let last = rig.counters();
    let silent = now.saturating_sub(rig.shared.counters.beat.load(Ordering::Relaxed));
    if gap || silent > rig.gap_ticks || last[2] != first[2] || done == first_done {
        return Ok(None);
    }
    let (ops, ticks_per_us) = (float(done - first_done), float(rig.ticks_per_us));
    Ok(Some(Window {
        ops_per_s: ops / float(now - began) * ticks_per_us * 1e6,
        busy_ns: float(last[0] - first[0]) / ticks_per_us * 1e3 / ops,
        syscalls: float(last[1] - first[1]) / ops,
    }))
}

fn summarize(turns: &[Vec<Option<Window>>], lane: usize) -> Measurement {
    let pairs: Vec<_> = turns.iter().filter_map(|cycle| Some((cycle[lane]?, cycle[0]?))).collect();
    let of = |get: fn(&(Window, Window)) -> f64, part| quantile(pairs.iter().map(get).collect(), part);
    let ratio = |pair: &(Window, Window)| pair.0.ops_per_s / pair.1.ops_per_s;
    Measurement {
        cycles: pairs.len(),
        ratio: of(ratio, 0.5),
        quartiles: (of(ratio, 0.25), of(ratio, 0.75)),
        busy_ratio: of(|pair| pair.0.busy_ns / pair.1.busy_ns, 0.5),
        ops_per_s: of(|pair| pair.0.ops_per_s, 0.5),
        busy_ns: of(|pair| pair.0.busy_ns, 0.5),
        syscalls: of(|pair| pair.0.syscalls, 0.5),
    }
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "shown with four digits")]
pub(crate) fn float(value: u64) -> f64 {
    value as f64
}

/// The value below which `part` of the values lie; NaN if there is none.
pub(crate) fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index"
    )]
    let index = (last as f64 * part).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::suite;

    #[test]
    fn quantiles_take_the_nearest_value() {
        let values = vec![3.0, 1.0, 2.0];
        assert!((quantile(values.clone(), 0.5) - 2.0).abs() < f64::EPSILON);
        assert!((quantile(values, 1.0) - 3.0).abs() < f64::EPSILON);
        assert!(quantile(Vec::new(), 0.5).is_nan());
    }

    #[test]
    fn every_variant_serves_every_workload() {
        let cores = Cores { target_core: 0, client_core: 0 };
        let plan = Plan { cycles: 1, windows: 1, window_us: 200, burst: true, cores };
        let (names, options): (Vec<_>, Vec<_>) = suite::variants().into_iter().unzip();
        for (name, workload) in suite::workloads().into_iter().filter(|(_, one)| one.depth <= 32) {
            let rows = run(workload, &options, plan).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(rows.len(), names.len());
        }
    }
}
