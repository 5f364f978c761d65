//! How a job's I/O travels: over one association with its I/O queues, or to a local device. A lost association is made
//! again here, if the job wants that.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::PollFlags;
use sluice_device::Nanos;

use crate::engine::clock::Clock;
use crate::engine::lane::Lane;
use crate::engine::load::{Load, Violation};
use crate::geometry::Geometry;
use crate::host::{Controller, HostError};
use crate::local::{LocalError, LocalQueue};
use crate::num::nanos;
use crate::spec::{JobSpec, ReconnectSpec, Target, TcpTarget};

/// How often keep alive and time-outs are looked at.
const ATTEND_NS: u64 = 5_000_000;
/// Longest single attempt to connect again: other jobs of the thread wait meanwhile.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Why the I/O cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("connection lost: {0}")]
    Lost(HostError),
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// Why a job cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("cannot connect: {0}")]
    Host(#[from] HostError),
    #[error(transparent)]
    Local(#[from] LocalError),
}

/// The way of a job's I/O.
pub(crate) enum Link {
    Local { queue: Box<LocalQueue>, lanes: Vec<Lane> },
    Tcp(Box<TcpLink>),
}

/// An association, or the wish for one.
pub(crate) struct TcpLink {
    job: JobSpec,
    target: TcpTarget,
    controller: Result<Controller, Retry>,
    lanes: Vec<Lane>,
    geometry: Geometry,
    attend_ns: u64,
    timeout_ns: u64,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Retry {
    lost_ns: u64,
    next_ns: u64,
    delay_ns: u64,
}

impl Retry {
    fn new(spec: ReconnectSpec, now_ns: u64) -> Self {
        Self { lost_ns: now_ns, next_ns: now_ns, delay_ns: nanos(spec.first_delay) }
    }

    /// After a failed attempt; `None` if it is time to give up.
    fn again(self, spec: ReconnectSpec, now_ns: u64) -> Option<Self> {
        let next_ns = now_ns.saturating_add(self.delay_ns);
        let delay_ns = self.delay_ns.saturating_mul(2).min(nanos(spec.max_delay));
        let given_up = now_ns.saturating_sub(self.lost_ns) >= nanos(spec.give_up);
        (!given_up).then_some(Self { next_ns, delay_ns, ..self })
    }
}

impl Link {
    /// Connects, or opens the device. The lanes follow with [`Link::set_lanes`].
    pub(crate) fn open(job: &JobSpec) -> Result<Self, OpenError> {
        match &job.target {
            Target::Tcp(target) => Ok(Self::Tcp(Box::new(TcpLink::open(job, target)?))),
            _ => Ok(Self::Local { queue: Box::new(LocalQueue::open(job)?), lanes: Vec::new() }),
        }
    }

    pub(crate) fn geometry(&self) -> Geometry {
        match self {
            Self::Local { queue, .. } => queue.geometry(),
            Self::Tcp(link) => link.geometry,
        }
    }

    /// One lane per connection.
    pub(crate) fn set_lanes(&mut self, new: Vec<Lane>) {
        match self {
            Self::Local { lanes, .. } => *lanes = new,
            Self::Tcp(link) => link.lanes = new,
        }
    }

    pub(crate) fn lanes_mut(&mut self) -> &mut [Lane] {
        match self {
            Self::Local { lanes, .. } => lanes,
            Self::Tcp(link) => &mut link.lanes,
        }
    }

    /// Whether there is no connection now.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self, Self::Tcp(link) if link.controller.is_err())
    }

    /// Moves I/O. True if anything happened.
    pub(crate) fn poll(&mut self, load: &mut Load, clock: Clock, now_ns: u64) -> Result<bool, LinkError> {
        match self {
            Self::Local { queue, lanes } => Ok(queue.poll(&mut lanes[0], load, clock, now_ns)?),
            Self::Tcp(link) => link.poll(load, clock, now_ns),
        }
    }

    /// Before the thread sleeps: calls `add` with all that may wake it. False if it must not sleep.
    pub(crate) fn arm<'a>(&'a mut self, add: &mut dyn FnMut(BorrowedFd<'a>, PollFlags)) -> bool {
        match self {
            Self::Local { queue, .. } => {
                let device = queue.device_mut();
                if device.next_deadline() == Some(Nanos::ZERO) || !device.arm() {
                    return false;
                }
                queue.device().wake_fd().into_iter().for_each(|fd| add(fd, PollFlags::IN));
            }
            Self::Tcp(link) => {
                let interests = link.controller.iter().flat_map(Controller::interests);
                interests.for_each(|(fd, flags)| add(fd, flags));
            }
        }
        true
    }

    /// After it slept, or did not after all.
    pub(crate) fn disarm(&mut self) {
        if let Self::Local { queue, .. } = self {
            queue.device_mut().disarm();
        }
    }
}

impl TcpLink {
    fn open(job: &JobSpec, target: &TcpTarget) -> Result<Self, HostError> {
        let controller = Controller::connect(job, target, target.timeout)?;
        Ok(Self {
            job: job.clone(),
            target: target.clone(),
            geometry: controller.geometry,
            controller: Ok(controller),
            lanes: Vec::new(),
            attend_ns: 0,
            timeout_ns: nanos(target.timeout),
        })
    }

    fn poll(&mut self, load: &mut Load, clock: Clock, now_ns: u64) -> Result<bool, LinkError> {
        match (self.exchange(load, clock, now_ns), self.job.reconnect) {
            (Err(LinkError::Lost(error)), Some(spec)) if error.is_loss() => {
                load.counters.disconnects += 1;
                self.lanes.iter_mut().for_each(Lane::lose);
                self.controller = Err(Retry::new(spec, now_ns));
                Ok(true)
            }
            (result, _) => result,
        }
    }

    fn exchange(&mut self, load: &mut Load, clock: Clock, now_ns: u64) -> Result<bool, LinkError> {
        let controller = match &mut self.controller {
            Ok(controller) => controller,
            Err(retry) => {
                let retry = *retry;
                return self.reconnect(retry, clock, now_ns);
            }
        };
        let mut busy = false;
        for (queue, lane) in controller.queues.iter_mut().zip(&mut self.lanes) {
            busy |= queue.poll(lane, load, clock, now_ns)?;
        }
        if now_ns >= self.attend_ns {
            self.attend_ns = now_ns + ATTEND_NS;
            controller.attend(now_ns)?;
            self.check_oldest(now_ns)?;
        }
        Ok(busy)
    }

    fn check_oldest(&self, now_ns: u64) -> Result<(), LinkError> {
        let oldest = self.lanes.iter().filter_map(Lane::oldest_ns).min();
        if oldest.is_some_and(|sent| now_ns.saturating_sub(sent) > self.timeout_ns) {
            return Err(LinkError::Lost(HostError::TimedOut("an I/O")));
        }
        Ok(())
    }

    /// One attempt, if it is time for one.
    fn reconnect(&mut self, retry: Retry, clock: Clock, now_ns: u64) -> Result<bool, LinkError> {
        if now_ns < retry.next_ns {
            return Ok(false);
        }
        let spec = self.job.reconnect.unwrap_or_default();
        match Controller::connect(&self.job, &self.target, self.target.timeout.min(ATTEMPT)) {
            Ok(controller) if controller.geometry != self.geometry => Err(Violation::Changed.into()),
            Ok(controller) => {
                self.controller = Ok(controller);
                Ok(true)
            }
            Err(error) => match retry.again(spec, clock.now_ns()) {
                Some(retry) => {
                    self.controller = Err(retry);
                    Ok(true)
                }
                None => Err(Violation::GivenUp(error.to_string()).into()),
            },
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn retries_slow_down_and_end() {
        let spec = ReconnectSpec {
            first_delay: Duration::from_nanos(10),
            max_delay: Duration::from_nanos(25),
            give_up: Duration::from_nanos(100),
        };
        let mut retry = Retry::new(spec, 1000);
        let mut delays = Vec::new();
        while let Some(next) = retry.again(spec, retry.next_ns) {
            delays.push(next.next_ns - retry.next_ns);
            retry = next;
        }
        assert_eq!(delays, [10, 20, 25, 25, 25]);
    }
}
