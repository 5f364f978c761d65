//! Finds out what a device does, before anything is promised on it.
//!
//! Six steps: reads and writes of 4 and of 128 KiB one at a time, for the latencies of the unloaded device; then random
//! I/O of a whole unit as deep as the queue goes, reads only for the capacity in cost, and 70 % reads for the worst
//! rate that is promised from. Writes go to the region that the caller gives: run it on a pool before it has volumes.
//! A fresh drive flatters itself; the plan's warm-up is what wears its cache out.

use sluice_device::Nanos;

use crate::governor::{DeviceProfile, ProfileError};
use crate::model::{CostTable, Kind, WriteFactor};

/// The size of a unit, 16 KiB: what one unit's worst I/O is.
const UNIT_BYTES: u32 = 16_384;
/// Writes among a thousand I/Os of the worst mix.
const WORST_WRITES_PERMILLE: u64 = 300;

/// What is being measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalibrationStep {
    /// One I/O at a time.
    Latency {
        /// Reads or writes.
        kind: Kind,
        /// Of so many bytes.
        bytes: u32,
    },
    /// Reads of 16 KiB, as deep as the queue goes.
    Reads,
    /// 70 % reads, 30 % writes of 16 KiB, as deep as the queue goes.
    Worst,
}

/// An I/O to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CalibrationIo {
    /// Read or Write.
    pub kind: Kind,
    /// How much.
    pub bytes: u32,
    /// Where: a fraction of the region, in 2^-64, to be rounded to the I/O's own size.
    pub place: u64,
}

/// The machine: ask for I/Os, hand back their completions, take the profile.
#[derive(Debug)]
pub struct Calibration {
    depth: u32,
    warm_up: Nanos,
    time: Nanos,
    step: usize,
    /// When the step began; a step of depth counts from the end of its warm-up.
    since: Nanos,
    in_flight: u32,
    /// Its last I/Os are waited for, so that they do not disturb the next step.
    over: bool,
    /// I/Os that count, and the sum of their latencies, or the time they took together.
    counted: u64,
    counted_ns: u64,
    random: u64,
    results: [u64; STEPS.len()],
}

const STEPS: [CalibrationStep; 6] = [
    CalibrationStep::Latency { kind: Kind::Read, bytes: 4096 },
    CalibrationStep::Latency { kind: Kind::Read, bytes: 131_072 },
    CalibrationStep::Latency { kind: Kind::Write, bytes: 4096 },
    CalibrationStep::Latency { kind: Kind::Write, bytes: 131_072 },
    CalibrationStep::Reads,
    CalibrationStep::Worst,
];

/// One-at-a-time I/Os per step.
const SAMPLES: u64 = 200;

impl Calibration {
    /// For a device that takes `depth` I/Os at once. The two steps of depth run for `warm_up`, which does not count,
    /// and then for `time`, each; a drive whose cache must be worn out wants minutes of warm-up.
    #[must_use]
    pub fn new(now: Nanos, depth: u32, warm_up: Nanos, time: Nanos) -> Self {
        Self {
            depth,
            warm_up,
            time,
            step: 0,
            since: now,
            in_flight: 0,
            over: false,
            counted: 0,
            counted_ns: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            results: [0; STEPS.len()],
        }
    }

    /// What is being measured; `None`: all is.
    #[must_use]
    pub fn step(&self) -> Option<CalibrationStep> {
        STEPS.get(self.step).copied()
    }

    /// The next I/O to submit; ask until there is none, and again after each completion.
    pub fn next_io(&mut self) -> Option<CalibrationIo> {
        let step = self.step()?;
        let depth = if matches!(step, CalibrationStep::Latency { .. }) { 1 } else { self.depth };
        if self.in_flight >= depth || self.over {
            return None;
        }
        self.in_flight += 1;
        let place = self.draw();
        let (kind, bytes) = match step {
            CalibrationStep::Latency { kind, bytes } => (kind, bytes),
            CalibrationStep::Reads => (Kind::Read, UNIT_BYTES),
            CalibrationStep::Worst => (self.draw_kind(), UNIT_BYTES),
        };
        Some(CalibrationIo { kind, bytes, place })
    }

    /// One of them has completed.
    pub fn completed(&mut self, now: Nanos, latency: Nanos) {
        self.in_flight -= 1;
        match self.step() {
            Some(CalibrationStep::Latency { .. }) => {
                self.counted += 1;
                self.counted_ns += latency.0;
                self.over = self.counted >= SAMPLES;
            }
            Some(_) => self.count_at_depth(now),
            None => {}
        }
        if self.over && self.in_flight == 0 {
            self.end_step(now);
        }
    }

    fn count_at_depth(&mut self, now: Nanos) {
        let elapsed_ns = now.0.saturating_sub(self.since.0);
        let Some(counted_ns) = elapsed_ns.checked_sub(self.warm_up.0) else { return };
        if !self.over {
            self.counted += 1;
            self.counted_ns = counted_ns;
            self.over = counted_ns >= self.time.0;
        }
    }

