//! A layer: a flash drive's time, on the caller's clock.
//!
//! The model: a number of dies that work at once. An I/O is cut into parts of 16 KiB; each takes the die that is free
//! first, for its direction's time and a random part of the spread. After so many parts written the drive collects
//! garbage: every die stops for a while. What is sent beyond the dies waits in the drive, where no scheduler reaches it;
//! that is what makes it behave like a drive.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::os::fd::BorrowedFd;

use crate::random::Random;
use crate::{BlockDevice, Completion, DeviceInfo, Nanos, Op, Request};

/// What one die works on at a time.
const PART_BYTES: u64 = 16 << 10;

/// What the drive is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SsdOptions {
    /// How many parts are worked on at once, at least 1.
    pub dies: u32,
    /// What a part read takes.
    pub read: Nanos,
    /// What a part written takes.
    pub write: Nanos,
    /// Every part takes up to so many thousandths longer.
    pub spread_permille: u64,
    /// Parts written between two collections of garbage; 0: none is collected.
    pub garbage_parts: u64,
    /// What a collection takes.
    pub garbage: Nanos,
    /// Repeats the random parts.
    pub seed: u64,
}

impl Default for SsdOptions {
    /// 16 dies, 160 us to read a part and 400 us to write one, 20 % spread, no garbage: 100,000 reads or 40,000 writes
    /// of up to 16 KiB a second, which one core can drive.
    fn default() -> Self {
        Self {
            dies: 16,
            read: Nanos(160_000),
            write: Nanos(400_000),
            spread_permille: 200,
            garbage_parts: 0,
            garbage: Nanos::ZERO,
            seed: 1,
        }
    }
}

/// The layer over `D`, which should take no time of its own.
#[derive(Debug)]
pub struct SsdDevice<D> {
    inner: D,
    options: SsdOptions,
    random: Random,
    /// When each die is free.
    dies: BinaryHeap<Reverse<Nanos>>,
    written_parts: u64,
    /// When requests that the device below has are done, by tag; several may have the same.
    due: Vec<(u32, Nanos)>,
    /// Done below, by the time at which they are done here; the number tells equal times apart.
    held: BTreeMap<(Nanos, u64), Completion>,
    taken: u64,
}

/// Completions taken from below at a time.
const BATCH: usize = 16;

impl<D: BlockDevice> SsdDevice<D> {
    /// Gives `inner` a drive's time.
    ///
    /// # Panics
    /// If there is no die.
    pub fn new(inner: D, options: SsdOptions) -> Self {
        assert!(options.dies > 0, "a drive has at least one die");
        Self {
            dies: (0..options.dies).map(|_| Reverse(Nanos::ZERO)).collect(),
            due: Vec::with_capacity(inner.info().queue_depth as usize),
            random: Random::new(options.seed),
            inner,
            options,
            written_parts: 0,
            held: BTreeMap::new(),
            taken: 0,
        }
    }

    /// Works on a request: when it is done.
    fn work(&mut self, now: Nanos, op: Op, bytes: u64) -> Nanos {
        let part = match op {
            Op::Read => self.options.read,
            Op::Write { .. } => self.options.write,
            // The drive's own tables: no die is busy with it.
            Op::WriteZeroes { .. } | Op::Deallocate | Op::Flush => return now + self.options.read,
        };
        let parts = bytes.div_ceil(PART_BYTES).max(1);
        let mut done = now;
        for _ in 0..parts {
            let Reverse(free) = self.dies.pop().expect("a drive has at least one die");
            let spread = part.0 * self.random.below(self.options.spread_permille + 1) / 1000;
            let end = free.max(now) + part + Nanos(spread);
            self.dies.push(Reverse(end));
            done = done.max(end);
        }
        if matches!(op, Op::Write { .. }) {
            self.collect_garbage(now, parts);
        }
        done
    }

    fn collect_garbage(&mut self, now: Nanos, parts: u64) {
        self.written_parts += parts;
        if self.options.garbage_parts == 0 || self.written_parts < self.options.garbage_parts {
            return;
        }
        self.written_parts = 0;
        let stopped = |Reverse(free): Reverse<Nanos>| Reverse(free.max(now) + self.options.garbage);
        self.dies = std::mem::take(&mut self.dies).into_iter().map(stopped).collect();
    }

