//! One I/O queue: the hot path. Nothing here allocates once the queue is made.

use std::os::fd::BorrowedFd;
use std::rc::Rc;

use rustix::event::PollFlags;
use sluice_nvme::qpair::HostData;
use sluice_nvme::status::Status;

use crate::engine::clock::Clock;
use crate::engine::lane::Lane;
use crate::engine::link::LinkError;
use crate::engine::load::{IoFailure, Load};
use crate::host::HostError;
use crate::host::command::{entry, range};
use crate::host::wire::{Event, Outgoing, Wire};
use crate::num::len32;
use crate::workload::AccessOp;

/// Offsets into the shared noise are multiples of this, and there are [`NOISE_STARTS`] of them.
pub(super) const NOISE_STEP: usize = 4096;
pub(super) const NOISE_STARTS: usize = 16;

/// An I/O queue and the buffers of its commands.
pub(crate) struct IoQueue {
    wire: Wire,
    nsid: u32,
    fua: bool,
    /// Per command identifier, for stamped writes; empty if writes are not stamped.
    buffers: Vec<Option<Box<[u8]>>>,
    noise: Rc<[u8]>,
}

impl IoQueue {
    /// `buffer_bytes`: the longest stamped write, 0 for none.
    pub(super) fn new(wire: Wire, depth: u16, settings: QueueSettings, noise: Rc<[u8]>) -> Self {
        let QueueSettings { nsid, fua, buffer_bytes } = settings;
        let slots = if buffer_bytes > 0 { usize::from(depth) } else { 0 };
        let buffers = (0..slots).map(|_| Some(vec![0; buffer_bytes].into_boxed_slice())).collect();
        Self { wire, nsid, fua, buffers, noise }
    }

    /// Takes what arrived and sends what `load` wants next. True if anything happened.
    pub(crate) fn poll(
        &mut self,
        lane: &mut Lane,
        load: &mut Load,
        clock: Clock,
        now_ns: u64,
    ) -> Result<bool, LinkError> {
        let received = self.wire.receive()?;
        let now_ns = if received > 0 { clock.now_ns() } else { now_ns };
        if received > 0 {
            self.take(lane, load, now_ns)?;
        }
        let submitted = self.fill(lane, load, now_ns);
        self.wire.send()?;
        Ok(received > 0 || submitted)
    }

    fn take(&mut self, lane: &mut Lane, load: &mut Load, now_ns: u64) -> Result<(), LinkError> {
        let Self { wire, buffers, .. } = self;
        wire.events(|event| match event {
            Event::Data { cid, offset, bytes } => Ok(load.data(lane, cid, offset, bytes)?),
            Event::Completion { cid, cqe, buffer } => {
                if let Some(Outgoing::Owned { bytes, .. }) = buffer {
                    buffers[usize::from(cid)] = Some(bytes);
                }
                Ok(load.complete(lane, cid, verdict(cqe.status()), now_ns)?)
            }
        })
    }

    fn fill(&mut self, lane: &mut Lane, load: &mut Load, now_ns: u64) -> bool {
        let mut submitted = false;
        while let Some(cid) = load.next(lane, now_ns) {
            self.submit(cid, lane, load);
            submitted = true;
        }
        submitted
    }

    fn submit(&mut self, cid: u16, lane: &Lane, load: &Load) {
        let access = lane.slots[usize::from(cid)].access;
        let length = load.geometry.length(access.blocks);
        let data = match access.op {
            AccessOp::Read => HostData::In { length: len32(length) },
            AccessOp::WriteZeroes => HostData::None,
            AccessOp::Deallocate => HostData::Out(Outgoing::Range(range(access))),
            AccessOp::Write if load.stamps() => {
                let mut bytes = self.buffers[usize::from(cid)].take().expect("a free command has its buffer");
                load.stamp(access, &mut bytes[..length]);
                HostData::Out(Outgoing::Owned { bytes, length })
            }
            AccessOp::Write => {
                let start = usize::from(cid) % NOISE_STARTS * NOISE_STEP;
                HostData::Out(Outgoing::Noise { bytes: Rc::clone(&self.noise), start, length })
            }
        };
        self.wire.qpair().submit(entry(access, cid, self.nsid, self.fua), data, true);
    }

    /// What to wait for before sleeping.
    pub(crate) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        self.wire.interest()
    }
}

/// What all queues of a controller have in common.
#[derive(Clone, Copy)]
pub(super) struct QueueSettings {
    pub(super) nsid: u32,
    pub(super) fua: bool,
    pub(super) buffer_bytes: usize,
}

fn verdict(status: Status) -> Result<(), IoFailure> {
    if status.is_success() { Ok(()) } else { Err(IoFailure::Status(status)) }
}

impl From<HostError> for LinkError {
    fn from(error: HostError) -> Self {
        Self::Lost(error)
    }
}
