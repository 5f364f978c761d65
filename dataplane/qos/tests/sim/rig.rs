//! Scheduler, device and load in one loop over virtual time, as the reactor runs them.

use sluice_device::random::Random;
use sluice_qos::{
    AppIndex, Config, DeviceProfile, Event, Io, Kind, Nanos, Placement, Qos, QosSpec, Scheduler, Tag,
    VolumeQos, WriteFactor,
};

use crate::device::{Device, Model};

pub(crate) const US: u64 = 1000;
pub(crate) const MS: u64 = 1000 * US;
pub(crate) const S: u64 = 1000 * MS;

pub(crate) const SLOTS: u32 = 1 << 16;

/// Keeps a number of I/Os outstanding.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) tag: Tag,
    pub(crate) depth: u32,
    pub(crate) bytes: u64,
    /// Writes among a thousand I/Os.
    pub(crate) write_permille: u32,
    /// When it runs.
    pub(crate) active: (u64, u64),
}

impl Load {
    pub(crate) fn new(tag: Tag, depth: u32, bytes: u64, write_permille: u32) -> Self {
        Self { tag, depth, bytes, write_permille, active: (0, u64::MAX) }
    }

    pub(crate) fn between(self, from: u64, to: u64) -> Self {
        Self { active: (from, to), ..self }
    }
}

struct Source {
    load: Load,
    outstanding: u32,
    latencies: Vec<(u64, u64)>,
}

/// An I/O that went to the device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) at: u64,
    pub(crate) app: AppIndex,
    pub(crate) tag: Tag,
    pub(crate) units: u64,
    pub(crate) cost: u64,
}

#[derive(Clone, Copy)]
struct Request {
    source: usize,
    kind: Kind,
    bytes: u64,
    issued: u64,
    sent: u64,
}

pub(crate) struct Rig {
    pub(crate) scheduler: Scheduler,
    pub(crate) now: u64,
    pub(crate) sent: Vec<Sent>,
    pub(crate) events: Vec<(u64, Event)>,
    /// Longest time any I/O waited before it was sent.
    pub(crate) longest_hold_ns: u64,
    device: Device,
    sources: Vec<Source>,
    free: Vec<u32>,
    requests: Vec<Option<Request>>,
    random: Random,
}

/// What calibration would say of a model: its dies over its time per part.
pub(crate) fn profile(model: &Model) -> DeviceProfile {
    let per_s = |ns: u64| model.dies as u64 * S / ns;
    let mixed_ns = (model.read_ns * 700 + model.write_ns * 300) / 1000;
    DeviceProfile {
        read_4k: Nanos(model.read_ns),
        read_128k: Nanos(model.read_ns),
        write_4k: Nanos(model.write_ns),
        write_128k: Nanos(model.write_ns),
        worst_iops: per_s(mixed_ns),
        worst_cost_per_s: per_s(model.read_ns) * 2560,
        write_factor: WriteFactor::from_sixteenths(
            u32::try_from(model.write_ns * 16 / model.read_ns).unwrap(),
        ),
    }
}

pub(crate) fn config(model: &Model) -> Config {
    Config::new(SLOTS, 1024, Some(profile(model)))
}

pub(crate) fn qos(min_iops: u32, max_iops: Option<u32>, weight: u16) -> Qos {
    Qos::new(QosSpec { min_iops, max_iops, weight, ..QosSpec::default() }).unwrap()
}

impl Rig {
    pub(crate) fn new(model: Model, seed: u64) -> Self {
        Self::with(model, config(&model), seed)
    }

    pub(crate) fn with(model: Model, config: Config, seed: u64) -> Self {
        Self {
            scheduler: Scheduler::new(Nanos::ZERO, config),
            now: 0,
            sent: Vec::new(),
            events: Vec::new(),
            longest_hold_ns: 0,
            device: Device::new(model, SLOTS, seed),
            sources: Vec::new(),
            free: (0..SLOTS).rev().collect(),
            requests: vec![None; SLOTS as usize],
            random: Random::new(seed ^ 0x5eed),
        }
    }

    /// An application with one volume.
    pub(crate) fn app(&mut self, qos: Qos) -> (AppIndex, Tag) {
        let app = self.scheduler.add_app(Nanos(self.now), qos).unwrap();
        (app, self.volume(app))
    }

    pub(crate) fn volume(&mut self, app: AppIndex) -> Tag {
        self.volume_with(app, VolumeQos::default())
    }

    pub(crate) fn volume_with(&mut self, app: AppIndex, qos: VolumeQos) -> Tag {
        self.scheduler.add_volume(Nanos(self.now), app, qos).unwrap()
    }

    /// Adds a load; its number is what latencies are asked for by.
    pub(crate) fn load(&mut self, load: Load) -> usize {
        self.sources.push(Source { load, outstanding: 0, latencies: Vec::new() });
        self.sources.len() - 1
    }

