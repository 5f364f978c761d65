//! The loads.

use std::collections::VecDeque;

use sluice_qos::{
    Config, DeviceProfile, Io, Kind, Nanos, Placement, Qos, QosSpec, Scheduler, Tag, VolumeQos, WriteFactor,
};

/// What the applications are and do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Case {
    /// The loop alone, without a scheduler: what the other cases cost besides.
    Loop,
    /// Nothing waits: every I/O goes at once.
    Pass,
    /// As `pass`, every application with a Min and a Max that it does not reach.
    PassLimits,
    /// All applications have I/O queued; the device is full; weights alone.
    Weights,
    /// As `weights`, and every application with a Min that is met, and a Max.
    Mins,
    /// All are held back by their Max; the device has room.
    Throttled,
}

impl Case {
    pub(crate) const ALL: [Self; 6] =
        [Self::Loop, Self::Pass, Self::PassLimits, Self::Weights, Self::Mins, Self::Throttled];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Pass => "pass",
            Self::PassLimits => "pass-limits",
            Self::Weights => "weights",
            Self::Mins => "mins",
            Self::Throttled => "throttled",
        }
    }

    fn qos(self, apps: u32) -> QosSpec {
        let share = IOPS / apps;
        let free = QosSpec::default();
        match self {
            Self::Loop | Self::Pass | Self::Weights => free,
            Self::PassLimits | Self::Mins => {
                QosSpec { min_iops: share / 2, max_iops: Some((share * 4).min(90_000_000)), ..free }
            }
            Self::Throttled => QosSpec { max_iops: Some(share), ..free },
        }
    }

    fn waits(self) -> bool {
        !matches!(self, Self::Loop | Self::Pass | Self::PassLimits)
    }
}

/// Of the virtual device.
const IOPS: u32 = 10_000_000;
const SERVICE_NS: u64 = 100;
/// I/Os that a round completes and brings.
const BATCH: usize = 32;
const DEPTH: u32 = 64;

/// A closed loop.
pub(crate) struct Load {
    scheduler: Scheduler,
    tags: Vec<Tag>,
    case: Case,
    free: Vec<u32>,
    at_device: VecDeque<u32>,
    now: u64,
    random: u64,
}

impl Load {
    pub(crate) fn new(case: Case, apps: u32) -> Self {
        let slots = if case.waits() { (apps * 8).max(1024) } else { 1024 };
        let latency = Nanos(SERVICE_NS * u64::from(DEPTH));
        let profile = DeviceProfile {
            read_4k: latency,
            read_128k: latency,
            write_4k: latency,
            write_128k: latency,
            worst_iops: u64::from(IOPS),
            worst_cost_per_s: u64::from(IOPS) * 2560,
            write_factor: WriteFactor::LEAST,
        };
        let depth = if case == Case::Throttled { slots } else { DEPTH };
        let config = Config { apps: apps + 1, volumes: apps, ..Config::new(slots, depth, Some(profile)) };
        let mut scheduler = Scheduler::new(Nanos::ZERO, config);
        let qos = Qos::new(case.qos(apps)).expect("in range");
        let tags = (0..apps).map(|_| {
            let app = scheduler.add_app(Nanos::ZERO, qos).expect("half of what is guaranteed");
            scheduler.add_volume(Nanos::ZERO, app, VolumeQos::default()).expect("one each")
        });
        let tags = tags.collect();
        let at_device = VecDeque::with_capacity(slots as usize);
        let free = (0..slots).collect();
        Self { scheduler, tags, case, free, at_device, now: 0, random: 1 }
    }

    /// Runs until so many I/Os have completed, and returns how many have.
    pub(crate) fn run(&mut self, ios: u64) -> u64 {
        let mut done = 0;
        while done < ios {
            done += self.round();
        }
        done
    }

    fn round(&mut self) -> u64 {
        let done = self.complete();
        let arrivals = if self.case.waits() { self.free.len() } else { BATCH };
        for _ in 0..arrivals {
            self.arrive();
        }
        let mut slots = [0; BATCH];
        loop {
            let count = self.scheduler.dispatch(Nanos(self.now), &mut slots);
            self.at_device.extend(&slots[..count]);
            if count < slots.len() {
                return done;
            }
        }
    }

    fn complete(&mut self) -> u64 {
        let count = self.at_device.len().min(BATCH);
        self.now += SERVICE_NS * (count as u64).max(1);
        for _ in 0..count {
            let slot = self.at_device.pop_front().expect("counted");
            if self.case != Case::Loop {
                self.scheduler.complete(Nanos(self.now), slot);
            }
            self.free.push(slot);
        }
        count as u64
    }

    fn arrive(&mut self) {
        let Some(slot) = self.free.pop() else { return };
        // A waiting load keeps each application at its depth; another comes from anywhere.
        let app = if self.case.waits() { slot as usize % self.tags.len() } else { self.draw() };
        let io = Io { slot, tag: self.tags[app], kind: Kind::Read, bytes: 4096 };
        if self.case == Case::Loop || self.scheduler.enqueue(Nanos(self.now), io) == Placement::Go {
            self.at_device.push_back(slot);
        }
    }

    fn draw(&mut self) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).expect("31 bits") % self.tags.len()
    }
}