    /// Takes what is done below, to be held until it is due.
    fn collect(&mut self, now: Nanos) {
        let mut batch = [(); BATCH].map(|()| Completion::default());
        loop {
            let count = self.inner.poll(now, &mut batch);
            for completion in &mut batch[..count] {
                let at = self.due.iter().position(|(tag, _)| *tag == completion.tag);
                let (_, due) = self.due.swap_remove(at.expect("it was submitted here"));
                self.held.insert((due, self.taken), std::mem::take(completion));
                self.taken += 1;
            }
            if count < BATCH {
                return;
            }
        }
    }
}

impl<D: BlockDevice> BlockDevice for SsdDevice<D> {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        let room = self.info().queue_depth as usize - self.in_flight();
        let offered = requests.len().min(room);
        let accepted = self.inner.submit(now, &mut requests[..offered]);
        let block_size = u64::from(self.info().block_size);
        for request in &requests[..accepted] {
            let due = self.work(now, request.op, u64::from(request.blocks) * block_size);
            self.due.push((request.tag, due));
        }
        self.collect(now);
        accepted
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        self.collect(now);
        let mut count = 0;
        while count < completions.len()
            && let Some(first) = self.held.first_entry().filter(|entry| entry.key().0 <= now)
        {
            completions[count] = first.remove();
            count += 1;
        }
        count
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight() + self.held.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        let own = self.held.first_key_value().map(|((due, _), _)| *due);
        [own, self.inner.next_deadline()].into_iter().flatten().min()
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inner.wake_fd()
    }

    /// What is held here is no reason to stay awake: [`next_deadline`](Self::next_deadline) tells when it is due.
    fn arm(&mut self) -> bool {
        self.inner.arm()
    }

    fn disarm(&mut self) {
        self.inner.disarm();
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::null::{NullDevice, NullOptions};

    const READ: Nanos = Nanos(100);

    fn device(garbage_parts: u64) -> SsdDevice<NullDevice> {
        let options = SsdOptions {
            dies: 2,
            read: READ,
            write: Nanos(300),
            spread_permille: 0,
            garbage_parts,
            garbage: Nanos(1000),
            seed: 1,
        };
        SsdDevice::new(
            NullDevice::new("n", &NullOptions { queue_depth: 32, ..NullOptions::default() }),
            options,
        )
    }

    /// When requests of so many 4 KiB blocks, submitted together at 0, complete.
    fn ends(device: &mut SsdDevice<NullDevice>, op: Op, blocks: &[u32]) -> Vec<u64> {
        let request = |(tag, blocks): (u32, &u32)| Request { tag, op, blocks: *blocks, ..Request::default() };
        let mut requests: Vec<Request> = (0..).zip(blocks).map(request).collect();
        // The null device wants no buffer; the layer looks at nothing but length and operation.
        assert_eq!(device.submit(Nanos::ZERO, &mut requests), blocks.len());
        let mut ends = vec![0; blocks.len()];
        let mut completion = [Completion::default()];
        while let Some(now) = device.next_deadline() {
            while device.poll(now, &mut completion) == 1 {
                ends[completion[0].tag as usize] = now.0;
            }
        }
        ends
    }

    #[test]
    fn dies_work_at_once_and_what_is_more_waits() {
        assert_eq!(ends(&mut device(0), Op::Read, &[1, 1, 1, 4]), [100, 100, 200, 200]);
    }

    #[test]
    fn a_long_io_takes_many_dies() {
        assert_eq!(ends(&mut device(0), Op::Read, &[5]), [100]);
        assert_eq!(ends(&mut device(0), Op::Read, &[9, 1]), [200, 200]);
    }

    #[test]
    fn garbage_stops_every_die() {
        let write = Op::Write { fua: false };
        assert_eq!(ends(&mut device(3), write, &[1, 1, 1, 1]), [300, 300, 600, 1600]);
        assert_eq!(ends(&mut device(0), write, &[1, 1, 1, 1]), [300, 300, 600, 600]);
    }

    #[test]
    fn a_flush_keeps_no_die() {
        let mut device = device(0);
        assert_eq!(ends(&mut device, Op::Flush, &[0, 0, 0]), [100, 100, 100]);
        assert_eq!(device.in_flight(), 0);
    }
}
