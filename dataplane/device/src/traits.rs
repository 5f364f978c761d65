//! The trait that every device and every layer implements.

use std::os::fd::BorrowedFd;

use crate::{Completion, Nanos, Request};

/// What a device is and what it can do. Fixed while it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What the operator calls it: a path or a configured name.
    pub name: String,
    /// What sort it is: `memory`, `null`, `file`, `block`.
    pub kind: &'static str,
    /// Product name, empty if unknown.
    pub model: String,
    /// Serial number, empty if unknown.
    pub serial: String,
    /// Bytes per block: a power of two, 512 to 4096.
    pub block_size: u32,
    /// Blocks: LBAs are `0..blocks`.
    pub blocks: u64,
    /// What a buffer's address must be a multiple of, in bytes; pool buffers always are.
    pub buffer_align: u32,
    /// Longest Read or Write.
    pub max_transfer_blocks: u32,
    /// Longest Write Zeroes; 0: unsupported.
    pub max_write_zeroes_blocks: u32,
    /// Longest Deallocate; 0: unsupported.
    pub max_deallocate_blocks: u32,
    /// How many requests it holds at once.
    pub queue_depth: u32,
    /// A completed write may be lost with the power until a Flush or unless it had FUA.
    pub volatile_write_cache: bool,
    /// FUA is honoured: such a write survives loss of power once completed.
    pub fua: bool,
    /// Deallocated blocks read as zeroes, always.
    pub deallocate_reads_zeroes: bool,
}

impl DeviceInfo {
    /// Capacity in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.blocks * u64::from(self.block_size)
    }
}

/// A block device with one queue, polled by its one owner.
///
/// No order holds between requests in flight; what must come later is submitted after the earlier completed. Two
/// overlapping writes in flight leave either's bytes in each block. A write is atomic per block.
pub trait BlockDevice {
    /// What it is and can do.
    fn info(&self) -> &DeviceInfo;

    /// Takes requests from the front of `requests`, and their buffers out of them, until the queue is full.
    ///
    /// Returns how many were accepted: at least `min(requests.len(), queue_depth - in_flight())`. A request that
    /// breaks the device's rules is accepted too and completes with the error. The accepted requests' other fields
    /// stay as they were. At most one kernel call or doorbell per batch. Call again after `poll` made room.
    #[must_use]
    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize;

    /// Overwrites the front of `completions` with what is done, in no promised order; returns how many.
    ///
    /// Call again at once if that filled `completions`, else when [`next_deadline`](Self::next_deadline) or
    /// [`wake_fd`](Self::wake_fd) says so. A spurious call does no harm.
    #[must_use]
    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize;

    /// Requests accepted whose completions `poll` has not yet yielded. At most `queue_depth`.
    fn in_flight(&self) -> usize;

    /// When `poll` will next yield something without outside help: [`Nanos::ZERO`] or any time not after now means
    /// that completions wait already. `None`: only [`wake_fd`](Self::wake_fd) will tell, or nothing is in flight.
    fn next_deadline(&self) -> Option<Nanos>;

    /// Becomes readable when completions are ready, between a successful [`arm`](Self::arm) and
    /// [`disarm`](Self::disarm). The same descriptor for the device's whole life. `None`: completions never come
    /// from outside.
    fn wake_fd(&self) -> Option<BorrowedFd<'_>>;

    /// Prepares to sleep on [`wake_fd`](Self::wake_fd). False: completions are there already; poll, do not sleep.
    #[must_use]
    fn arm(&mut self) -> bool;

    /// Ends what `arm` began and clears the descriptor. Harmless if not armed.
    fn disarm(&mut self);
}

impl<D: BlockDevice + ?Sized> BlockDevice for Box<D> {
    fn info(&self) -> &DeviceInfo {
        (**self).info()
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        (**self).submit(now, requests)
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        (**self).poll(now, completions)
    }

    fn in_flight(&self) -> usize {
        (**self).in_flight()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        (**self).next_deadline()
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        (**self).wake_fd()
    }

    fn arm(&mut self) -> bool {
        (**self).arm()
    }

    fn disarm(&mut self) {
        (**self).disarm();
    }
}
