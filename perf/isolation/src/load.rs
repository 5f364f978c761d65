//! Load on a node's volumes, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use sluice_node_api::latency::PerMillion;
use sluice_node_api::v1::LatencyHistogram;
use sluice_perf::report::{JobReport, Outcome, Report};
use sluice_perf::spec::{JobSpec, Target, TcpTarget};
use sluice_perf::workload::{OpMix, Pattern, SizeMix};
use sluice_perf::{Progress, RunError, RunOptions, run};

use crate::curve::{Curve, Point};
use crate::figure::number;
use crate::node::{Api, Node};
use crate::thread::{DISTURBED, Look, Threads};

/// Before anything is measured: connections are made, limits have spent what they saved.
const WARM_UP: Duration = Duration::from_millis(700);

/// What an application does to one volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub read_percent: u8,
    pub size_kib: u64,
    pub depth: u16,
    pub pattern: Pattern,
}

impl Work {
    /// Random accesses.
    pub(crate) fn random(read_percent: u8, size_kib: u64, depth: u16) -> Self {
        Self { read_percent, size_kib, depth, pattern: Pattern::Random }
    }

    /// As a job on a volume; it ends when it is told to.
    pub(crate) fn on(self, volume: &Volume) -> JobSpec {
        let target = Target::Tcp(TcpTarget::new(&volume.address, &volume.nqn));
        JobSpec {
            app: volume.app.clone(),
            pattern: self.pattern,
            ops: OpMix { read_percent: self.read_percent, ..OpMix::default() },
            sizes: SizeMix::single(self.size_kib << 10).expect("a constant size that is allowed"),
            queue_depth: self.depth,
            run_time: Some(Duration::from_secs(3600)),
            warm_up: WARM_UP,
            ..JobSpec::new(&volume.name, target)
        }
    }
}

/// A published volume.
#[derive(Clone, Debug)]
pub(crate) struct Volume {
    pub name: String,
    pub app: String,
    nqn: String,
    address: String,
}

impl Node {
    /// Makes a volume of an application of its own.
    pub(crate) fn own(&mut self, app: &str) -> anyhow::Result<Volume> {
        self.volume(app, app, 64)
    }

    /// Makes a volume.
    pub(crate) fn volume(&mut self, name: &str, app: &str, size_mib: u64) -> anyhow::Result<Volume> {
        let nqn = self.api.volume(name, app, size_mib).with_context(|| format!("volume {name}"))?;
        let volume =
            Volume { name: name.to_owned(), app: app.to_owned(), nqn, address: self.address.clone() };
        fill(&volume, size_mib).with_context(|| format!("volume {name}"))?;
        Ok(volume)
    }
}

/// Writes a volume from end to end: what was never written is read without the device.
fn fill(volume: &Volume, size_mib: u64) -> anyhow::Result<()> {
    let sequential = Work { read_percent: 0, size_kib: 128, depth: 32, pattern: Pattern::Sequential };
    let job = JobSpec {
        run_time: None,
        io_count: Some(size_mib * 8),
        warm_up: Duration::ZERO,
        ..sequential.on(volume)
    };
    let options = RunOptions { threads: 1, ..RunOptions::default() };
    let report = run(&[job], &options, &AtomicBool::new(false), &mut |_: &Progress| ())?;
    let complete =
        report.jobs.iter().all(|job| job.outcome == Outcome::Completed && job.counters.errors == 0);
    ensure!(complete, "it could not be filled");
    Ok(())
}

/// Load that runs on a thread of its own.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Report, RunError>>,
}

impl Load {
    /// Starts all jobs on one engine thread.
    pub(crate) fn start(jobs: Vec<JobSpec>, core: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let options = RunOptions { threads: 1, cores: vec![core], ..RunOptions::default() };
        let thread = thread::spawn(move || run(&jobs, &options, &told, &mut |_: &Progress| ()));
        Self { stop, thread }
    }

