//! Devices in virtual time.
//!
//! The fault model: a device is a number of dies that work at once. An I/O is cut into parts of 16 KiB; each part takes
//! the next free die for its direction's time, with a spread. On top of that a device may
//! - collapse: from a time to a time every part takes several times as long;
//! - collect garbage: after so many parts written all dies stop for a while, whatever waits.
//!
//! Parts wait in one queue, so a device whose window is not larger than its dies has no queue at all: what an I/O waits
//! beyond its own time is what was sent too much.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use sluice_device::Nanos;
use sluice_device::random::Random;
use sluice_qos::Kind;

const PART_BYTES: u64 = 16_384;

/// What a device is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model {
    pub(crate) dies: usize,
    pub(crate) read_ns: u64,
    pub(crate) write_ns: u64,
    /// Each part takes up to so many thousandths longer.
    pub(crate) spread_permille: u64,
    /// From, to, and how many times as long.
    pub(crate) collapse: Option<(Nanos, Nanos, u64)>,
    /// Parts written between two collections, and how long one takes.
    pub(crate) garbage: Option<(u64, u64)>,
}

impl Model {
    /// 32 dies, 80 us reads, writes at the same speed: 400,000 units a second of anything.
    pub(crate) const CONSTANT: Self = Self {
        dies: 32,
        read_ns: 80_000,
        write_ns: 80_000,
        spread_permille: 50,
        collapse: None,
        garbage: None,
    };

    /// 16 dies, writes 400 us and reads 160, a spread of a fifth: as the `ssd` device of the real path.
    pub(crate) const SMALL: Self =
        Self { dies: 16, read_ns: 160_000, write_ns: 400_000, spread_permille: 200, ..Self::CONSTANT };

    /// Writes take four times as long.
    pub(crate) const WRITE_SLOW: Self = Self { write_ns: 320_000, ..Self::CONSTANT };
}

struct Part {
    slot: u32,
    ns: u64,
    write: bool,
}

/// A device at work.
pub(crate) struct Device {
    model: Model,
    random: Random,
    waiting: VecDeque<Part>,
    /// By end.
    working: BinaryHeap<Reverse<(u64, u32)>>,
    /// Parts left of each slot's I/O.
    left: Vec<u32>,
    stopped_until: u64,
    written: u64,
    now: u64,
    /// Time that all dies together have worked.
    pub(crate) busy_ns: u64,
}

impl Device {
    pub(crate) fn new(model: Model, slots: u32, seed: u64) -> Self {
        Self {
            model,
            random: Random::new(seed),
            waiting: VecDeque::new(),
            working: BinaryHeap::new(),
            left: vec![0; slots as usize],
            stopped_until: 0,
            written: 0,
            now: 0,
            busy_ns: 0,
        }
    }

    pub(crate) fn submit(&mut self, now: Nanos, slot: u32, kind: Kind, bytes: u64) {
        self.now = now.0;
        let parts = bytes.div_ceil(PART_BYTES).max(1);
        self.left[slot as usize] = u32::try_from(parts).unwrap();
        let write = kind == Kind::Write;
        for _ in 0..parts {
            let ns = if write { self.model.write_ns } else { self.model.read_ns };
            let ns = ns + ns * self.random.below(self.model.spread_permille + 1) / 1000;
            self.waiting.push_back(Part { slot, ns, write });
        }
        self.start();
    }

    /// When something ends.
    pub(crate) fn next(&self) -> Option<Nanos> {
        self.working.peek().map(|Reverse((at, _))| Nanos(*at))
    }

    /// An I/O that is done by now.
    pub(crate) fn poll(&mut self, now: Nanos) -> Option<u32> {
        while let Some(Reverse((at, slot))) =
            self.working.peek().copied().filter(|Reverse((at, _))| *at <= now.0)
        {
            self.working.pop();
            self.now = at;
            self.start();
            self.left[slot as usize] -= 1;
            if self.left[slot as usize] == 0 {
                return Some(slot);
            }
        }
        None
    }

    fn start(&mut self) {
        while self.working.len() < self.model.dies
            && let Some(part) = self.waiting.pop_front()
        {
            self.collect(part.write);
            let begin = self.now.max(self.stopped_until);
            let slower = match self.model.collapse {
                Some((from, to, times)) if (from.0..to.0).contains(&begin) => times,
                _ => 1,
            };
            self.busy_ns += part.ns * slower;
            self.working.push(Reverse((begin + part.ns * slower, part.slot)));
        }
    }

    fn collect(&mut self, write: bool) {
        let Some((parts, ns)) = self.model.garbage else { return };
        self.written += u64::from(write);
        if self.written >= parts {
            self.written = 0;
            self.stopped_until = self.now + ns;
        }
    }
}
