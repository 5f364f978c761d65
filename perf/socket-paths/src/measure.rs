//! Turns, windows and their statistics.

use std::fmt;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{self, Issue, Lane};
use crate::sys::{self, Pages};
use crate::target::{self, Options, Shared};
use crate::wire::Workload;

/// How to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Cycles over all lanes.
    pub cycles: usize,
    /// Windows of a turn.
    pub windows: usize,
    /// Length of a window.
    pub window_us: u64,
    /// Bursts instead of a stream.
    pub burst: bool,
    /// Core of the target thread.
    pub target_core: usize,
    /// Core of the client thread.
    pub client_core: usize,
}

/// A lane's figures: medians over cycles.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Measurement {
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
    pub const HEADER: &'static str =
        "variant              n   ratio  (quartiles)   busy r    kop/s  busy ns  sys/op";
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.quartiles;
        write!(
            f,
            "{:>4} {:>7.3} {low:>6.3}..{high:<6.3} {:>7.3} {:>8.1} {:>8.0} {:>7.3}",
            self.cycles,
            self.ratio,
            self.busy_ratio,
            self.ops_per_s / 1e3,
            self.busy_ns,
            self.syscalls
        )
    }
}

#[derive(Clone, Copy)]
struct Window {
    ops_per_s: f64,
    busy_ns: f64,
    syscalls: f64,
}

fn pair(listener: &TcpListener, options: &Options) -> io::Result<(OwnedFd, OwnedFd)> {
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (target, _) = listener.accept()?;
    for stream in [&client, &target] {
        for &(level, name, value) in &options.socket {
            sys::set_option(stream.as_raw_fd(), level, name, value)?;
        }
        if let Some(name) = options.congestion {
            sys::set_congestion(stream.as_raw_fd(), name)?;
        }
    }
    Ok((client.into(), target.into()))
}

/// Measures all lanes against the first one.
pub fn run(workload: Workload, lanes: &[Options], plan: &Plan) -> io::Result<Vec<Measurement>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let (mut clients, mut targets) = (Vec::new(), Vec::new());
    for options in lanes {
        let pairs = (0..workload.connections).map(|_| pair(&listener, options)).collect::<io::Result<Vec<_>>>()?;
        let (client, target): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        clients.push(Lane::new(client, workload, options.client_drops));
        targets.push((target, options.clone()));
    }
    let ticks_per_us = calibrate();
    let shared = Arc::new(Shared::default());
    let ready = Arc::new(Barrier::new(2));
    // A round moves at most a few MiB; at 2 GiB/s that is under two milliseconds.
    let bytes = workload.payload_bytes * workload.depth * workload.connections;
    let gap_ticks = ticks_per_us * u64::try_from(200 + bytes / 4096).expect("small");
    let target = thread::spawn({
        let (shared, ready, core) = (shared.clone(), ready.clone(), plan.target_core);
        move || {
            sys::pin(core)?;
            let lanes = targets.into_iter().map(|(fds, options)| target::open(fds, workload, &options)).collect::<io::Result<Vec<_>>>()?;
            ready.wait();
            target::run(lanes, &shared, gap_ticks)
        }
    });
    let client = thread::spawn({
        let (shared, plan) = (shared.clone(), plan.clone());
        move || {
            sys::pin(plan.client_core)?;
            ready.wait();
            let driver = Driver { shared: &shared, plan: &plan, ticks_per_us, gap_ticks, buffer: Pages::new(client::RECEIVE_BYTES) };
            let turns = driver.drive(&mut clients);
            shared.stop.store(true, Ordering::Relaxed);
            // The connections stay open until the target has seen the end.
            turns.map(|turns| (turns, clients))
        }
    });
    let ended = client.join().expect("client");
    target.join().expect("target")?;
    let (turns, _connections) = ended?;
    Ok((0..lanes.len()).map(|lane| summarize(&turns, lane)).collect())
}