    fn end_step(&mut self, now: Nanos) {
        let latency = matches!(self.step(), Some(CalibrationStep::Latency { .. }));
        self.results[self.step] = if latency {
            self.counted_ns / self.counted.max(1)
        } else {
            self.counted.saturating_mul(1_000_000_000) / self.counted_ns.max(1)
        };
        self.step += 1;
        (self.since, self.over, self.counted, self.counted_ns) = (now, false, 0, 0);
    }

    /// What was found, once [`step`](Self::step) is `None`.
    ///
    /// # Errors
    /// [`ProfileError`] if it cannot be true.
    ///
    /// # Panics
    /// If steps are left.
    pub fn profile(&self, costs: &CostTable) -> Result<DeviceProfile, ProfileError> {
        assert!(self.step().is_none(), "calibration is not done");
        let [read_4k, read_128k, write_4k, write_128k, reads_per_s, worst_iops] = self.results;
        let read_cost = u64::from(costs.cost(Kind::Read, UNIT_BYTES.into(), WriteFactor::LEAST));
        let profile = DeviceProfile {
            read_4k: Nanos(read_4k),
            read_128k: Nanos(read_128k),
            write_4k: Nanos(write_4k),
            write_128k: Nanos(write_128k),
            worst_iops,
            worst_cost_per_s: reads_per_s.saturating_mul(read_cost),
            write_factor: write_factor(reads_per_s, worst_iops),
        };
        profile.check().map(|()| profile)
    }

    /// SplitMix64: places need to be scattered, not secret.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn draw_kind(&mut self) -> Kind {
        if self.draw() % 1000 < WORST_WRITES_PERMILLE { Kind::Write } else { Kind::Read }
    }
}

/// What a write must cost, in reads, for the two rates to be the same capacity.
fn write_factor(reads_per_s: u64, mixed_per_s: u64) -> WriteFactor {
    let reads = reads_per_s.saturating_mul(1000) / mixed_per_s.max(1);
    let writes = reads.saturating_sub(1000 - WORST_WRITES_PERMILLE);
    WriteFactor::from_sixteenths(u32::try_from(writes * 16 / WORST_WRITES_PERMILLE).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod test {
    use super::*;

    const US: u64 = 1000;

    /// A device that does `width` I/Os at once, each in a time of its own: reads 100 us, writes four times that.
    fn run(width: u32, latency: impl Fn(CalibrationIo) -> u64) -> Calibration {
        let mut now = Nanos(5);
        let mut calibration = Calibration::new(now, width, Nanos(10_000 * US), Nanos(100_000 * US));
        let mut pending: Vec<(Nanos, Nanos)> = Vec::new();
        while calibration.step().is_some() {
            while let Some(io) = calibration.next_io() {
                let latency = Nanos(latency(io));
                pending.push((now + latency, latency));
            }
            pending.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            let (at, latency) = pending.pop().expect("a step that is not over has I/O");
            now = at;
            calibration.completed(now, latency);
        }
        calibration
    }

    fn four_times(io: CalibrationIo) -> u64 {
        let factor = if io.kind == Kind::Write { 4 } else { 1 };
        100 * US * factor * u64::from(io.bytes).div_ceil(16_384)
    }

    #[test]
    fn a_device_is_what_it_is() {
        let profile = run(8, four_times).profile(&CostTable::default()).unwrap();
        assert_eq!((profile.read_4k.0, profile.read_128k.0), (100 * US, 800 * US));
        assert_eq!((profile.write_4k.0, profile.write_128k.0), (400 * US, 3200 * US));
        // 8 at once: 80,000 reads/s; 70:30 takes 1.9 reads' time on average.
        assert!(profile.worst_iops.abs_diff(42_105) < 1200, "{}", profile.worst_iops);
        assert!(profile.worst_cost_per_s.abs_diff(80_000 * 2560) < 4_000_000, "{}", profile.worst_cost_per_s);
        assert!(profile.write_factor.sixteenths().abs_diff(64) <= 4, "{:?}", profile.write_factor);
    }

    #[test]
    fn a_device_that_does_nothing_in_no_time_is_not_believed() {
        let result = run(8, |_| 100).profile(&CostTable::default());
        assert_eq!(result, Err(ProfileError::Latency { what: "a read of 4 KiB", latency: Nanos(100) }));
    }

    #[test]
    fn places_are_all_over_the_region() {
        let mut calibration = Calibration::new(Nanos::ZERO, 1000, Nanos(1), Nanos(1));
        calibration.step = 4;
        let places: Vec<u64> =
            std::iter::from_fn(|| calibration.next_io()).map(|io| io.place >> 60).collect();
        assert_eq!(places.len(), 1000);
        assert!((0..16).all(|part| places.contains(&part)));
    }

    #[test]
    #[should_panic(expected = "not done")]
    fn half_a_calibration_has_no_profile() {
        let _ = Calibration::new(Nanos::ZERO, 1, Nanos(1), Nanos(1)).profile(&CostTable::default());
    }
}
