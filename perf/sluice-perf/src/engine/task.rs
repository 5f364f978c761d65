//! One job from its connection to its end.
//!
//! ```text
//!   Preconditioning --> Waiting --> WarmingUp --> Measuring --> Draining --> ReadingBack --> Done
//!   (verify only)       (gate)      (if asked)                       `------(if not asked)------^
//! ```
//!
//! A stop from outside leads from any phase to Draining and from there to Done; a failure leads to Done at once.

use std::sync::atomic::{AtomicBool, Ordering};

use uuid::Uuid;

use crate::engine::Phase;
use crate::engine::clock::Clock;
use crate::engine::gate::Gate;
use crate::engine::lane::Lane;
use crate::engine::link::{Link, OpenError};
use crate::engine::load::{Load, Source};
use crate::engine::pace::Pacer;
use crate::engine::sweep::Sweep;
use crate::engine::update::{Outbox, Sample, Update};
use crate::expect::{Change, Expectations, Initial};
use crate::geometry::{Geometry, GeometryError};
use crate::num::nanos;
use crate::report::Outcome;
use crate::rng::mix;
use crate::spec::{JobSpec, VerifySpec};
use crate::stats::Tally;
use crate::workload::{AccessOp, Generator, Plan, Region};

/// Samples are taken this often.
pub(crate) const SAMPLE_NS: u64 = 250_000_000;

/// Why a job cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Geometry(#[from] GeometryError),
}

/// A running job.
pub(crate) struct Task<'a> {
    job: &'a JobSpec,
    gate: &'a Gate,
    stop: &'a AtomicBool,
    outbox: Outbox,
    link: Link,
    load: Load,
    region: Region,
    phase: Phase,
    stopped: bool,
    /// End of the phase where time ends it.
    until_ns: u64,
    sampled_ns: u64,
}

impl<'a> Task<'a> {
    /// Connects and gets ready to run.
    pub(crate) fn start(
        job: &'a JobSpec,
        gate: &'a Gate,
        stop: &'a AtomicBool,
        outbox: Outbox,
        clock: Clock,
    ) -> Result<Self, (Outbox, StartError)> {
        let parts = Link::open(job).map_err(StartError::from).and_then(|mut link| {
            let geometry = link.geometry();
            let region = geometry.region(job)?;
            link.set_lanes(lanes(job, &geometry, region)?);
            Ok((link, load(job, geometry, region), region))
        });
        let (link, load, region) = match parts {
            Ok(parts) => parts,
            Err(error) => return Err((outbox, error)),
        };
        let (phase, stopped) = (Phase::Connecting, false);
        let sampled_ns = clock.now_ns();
        let mut task =
            Self { job, gate, stop, outbox, link, load, region, phase, stopped, until_ns: 0, sampled_ns };
        task.begin(sampled_ns);
        Ok(task)
    }

    pub(crate) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// When something is to be done even if nothing arrives.
    pub(crate) fn deadline_ns(&self) -> u64 {
        let paced = self.load.pacer.as_ref().filter(|_| matches!(self.load.source, Source::Pattern { .. }));
        let deadline = paced.map_or(u64::MAX, Pacer::next_ns).min(self.sampled_ns + SAMPLE_NS);
        if self.is_timed() { deadline.min(self.until_ns) } else { deadline }
    }

    fn is_timed(&self) -> bool {
        matches!(self.phase, Phase::WarmingUp | Phase::Measuring)
    }

    /// Moves I/O and goes on to the next phase when it is time. True if anything happened.
    pub(crate) fn poll(&mut self, clock: Clock, now_ns: u64) -> bool {
        if self.is_done() {
            return false;
        }
        let busy = match self.link.poll(&mut self.load, clock, now_ns) {
            Ok(busy) => busy,
            Err(error) => {
                self.fail(error.to_string(), now_ns);
                return true;
            }
        };
        self.advance(now_ns);
        busy
    }

    fn advance(&mut self, now_ns: u64) {
        if self.load.counters.errors > self.job.error_limit {
            let first = self.load.first_error.take().unwrap_or_default();
            return self
                .fail(format!("{} I/O errors, the first: {first}", self.load.counters.errors), now_ns);
        }
        if !self.stopped && (self.stop.load(Ordering::Relaxed) || self.gate.is_aborted()) {
            self.stopped = true;
            self.enter(Phase::Draining, Source::Nothing, now_ns);
        }
        self.leave_phase(now_ns);
        if now_ns >= self.sampled_ns + SAMPLE_NS {
            self.sample(now_ns);
        }
    }

    fn leave_phase(&mut self, now_ns: u64) {
        let exhausted = self.load.is_exhausted();
        let late = now_ns >= self.until_ns;
        match self.phase {
            Phase::Preconditioning if exhausted => self.wait(now_ns),
            Phase::Waiting if self.gate.is_open() => self.warm_up(now_ns),
            Phase::WarmingUp if late => self.end_warm_up(now_ns),
            Phase::Measuring if late || exhausted => self.enter(Phase::Draining, Source::Nothing, now_ns),
            Phase::Draining if exhausted => self.read_back(now_ns),
            // Nobody waits for a connection only to stop.
            _ if self.stopped && self.link.is_down() => self.finish(now_ns),
            Phase::ReadingBack if exhausted => self.finish(now_ns),
            _ => {}
        }
    }

