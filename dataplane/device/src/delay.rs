//! A layer: completions come later, on the caller's clock.
//!
//! Each completion of the device below is held back for a base delay and a random part of the spread, so that with
//! a spread they also change their order.

use std::os::fd::BorrowedFd;

use crate::random::Random;
use crate::{BlockDevice, Completion, DeviceInfo, Nanos, Request};

/// How long to hold completions back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DelayOptions {
    /// At least this long.
    pub base: Nanos,
    /// And up to this much longer.
    pub spread: Nanos,
    /// Repeats the random parts.
    pub seed: u64,
}

/// The layer over `D`.
#[derive(Debug)]
pub struct DelayDevice<D> {
    inner: D,
    options: DelayOptions,
    random: Random,
    held: Vec<(Nanos, Completion)>,
}

/// Completions taken from below at a time.
const BATCH: usize = 16;

impl<D: BlockDevice> DelayDevice<D> {
    /// Slows `inner` down.
    pub fn new(inner: D, options: DelayOptions) -> Self {
        let held = Vec::with_capacity(inner.info().queue_depth as usize);
        Self { inner, options, random: Random::new(options.seed), held }
    }

    /// Starts the delay of what is done below.
    fn collect(&mut self, now: Nanos) {
        let mut batch = [(); BATCH].map(|()| Completion::default());
        loop {
            let count = self.inner.poll(now, &mut batch);
            for completion in &mut batch[..count] {
                let extra = self.random.below(self.options.spread.0.saturating_add(1));
                let due = now + self.options.base + Nanos(extra);
                self.held.push((due, std::mem::take(completion)));
            }
            if count < BATCH {
                return;
            }
        }
    }

    /// The completion that is due first.
    fn earliest(&self) -> Option<(usize, Nanos)> {
        let dues = self.held.iter().enumerate().map(|(at, (due, _))| (at, *due));
        dues.min_by_key(|(_, due)| *due)
    }
}

impl<D: BlockDevice> BlockDevice for DelayDevice<D> {
    fn info(&self) -> &DeviceInfo {
        self.inner.info()
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        let room = self.info().queue_depth as usize - self.in_flight();
        let offered = requests.len().min(room);
        let accepted = self.inner.submit(now, &mut requests[..offered]);
        self.collect(now);
        accepted
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        self.collect(now);
        let mut count = 0;
        while count < completions.len() {
            match self.earliest() {
                Some((at, due)) if due <= now => completions[count] = self.held.swap_remove(at).1,
                _ => break,
            }
            count += 1;
        }
        count
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight() + self.held.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        let own = self.earliest().map(|(_, due)| due);
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

    fn device(base: u64, spread: u64) -> DelayDevice<NullDevice> {
        let options = DelayOptions { base: Nanos(base), spread: Nanos(spread), seed: 3 };
        DelayDevice::new(
            NullDevice::new("n", &NullOptions { queue_depth: 32, ..NullOptions::default() }),
            options,
        )
    }

    fn requests(count: u32) -> Vec<Request> {
        (0..count).map(|tag| Request { tag, ..Request::default() }).collect()
    }

    #[test]
    fn a_completion_comes_when_it_is_due_and_not_before() {
        let mut device = device(100, 0);
        let mut completion = [Completion::default()];
        assert_eq!(device.submit(Nanos(5), &mut requests(1)), 1);
        assert_eq!((device.next_deadline(), device.in_flight(), device.arm()), (Some(Nanos(105)), 1, true));
        assert_eq!(device.poll(Nanos(104), &mut completion), 0);
        assert_eq!(device.poll(Nanos(105), &mut completion), 1);
        assert_eq!((device.next_deadline(), device.in_flight()), (None, 0));
    }

    #[test]
    fn a_spread_changes_the_order() {
        let mut device = device(100, 1000);
        assert_eq!(device.submit(Nanos::ZERO, &mut requests(33)), 32);
        let mut completions = [(); 33].map(|()| Completion::default());
        assert_eq!(device.poll(Nanos(99), &mut completions), 0);
        assert_eq!(device.poll(Nanos(1100), &mut completions), 32);
        let mut tags: Vec<u32> = completions[..32].iter().map(|completion| completion.tag).collect();
        assert!(!tags.is_sorted());
        tags.sort_unstable();
        assert_eq!(tags, (0..32).collect::<Vec<_>>());
    }
}