    /// Runs for so long.
    pub(crate) fn run(&mut self, ns: u64) {
        let end = self.now + ns;
        while self.now < end {
            self.round();
            let deadline = self.scheduler.next_deadline(Nanos(self.now)).map(|at| at.0);
            let device = self.device.next().map(|at| at.0);
            let sources = self.sources.iter().filter_map(|source| source.wakes(self.now)).min();
            let next = [deadline, device, sources].into_iter().flatten().min().unwrap_or(end);
            // A reactor's round takes a microsecond.
            self.now = next.max(self.now + US).min(end);
        }
    }

    fn round(&mut self) {
        let now = Nanos(self.now);
        while let Some(slot) = self.device.poll(now) {
            self.complete(slot);
        }
        for source in 0..self.sources.len() {
            while self.sources[source].wants(self.now) {
                self.issue(source);
            }
        }
        let mut batch = [0; 64];
        loop {
            let count = self.scheduler.dispatch(now, &mut batch);
            batch[..count].iter().for_each(|slot| self.submit(*slot));
            if count < batch.len() {
                break;
            }
        }
        while let Some(event) = self.scheduler.poll_event() {
            self.events.push((self.now, event));
        }
    }

    fn issue(&mut self, source: usize) {
        let slot = self.free.pop().expect("a slot for every I/O");
        let load = self.sources[source].load.clone();
        let write = self.random.chance(load.write_permille);
        let kind = if write { Kind::Write } else { Kind::Read };
        let request = Request { source, kind, bytes: load.bytes, issued: self.now, sent: 0 };
        self.requests[slot as usize] = Some(request);
        let state = &mut self.sources[source];
        state.outstanding += 1;
        let io = Io { slot, tag: load.tag, kind, bytes: load.bytes };
        if self.scheduler.enqueue(Nanos(self.now), io) == Placement::Go {
            self.submit(slot);
        }
    }

    fn submit(&mut self, slot: u32) {
        let request = self.requests[slot as usize].as_mut().expect("dispatched slots are in use");
        request.sent = self.now;
        self.longest_hold_ns = self.longest_hold_ns.max(self.now - request.issued);
        let Request { source, kind, bytes, .. } = *request;
        let tag = self.sources[source].load.tag;
        let app = self.scheduler.app_of(tag).unwrap();
        let factor = self.scheduler.device().governor.write_factor;
        let cost = u64::from(sluice_qos::CostTable::default().cost(kind, bytes, factor));
        let units = u64::from(sluice_qos::UnitTable::default().units(kind, bytes));
        self.sent.push(Sent { at: self.now, app, tag, units, cost });
        self.device.submit(Nanos(self.now), slot, kind, bytes);
    }

    fn complete(&mut self, slot: u32) {
        let request = self.requests[slot as usize].take().expect("completed slots are in use");
        self.scheduler.complete(Nanos(self.now), slot);
        let source = &mut self.sources[request.source];
        source.outstanding -= 1;
        source.latencies.push((self.now, self.now - request.issued));
        self.free.push(slot);
    }

    /// Time that all dies together have worked.
    pub(crate) fn busy_ns(&self) -> u64 {
        self.device.busy_ns
    }

    /// Units sent for an application in a span.
    pub(crate) fn units(&self, app: AppIndex, from: u64, to: u64) -> u64 {
        let within = self.sent.iter().filter(|sent| sent.app == app && (from..to).contains(&sent.at));
        within.map(|sent| sent.units).sum()
    }

    /// Units per second of an application in a span.
    pub(crate) fn iops(&self, app: AppIndex, from: u64, to: u64) -> u64 {
        self.units(app, from, to) * S / (to - from)
    }

    /// Cost sent for an application in a span.
    pub(crate) fn cost(&self, app: AppIndex, from: u64, to: u64) -> u64 {
        let within = self.sent.iter().filter(|sent| sent.app == app && (from..to).contains(&sent.at));
        within.map(|sent| sent.cost).sum()
    }

    /// The latency that so many of a thousand I/Os of a load did not exceed, among those done in a span.
    pub(crate) fn latency(&self, source: usize, permille: usize, from: u64, to: u64) -> u64 {
        let all = self.sources[source].latencies.iter().filter(|(at, _)| (from..to).contains(at));
        let mut latencies: Vec<u64> = all.map(|(_, latency)| *latency).collect();
        latencies.sort_unstable();
        latencies[(latencies.len() * permille / 1000).min(latencies.len() - 1)]
    }
}

impl Source {
    fn wants(&self, now: u64) -> bool {
        (self.load.active.0..self.load.active.1).contains(&now) && self.outstanding < self.load.depth
    }

    fn wakes(&self, now: u64) -> Option<u64> {
        Some(self.load.active.0).filter(|at| *at > now)
    }
}

/// The seeds to run: `SLUICE_SEED` alone, or a few.
pub(crate) fn seeds(few: u64) -> Vec<u64> {
    match std::env::var("SLUICE_SEED") {
        Ok(seed) => vec![seed.parse().expect("SLUICE_SEED is a number")],
        Err(_) => (1..=few).collect(),
    }
}
