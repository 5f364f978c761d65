//! The offline check of a pool: reads all of its metadata and tells everything that is not as it must be.
//!
//! Opening a pool ends at the first thing that is wrong; the check goes on and tells of each what it is, where it is,
//! whose data depend on it and what opening makes of it. It looks at more than an opening does: both copies of the
//! superblock, all places of marks, the whole ring of the journal, whether blocks of different places share a chunk,
//! whether anything is mapped beyond a volume's end. It never writes: what can be mended, opening mends, and
//! [`ThinRepair`] besides what no block of a volume depends on.
//!
//! ```text
//!   head ──► index ──► catalog ──► nodes, level by level ──► journal ──► proof of doubtful writes ──► rehearsal
//! ```
//!
//! The rehearsal opens the pool in memory over the blocks that were read, if nothing found so far forbids it: the
//! figures of the report are what an opening would find, and a reason to refuse that the check does not know is told
//! all the same.
//!
//! The data of volumes have no checksums, so nothing is said of them but what the journal's records say.

mod catalog;
mod fault;
mod finding;
mod head;
mod journal;
mod ledger;
mod live;
mod nodes;
mod progress;
mod rehearsal;
mod repair;
mod report;
mod walk;

use std::os::fd::BorrowedFd;

use sluice_device::{BlockDevice, Completion, Nanos, Pool, Request};

use super::buffers::{Buffers, Shelf};
use super::geometry::Geometry;
use crate::VolumeError;
use walk::Walk;

pub use fault::Fault;
pub use finding::{Affected, Affects, Complaint, Opening, Remedy, Structure};
pub use live::{LiveFinding, LiveReport};
pub use progress::CheckProgress;
pub use repair::{Repaired, ThinRepair};
pub use report::{CheckReport, Summary};

/// A check under way; see the [module](self).
#[derive(Debug)]
pub struct ThinCheck<D = Box<dyn BlockDevice>> {
    device: D,
    buffers: Shelf,
    outbox: Vec<Request>,
    walk: Walk,
}

/// Completions taken from the device at once.
const BATCH: usize = 8;

impl<D: BlockDevice> ThinCheck<D> {
    /// Checks the pool on `device`, which nobody may write meanwhile. `buffers` is the device's pool.
    ///
    /// # Errors
    /// [`VolumeError::DeviceBlockSize`], [`VolumeError::DeviceTooSmall`], [`VolumeError::NoBuffer`].
    pub fn new(device: D, buffers: &Pool) -> Result<Self, VolumeError> {
        let info = device.info();
        let geometry = Geometry::new(info)?;
        let max_transfer_bytes = info.max_transfer_blocks.saturating_mul(info.block_size);
        let Buffers { large, .. } = Buffers::new(buffers, max_transfer_bytes)?;
        let walk = Walk::new(geometry, large.length());
        Ok(Self { device, buffers: large, outbox: Vec::new(), walk })
    }

    /// Goes on as far as it can without waiting; the result ends it. To be called again when the device has
    /// completions.
    ///
    /// # Errors
    /// [`VolumeError::Io`]: the device failed otherwise than by not reading a block.
    ///
    /// # Panics
    /// If it is called once more after the result.
    pub fn poll(&mut self, now: Nanos) -> Option<Result<CheckReport, VolumeError>> {
        let mut completions: [Completion; BATCH] = std::array::from_fn(|_| Completion::default());
        let count = self.device.poll(now, &mut completions);
        for completion in completions.into_iter().take(count) {
            self.walk.complete(completion, &mut self.buffers);
        }
        let result = self.walk.advance(&mut self.buffers, &mut self.outbox);
        let taken = self.device.submit(now, &mut self.outbox);
        self.outbox.drain(..taken);
        result
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> CheckProgress {
        self.walk.progress()
    }

    /// As [`BlockDevice::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        if self.walk.is_runnable() { Some(Nanos::ZERO) } else { self.device.next_deadline() }
    }

    /// As [`BlockDevice::wake_fd`].
    #[must_use]
    pub fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.wake_fd()
    }

    /// As [`BlockDevice::arm`].
    #[must_use]
    pub fn arm(&mut self) -> bool {
        !self.walk.is_runnable() && self.device.arm()
    }

    /// As [`BlockDevice::disarm`].
    pub fn disarm(&mut self) {
        self.device.disarm();
    }

    /// Gives the device back.
    #[must_use]
    pub fn into_device(self) -> D {
        self.device
    }
}
