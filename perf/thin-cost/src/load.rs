//! Load at a fixed depth, in rounds as a reactor has them.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sluice_device::{Buffer, Completion, Nanos, Op};

use crate::target::{BLOCK_BYTES, Target};

/// One time for all targets, as long as the program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// Everybody's.
    Wall(Instant),
    /// The time that this thread had a core: for devices that never wait, on machines that others use too. It costs a
    /// kernel call.
    Core,
}

impl Clock {
    pub(crate) fn wall() -> Self {
        Self::Wall(Instant::now())
    }

    pub(crate) fn now(self) -> Nanos {
        let time = match self {
            Self::Wall(begun) => begun.elapsed(),
            Self::Core => busy(),
        };
        Nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// When to stop sending.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    After(Duration),
    Ios(u64),
}

/// What a run took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) ios: u64,
    pub(crate) seconds: f64,
    /// Of them, how long this thread had a core: what others take of a shared machine is not in it.
    pub(crate) busy_seconds: f64,
    /// Sorted.
    pub(crate) latencies_ns: Vec<u64>,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn iops(&self) -> f64 {
        self.ios as f64 / self.seconds
    }

    /// I/Os per second that the thread had a core.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn busy_iops(&self) -> f64 {
        self.ios as f64 / self.busy_seconds
    }

    /// Microseconds that so many of a thousand I/Os stay below.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub(crate) fn latency_us(&self, per_mille: usize) -> f64 {
        let last = self.latencies_ns.len().saturating_sub(1);
        self.latencies_ns.get(last * per_mille / 1000).map_or(f64::NAN, |ns| *ns as f64 / 1e3)
    }
}

/// The driver of any target: buffers, and when each I/O began.
#[derive(Debug)]
pub(crate) struct Load {
    clock: Clock,
    buffers: Vec<(u32, Buffer)>,
    begun: Vec<Nanos>,
    completions: Vec<Completion>,
}

impl Load {
    pub(crate) fn new(clock: Clock, buffers: Vec<Buffer>) -> Self {
        let completions = buffers.iter().map(|_| Completion::default()).collect();
        let begun = vec![Nanos::ZERO; buffers.len()];
        Self { clock, buffers: (0..).zip(buffers).collect(), begun, completions }
    }

    /// Sends what `next` says, as its operation and first block, as many at a time as there are buffers.
    pub(crate) fn run<T: Target>(
        &mut self,
        target: &mut T,
        until: Until,
        mut next: impl FnMut() -> (Op, u64),
    ) -> anyhow::Result<Sample> {
        let depth = self.buffers.len();
        let blocks = self.buffers.first().map_or(0, |(_, buffer)| buffer.capacity() / BLOCK_BYTES);
        let mut batch: Vec<T::Io> = Vec::with_capacity(depth);
        let (begun, busy) = (self.clock.now(), self::busy());
        let (end, count) = match until {
            Until::After(time) => (begun + Nanos(u64::try_from(time.as_nanos())?), u64::MAX),
            Until::Ios(count) => (Nanos(u64::MAX), count),
        };
        let (mut sample, mut sent) = (Sample::default(), 0);
        loop {
            let now = self.clock.now();
            let more = now < end;
            while more && sent < count {
                let Some((tag, buffer)) = self.buffers.pop() else { break };
                let (op, block) = next();
                self.begun[tag as usize] = now;
                batch.push(target.io(tag, op, block, blocks, buffer));
                sent += 1;
            }
            let taken = target.submit(now, &mut batch);
            batch.drain(..taken);
            let done = target.poll(now, &mut self.completions);
            let now = if done > 0 { self.clock.now() } else { now };
            for completion in &mut self.completions[..done] {
                completion.result?;
                let buffer = completion.buffer.take().expect("a device hands back what it was given");
                sample.latencies_ns.push(now.0 - self.begun[completion.tag as usize].0);
                self.buffers.push((completion.tag, buffer));
            }
            if (!more || sent == count) && self.buffers.len() == depth {
                break;
            }
        }
        sample.busy_seconds = (self::busy() - busy).as_secs_f64();
        sample.seconds = Duration::from_nanos(self.clock.now().0 - begun.0).as_secs_f64();
        sample.ios = sample.latencies_ns.len() as u64;
        sample.latencies_ns.sort_unstable();
        Ok(sample)
    }
}

/// Time that this thread had a core so far.
fn busy() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
