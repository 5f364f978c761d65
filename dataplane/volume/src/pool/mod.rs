//! The volume layer over one device: the owner that routes between its parts.
//!
//! | module | what |
//! |---|---|
//! | [`data`] | the way of a volume's I/O: mapping, submit, poll |
//! | [`control`] | the control operations: begin, advance, adopt the result |
//! | [`job`] | one control operation as a plan of steps, without I/O |
//! | [`step`] | one step: which requests it takes and when it is over |
//! | [`metadata`] | the superblock's bytes on their way to and from the device |
//!
//! ```text
//!   Closed ──open, format──► Open ──a superblock write fails──► Suspended
//! ```
//! Volumes serve I/O in `Open` and `Suspended`; the latter refuses control operations, for memory and disk may
//! differ until the pool is opened anew.

mod control;
mod data;
mod job;
mod metadata;
mod step;

use std::os::fd::BorrowedFd;

use sluice_device::{BlockDevice, DeviceInfo, Nanos, Pool};
use uuid::Uuid;

use crate::format::{DATA_OFFSET_BYTES, EXTENT_ALIGN_BYTES};
use crate::table::Table;
use crate::{VolumeError, VolumeIndex, VolumeRecord};
use control::Control;
use data::Data;
use metadata::Metadata;

/// What a control operation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlDone {
    /// The pool on the device is open.
    Opened,
    /// A new pool is on the device, and open.
    Formatted,
    /// The volume exists, unpublished; every block reads as zeroes.
    Created(VolumeIndex),
    /// The volume is gone and its space free.
    Deleted(VolumeIndex),
    /// Hosts may reach the volume, as its record says.
    Published(VolumeIndex),
    /// No host may reach the volume.
    Unpublished(VolumeIndex),
}

/// How to format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatOptions {
    /// Names the pool.
    pub uuid: Uuid,
    /// Overwrite whatever the device holds, a pool of any version included.
    pub force: bool,
}

/// Whether the pool serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolState {
    /// Not opened: every volume I/O fails.
    Closed,
    /// All is well.
    Open,
    /// Volumes are served, but a superblock write failed: no control operation until opened anew.
    Suspended,
}

/// A pool's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolInfo {
    /// Names the pool.
    pub uuid: Uuid,
    /// Of the superblock: how many changes it saw.
    pub generation: u64,
    /// Bytes that extents can cover.
    pub capacity_bytes: u64,
    /// Of these, not held by a volume.
    pub free_bytes: u64,
    /// The longest free extent: the largest volume that can be created now.
    pub largest_free_bytes: u64,
    /// How many volumes there are.
    pub volumes: usize,
}

/// The longest I/O of each kind, in blocks of the volume; 0: unsupported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeLimits {
    /// Read and Write.
    pub max_transfer_blocks: u32,
    /// Write Zeroes.
    pub max_write_zeroes_blocks: u32,
    /// Deallocate.
    pub max_deallocate_blocks: u32,
}

/// Volumes on one device; see the crate's description.
#[derive(Debug)]
pub struct LinearPool<D = Box<dyn BlockDevice>> {
    device: D,
    data: Data,
    control: Control,
    state: PoolState,
    /// What the superblock says; `None` while closed.
    table: Option<Table>,
    /// The user number of the next volume to be created: tells the users of a slot apart. Those that were there
    /// at opening have 0.
    users: u32,
}

impl<D: BlockDevice> LinearPool<D> {
    /// Takes over `device`, still closed. `buffers` lends one buffer of up to 64 KiB for the superblock.
    ///
    /// # Errors
    /// [`VolumeError::DeviceBlockSize`], [`VolumeError::DeviceTooSmall`], [`VolumeError::NoBuffer`].
    pub fn new(device: D, buffers: &Pool) -> Result<Self, VolumeError> {
        let info = device.info();
        if !matches!(info.block_size, 512 | 4096) {
            return Err(VolumeError::DeviceBlockSize { block_size: info.block_size });
        }
        let (size_bytes, needed_bytes) = (info.size_bytes(), DATA_OFFSET_BYTES + EXTENT_ALIGN_BYTES);
        if size_bytes < needed_bytes {
            return Err(VolumeError::DeviceTooSmall { size_bytes, needed_bytes });
        }
        let control = Control::new(Metadata::new(info, buffers)?);
        let data = Data::new(info.queue_depth);
        Ok(Self { device, data, control, state: PoolState::Closed, table: None, users: 1 })
    }

    /// Whether the pool serves.
    #[must_use]
    pub fn state(&self) -> PoolState {
        self.state
    }

    /// The pool's numbers; `None` while closed.
    #[must_use]
    pub fn info(&self) -> Option<PoolInfo> {
        let table = self.table.as_ref()?;
        let (mut free_bytes, mut largest_free_bytes) = (0, 0);
        for extent in table.free() {
            free_bytes += extent.end - extent.start;
            largest_free_bytes = largest_free_bytes.max(extent.end - extent.start);
        }
        Some(PoolInfo {
            uuid: table.uuid,
            generation: table.generation,
            capacity_bytes: table.data().end - table.data().start,
            free_bytes,
            largest_free_bytes,
            volumes: table.records.len(),
        })
    }

    /// The volumes, by place on the device. One being deleted is listed until it is gone.
    pub fn volumes(&self) -> impl Iterator<Item = &VolumeRecord> {
        self.table.iter().flat_map(|table| &table.records)
    }

    /// The volume that `index` names, if it exists.
    #[must_use]
    pub fn volume(&self, index: VolumeIndex) -> Option<&VolumeRecord> {
        self.table.as_ref()?.find(index).ok()
    }

    /// The longest I/O to a volume, if it exists.
    #[must_use]
    pub fn limits(&self, index: VolumeIndex) -> Option<VolumeLimits> {
        let info = self.device.info();
        let ratio = self.volume(index)?.block_size.bytes() / info.block_size;
        Some(VolumeLimits {
            max_transfer_blocks: info.max_transfer_blocks / ratio,
            max_write_zeroes_blocks: info.max_write_zeroes_blocks / ratio,
            max_deallocate_blocks: info.max_deallocate_blocks / ratio,
        })
    }

    /// The device below.
    #[must_use]
    pub fn device(&self) -> &D {
        &self.device
    }

    /// What the device below is and can do.
    #[must_use]
    pub fn device_info(&self) -> &DeviceInfo {
        self.device.info()
    }

    /// Gives the device back; I/O in flight is the device's affair.
    #[must_use]
    pub fn into_device(self) -> D {
        self.device
    }

    /// As [`BlockDevice::next_deadline`]; due at once also while a control operation has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        if self.is_ready() { Some(Nanos::ZERO) } else { self.device.next_deadline() }
    }

    /// As [`BlockDevice::wake_fd`].
    #[must_use]
    pub fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.wake_fd()
    }

    /// As [`BlockDevice::arm`].
    #[must_use]
    pub fn arm(&mut self) -> bool {
        !self.is_ready() && self.device.arm()
    }

    /// As [`BlockDevice::disarm`].
    pub fn disarm(&mut self) {
        self.device.disarm();
    }

    /// Whether `poll` has something to do without the device's help.
    fn is_ready(&self) -> bool {
        let room = self.device.in_flight() < self.device.info().queue_depth as usize;
        self.data.has_refused() || (room && self.control.is_runnable(self.data.is_drained()))
    }
}

#[cfg(test)]
mod test;
