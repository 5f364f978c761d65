//! The null device: accepts everything, remembers nothing, reads as zeroes.
//!
//! It shows what everything above a device costs. A read completes with [`Completion::zeroes`] and leaves its
//! buffer as it was.

use std::os::fd::BorrowedFd;

use crate::{BlockDevice, Completion, DeviceInfo, Nanos, Op, Ready, Request, check};

/// What a null device pretends to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NullOptions {
    /// Bytes per block: a power of two, 512 to 4096.
    pub block_size: u32,
    /// Blocks.
    pub blocks: u64,
    /// Requests it holds until polled, at least 1.
    pub queue_depth: u32,
}

impl Default for NullOptions {
    /// 1 TiB of 4096-byte blocks, 1024 requests deep.
    fn default() -> Self {
        Self { block_size: 4096, blocks: 1 << 28, queue_depth: 1024 }
    }
}

/// The null device.
#[derive(Debug)]
pub struct NullDevice {
    info: DeviceInfo,
    ready: Ready,
}

impl NullDevice {
    /// Makes one, called `name`.
    #[must_use]
    pub fn new(name: &str, options: &NullOptions) -> Self {
        let info = DeviceInfo {
            name: name.to_owned(),
            kind: "null",
            model: "Sluice null device".to_owned(),
            serial: String::new(),
            block_size: options.block_size,
            blocks: options.blocks,
            buffer_align: 1,
            max_transfer_blocks: (8 << 20) / options.block_size,
            max_write_zeroes_blocks: u32::MAX,
            max_deallocate_blocks: u32::MAX,
            queue_depth: options.queue_depth,
            volatile_write_cache: false,
            fua: true,
            deallocate_reads_zeroes: true,
        };
        Self { info, ready: Ready::new(options.queue_depth) }
    }
}

impl BlockDevice for NullDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, _now: Nanos, requests: &mut [Request]) -> usize {
        let accepted = requests.len().min(self.ready.room());
        for request in &mut requests[..accepted] {
            let result = check(&self.info, request);
            let zeroes = request.op == Op::Read && result.is_ok();
            let buffer = request.buffer.take();
            self.ready.push(Completion { tag: request.tag, result, zeroes, buffer });
        }
        accepted
    }

    fn poll(&mut self, _now: Nanos, completions: &mut [Completion]) -> usize {
        self.ready.drain_into(completions)
    }

    fn in_flight(&self) -> usize {
        self.ready.len()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        (!self.ready.is_empty()).then_some(Nanos::ZERO)
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn arm(&mut self) -> bool {
        self.ready.is_empty()
    }

    fn disarm(&mut self) {}
}