    /// Ends it. No I/O may have failed.
    pub(crate) fn stop(self) -> anyhow::Result<Report> {
        self.stop.store(true, Ordering::Release);
        let report = self.thread.join().ok().context("the load panicked")??;
        for job in &report.jobs {
            ensure!(job.outcome == Outcome::Stopped, "job {}: {:?}", job.name, job.outcome);
            ensure!(job.counters.errors == 0, "job {}: {} I/Os failed", job.name, job.counters.errors);
        }
        Ok(report)
    }

    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }
}

/// What the node counted, again and again, on a thread of its own.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Seen>>,
}

/// What a watch saw.
#[derive(Debug)]
pub(crate) struct Seen {
    /// What each application got.
    pub curves: BTreeMap<String, Curve>,
    /// The least that was given of every Min, in thousandths: the device did not keep up what it had done when it was
    /// measured.
    pub min_given_permille: u32,
    /// How long the reactor and the load have waited for a core, in nanoseconds.
    pub waits: Curve,
}

impl Watch {
    /// Looks so often. `volume` is any one: it keeps the answers short.
    pub(crate) fn start(node: &Node, volume: &str, every: Duration) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, mut api, volume) = (Arc::clone(&stop), node.api.again()?, volume.to_owned());
        let threads = Threads::of(node.pid());
        let thread = thread::spawn(move || {
            let waits = Curve::default();
            let mut seen = Seen { curves: BTreeMap::new(), min_given_permille: 1000, waits };
            let mut due = Instant::now();
            while !told.load(Ordering::Acquire) {
                seen.look(&mut api, &volume, &threads)?;
                // A look that came late does not make the next ones follow in a hurry.
                due = (due + every).max(Instant::now());
                thread::sleep(due - Instant::now());
            }
            seen.look(&mut api, &volume, &threads).map(|()| seen)
        });
        Ok(Self { stop, thread })
    }

    /// What it saw.
    pub(crate) fn stop(self) -> anyhow::Result<Seen> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().ok().context("the watch panicked")?
    }
}

impl Seen {
    fn look(&mut self, api: &mut Api, volume: &str, threads: &Threads) -> anyhow::Result<()> {
        let stats = api.stats(volume)?;
        let scheduler = stats.schedulers.first().context("the node has no scheduler")?;
        self.waits.push(Point { at_ns: scheduler.taken_ns, units: threads.waited_ns() });
        self.min_given_permille = self.min_given_permille.min(scheduler.scale_permille);
        for app in stats.apps {
            let point = Point { at_ns: scheduler.taken_ns, units: app.units };
            self.curves.entry(app.app).or_default().push(point);
        }
        Ok(())
    }

    /// An application's curve.
    pub(crate) fn curve(&self, app: &str) -> &Curve {
        self.curves.get(app).expect("every application with load is counted")
    }

    /// An application's rates over windows in which no thread waited for its core for long; those in which one did
    /// tell of the machine.
    pub(crate) fn undisturbed_rates(&self, app: &str, window_ns: u64) -> Vec<f64> {
        let waits = self.waits.rates(window_ns).into_iter().map(|ns_per_s| ns_per_s / 1e9);
        let rates = self.curve(app).rates(window_ns).into_iter().zip(waits);
        rates.filter(|(_, waited)| *waited <= DISTURBED).map(|(rate, _)| rate).collect()
    }

    /// How many of the windows those are, and all.
    pub(crate) fn undisturbed(&self, window_ns: u64) -> (usize, usize) {
        let waits = self.waits.rates(window_ns);
        (waits.iter().filter(|ns_per_s| **ns_per_s / 1e9 <= DISTURBED).count(), waits.len())
    }
}

/// One measured time of some load.
pub(crate) struct Run {
    pub seen: Seen,
    /// What the hosts saw.
    report: Report,
    /// What the node saw of the first job's volume: from command to response.
    pub at_node: LatencyHistogram,
    /// Largest part of the time that a thread waited for its core.
    pub waited: f64,
}