    /// Ends a phase with a sample and begins another.
    fn enter(&mut self, phase: Phase, source: Source, now_ns: u64) {
        self.sample(now_ns);
        self.phase = phase;
        self.load.source = source;
    }

    fn sweep(&self, op: AccessOp) -> Source {
        Source::Sweep(Sweep::new(op, self.region, self.load.geometry.sweep_blocks()))
    }

    fn begin(&mut self, now_ns: u64) {
        if self.job.verify.is_some_and(|verify| verify.precondition) {
            self.enter(Phase::Preconditioning, self.sweep(AccessOp::Write), now_ns);
        } else {
            self.wait(now_ns);
        }
    }

    fn wait(&mut self, now_ns: u64) {
        self.enter(Phase::Waiting, Source::Nothing, now_ns);
        self.gate.arrive();
    }

    fn warm_up(&mut self, now_ns: u64) {
        self.until_ns = now_ns.saturating_add(nanos(self.job.warm_up));
        self.enter(Phase::WarmingUp, Source::Pattern { left: u64::MAX }, now_ns);
        if self.job.warm_up.is_zero() {
            self.measure(now_ns);
        }
    }

    /// A job with a number of I/Os counts from an empty queue, one with a time from a full one.
    fn end_warm_up(&mut self, now_ns: u64) {
        if self.job.io_count.is_some() {
            self.load.source = Source::Nothing;
            self.link.lanes_mut().iter_mut().for_each(|lane| lane.deferred = None);
        }
        if self.job.io_count.is_none() || self.load.outstanding == 0 {
            self.measure(now_ns);
        }
    }

    fn measure(&mut self, now_ns: u64) {
        let time_ns = self.job.run_time.map_or(u64::MAX, nanos);
        self.until_ns = now_ns.saturating_add(time_ns);
        let left = self.job.io_count.unwrap_or(u64::MAX);
        self.enter(Phase::Measuring, Source::Pattern { left }, now_ns);
    }

    fn read_back(&mut self, now_ns: u64) {
        if !self.stopped && self.job.verify.is_some_and(|verify| verify.read_back) {
            self.enter(Phase::ReadingBack, self.sweep(AccessOp::Read), now_ns);
        } else {
            self.finish(now_ns);
        }
    }

    fn finish(&mut self, now_ns: u64) {
        let outcome = match (self.load.counters.blocks_wrong, self.stopped) {
            (0, false) => Outcome::Completed,
            (0, true) => Outcome::Stopped,
            _ => Outcome::VerifyFailed,
        };
        self.end(outcome, now_ns);
    }

    /// Ends the job; one that has not arrived at the gate takes the others with it.
    fn fail(&mut self, reason: String, now_ns: u64) {
        if !self.gate.is_open() {
            self.gate.abort();
        }
        self.end(Outcome::Failed(reason), now_ns);
    }

    fn end(&mut self, outcome: Outcome, now_ns: u64) {
        self.enter(Phase::Done, Source::Nothing, now_ns);
        self.outbox.send(Update::Done { job: self.outbox.job, outcome });
    }

    fn sample(&mut self, now_ns: u64) {
        let span_ns = now_ns - self.sampled_ns;
        self.sampled_ns = now_ns;
        let tally: Box<Tally> = std::mem::replace(&mut self.load.tally, self.outbox.spare());
        let (counters, wrong) = (self.load.counters, std::mem::take(&mut self.load.wrong));
        let (job, phase) = (self.outbox.job, self.phase);
        self.outbox.send(Update::Sample(Sample { job, phase, span_ns, tally, counters, wrong }));
    }
}

fn load(job: &JobSpec, geometry: Geometry, region: Region) -> Load {
    let pacer = job.rate_iops.map(Pacer::new);
    let table = job.verify.map(|verify| Expectations::new(region, stamp_seed(), initial(verify)));
    let strict = job.verify.is_some_and(|verify| verify.strict_trim);
    Load::new(geometry, pacer, table, if strict { Change::Zero } else { Change::MayZero })
}

/// What this run of this job stamps its blocks with. Never the same twice: a block that an earlier run or another job
/// wrote with equal LBA and generation must not pass as ours.
fn stamp_seed() -> u64 {
    let (high, low) = Uuid::new_v4().as_u64_pair();
    mix(high ^ mix(low))
}

fn initial(verify: VerifySpec) -> Initial {
    if verify.used { Initial::Anything } else { Initial::Zeroes }
}

/// One lane per connection; sequential walks begin evenly spread.
fn lanes(job: &JobSpec, geometry: &Geometry, region: Region) -> Result<Vec<Lane>, GeometryError> {
    let sizes = geometry.sizes(job)?;
    let largest = sizes.iter().map(|size| size.0).max().unwrap_or(1).max(geometry.sweep_blocks());
    let largest = if job.verify.is_some() { largest } else { 0 };
    let connections = u64::from(job.connections);
    let lane = |i| {
        let start = region.part(i, connections).first - region.first;
        let plan = Plan { region, pattern: job.pattern, ops: job.ops, sizes: sizes.clone(), start };
        let generator = Generator::new(&plan, mix(job.seed ^ mix(i)));
        Lane::new(job.queue_depth, generator, largest, geometry.block_bytes)
    };
    Ok((0..connections).map(lane).collect())
}