fn calibrate() -> u64 {
    let (began, ticks) = (Instant::now(), sys::tsc());
    thread::sleep(Duration::from_millis(20));
    let elapsed = u64::try_from(began.elapsed().as_micros()).expect("short");
    (sys::tsc() - ticks) / elapsed
}

struct Driver<'a> {
    shared: &'a Shared,
    plan: &'a Plan,
    ticks_per_us: u64,
    gap_ticks: u64,
    buffer: Pages,
}

impl Driver<'_> {
    /// All turns: by cycle, by lane; None where no window was undisturbed.
    fn drive(&self, lanes: &mut [Lane]) -> io::Result<Vec<Vec<Option<Window>>>> {
        let mut cycles = Vec::new();
        for _ in 0..=self.plan.cycles {
            let turns = lanes.iter_mut().enumerate().map(|(index, lane)| self.turn(index, lane));
            cycles.push(turns.collect::<io::Result<Vec<_>>>()?);
        }
        // The first cycle opened the windows of congestion control.
        cycles.remove(0);
        Ok(cycles)
    }

    fn turn(&self, index: usize, lane: &mut Lane) -> io::Result<Option<Window>> {
        self.shared.active.store(index, Ordering::Relaxed);
        let mut windows = Vec::new();
        self.window(lane)?;
        for _ in 0..self.plan.windows {
            windows.extend(self.window(lane)?);
        }
        loop {
            let (done, issued) = lane.pump(Issue::Drain, &self.buffer)?;
            if done == issued {
                break;
            }
        }
        if windows.is_empty() {
            return Ok(None);
        }
        let of = |get: fn(&Window) -> f64| quantile(windows.iter().map(get).collect(), 0.5);
        Ok(Some(Window { ops_per_s: of(|w| w.ops_per_s), busy_ns: of(|w| w.busy_ns), syscalls: of(|w| w.syscalls) }))
    }

    fn window(&self, lane: &mut Lane) -> io::Result<Option<Window>> {
        let issue = if self.plan.burst { Issue::Burst } else { Issue::Stream };
        let length = self.ticks_per_us * self.plan.window_us;
        let (mut first, mut began) = (self.counters(), sys::tsc());
        let (mut done, mut issued) = lane.pump(issue, &self.buffer)?;
        let mut first_done = issued - lane.in_flight();
        if !self.plan.burst {
            (first_done, first, began) = (done, self.counters(), sys::tsc());
        }
        let (mut now, mut gap) = (began, false);
        while if self.plan.burst { done < issued } else { now - began < length } {
            (done, issued) = lane.pump(if self.plan.burst { Issue::Drain } else { issue }, &self.buffer)?;
            let after = sys::tsc();
            gap |= after - now > self.gap_ticks;
            now = after;
        }
        let last = self.counters();
        let beat = self.shared.counters.beat.load(Ordering::Relaxed);
        gap |= now.saturating_sub(beat) > self.gap_ticks;
        if gap || last[2] != first[2] || done == first_done {
            return Ok(None);
        }
        let ops = float(done - first_done);
        Ok(Some(Window {
            ops_per_s: ops / float(now - began) * float(self.ticks_per_us) * 1e6,
            busy_ns: float(last[0] - first[0]) / float(self.ticks_per_us) * 1e3 / ops,
            syscalls: float(last[1] - first[1]) / ops,
        }))
    }

    fn counters(&self) -> [u64; 3] {
        let counters = &self.shared.counters;
        [&counters.busy_ticks, &counters.syscalls, &counters.gaps].map(|counter| counter.load(Ordering::Relaxed))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count shown with four digits")]
fn float(value: u64) -> f64 {
    value as f64
}

fn summarize(turns: &[Vec<Option<Window>>], lane: usize) -> Measurement {
    let pairs: Vec<_> = turns.iter().filter_map(|cycle| Some((cycle[lane]?, cycle[0]?))).collect();
    let of = |get: fn(&(Window, Window)) -> f64, part: f64| quantile(pairs.iter().map(get).collect(), part);
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

/// The value below which `part` of the values lie; NaN if there is none.
fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
    let index = (values.len().saturating_sub(1) as f64 * part).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}