/// How to look at a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Core of the load.
    pub core: usize,
    /// Measured time.
    pub time: Duration,
    /// How often to look.
    pub every: Duration,
    /// How often to run at most, until no thread waits for its core.
    pub tries: usize,
}

impl Run {
    /// Runs jobs on a node, again if the run was disturbed. The least disturbed run counts.
    pub(crate) fn of(node: &mut Node, jobs: &[JobSpec], view: View) -> anyhow::Result<Self> {
        let mut best = Self::once(node, jobs.to_vec(), view)?;
        for _ in 1..view.tries {
            if best.waited <= DISTURBED {
                break;
            }
            let again = Self::once(node, jobs.to_vec(), view)?;
            if again.waited < best.waited {
                best = again;
            }
        }
        Ok(best)
    }

    fn once(node: &mut Node, jobs: Vec<JobSpec>, view: View) -> anyhow::Result<Self> {
        let first = jobs.first().context("no job")?.name.clone();
        let load = Load::start(jobs, view.core);
        thread::sleep(WARM_UP);
        if load.is_over() {
            load.stop()?;
            bail!("the load ended at once");
        }
        let before = reads(&mut node.api, &first)?;
        let (look, watch) = (Look::begin(node.pid()), Watch::start(node, &first, view.every)?);
        thread::sleep(view.time);
        let (seen, waited) = (watch.stop()?, look.end());
        let at_node = reads(&mut node.api, &first)?.since(&before);
        Ok(Self { seen, report: load.stop()?, at_node, waited })
    }

    /// An application's curve.
    pub(crate) fn curve(&self, app: &str) -> &Curve {
        self.seen.curve(app)
    }

    /// A volume's job.
    pub(crate) fn job(&self, volume: &str) -> &JobReport {
        self.report.jobs.iter().find(|job| job.name == volume).expect("every job reports")
    }

    /// What all jobs together took from the device, in reads of 16 KiB a second.
    pub(crate) fn cost_per_s(&self, write_cost: f64) -> f64 {
        let cost = |job: &JobReport| (units(&job.reads) + write_cost * units(&job.writes)) / job.seconds;
        self.report.jobs.iter().map(cost).sum()
    }
}

/// I/O units: each I/O of a job is of one size.
fn units(op: &sluice_perf::report::OpReport) -> f64 {
    let each = op.bytes.checked_div(op.ios).unwrap_or(0).div_ceil(16 << 10);
    op.ios as f64 * each as f64
}

fn reads(api: &mut Api, volume: &str) -> anyhow::Result<LatencyHistogram> {
    let stats = api.stats(volume)?;
    let io = stats.volumes.into_iter().next().and_then(|volume| volume.io);
    Ok(io.and_then(|io| io.reads).and_then(|reads| reads.latency).unwrap_or_default())
}

/// The tail of a distribution, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tail {
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
}

impl Tail {
    /// As a host saw it.
    pub(crate) fn of_reads(job: &JobReport) -> Self {
        let us = |ns: Option<u64>| ns.map_or(f64::NAN, |ns| ns as f64 / 1e3);
        let latency = job.reads.latency.as_ref();
        Self {
            p50_us: us(latency.map(|l| l.p50_ns)),
            p99_us: us(latency.map(|l| l.p99_ns)),
            p999_us: us(latency.map(|l| l.p999_ns)),
        }
    }

    /// As the node saw it.
    pub(crate) fn of(latency: &LatencyHistogram) -> Self {
        let at = |share| latency.value_at(share).map_or(f64::NAN, |ns| ns as f64 / 1e3);
        Self { p50_us: at(PerMillion::P50), p99_us: at(PerMillion::P99), p999_us: at(PerMillion::P99_9) }
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, p999] = [self.p50_us, self.p99_us, self.p999_us].map(number);
        write!(f, "{p50} / {p99} / {p999} us")
    }
}
