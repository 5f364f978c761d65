//! The memory device: blocks in lazily mapped memory, gone with the process.
//!
//! Each request is done within `submit`, so a completed write is as safe as it will ever be: there is no volatile
//! cache to flush, and Flush and FUA are trivially honoured.

use std::ops::Range;
use std::os::fd::BorrowedFd;

use sluice_hugepages::{Arena, ArenaError};

use crate::{BlockDevice, Completion, DeviceInfo, IoError, Nanos, Op, Ready, Request, check};

/// What a memory device is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryOptions {
    /// Bytes per block: a power of two, 512 to 4096.
    pub block_size: u32,
    /// Blocks, at least 1. Memory is used only for those written.
    pub blocks: u64,
    /// Requests it holds until polled, at least 1.
    pub queue_depth: u32,
    /// Ask for transparent huge pages: faster random access, coarser memory use.
    pub huge_pages: bool,
    /// Take all memory at once and keep it: no I/O pays for a page, which with huge pages can take a millisecond.
    pub resident: bool,
}

impl Default for MemoryOptions {
    /// 1 GiB of 4096-byte blocks, 1024 requests deep, on ordinary pages.
    fn default() -> Self {
        Self { block_size: 4096, blocks: 1 << 18, queue_depth: 1024, huge_pages: false, resident: false }
    }
}

/// One Write Zeroes or Deallocate is done in one go inside `submit`: at most this long, so that it holds up the
/// reactor for about 100 us.
const LONGEST_CLEAR_BYTES: u32 = 1 << 20;

/// As above for Read and Write.
const LONGEST_TRANSFER_BYTES: u32 = 1 << 20;

/// Blocks in memory.
#[derive(Debug)]
pub struct MemoryDevice {
    info: DeviceInfo,
    arena: Arena,
    resident: bool,
    ready: Ready,
}

impl MemoryDevice {
    /// Makes one, called `name`; every block reads as zeroes.
    ///
    /// # Errors
    /// [`ArenaError`] if there is no address space for it.
    pub fn new(name: &str, options: &MemoryOptions) -> Result<Self, ArenaError> {
        let length_bytes = options.blocks.saturating_mul(u64::from(options.block_size));
        let mut arena = Arena::new(length_bytes)?;
        if options.huge_pages {
            arena.prefer_huge_pages();
        }
        if options.resident {
            arena.fill(0);
        }
        let info = DeviceInfo {
            name: name.to_owned(),
            kind: "memory",
            model: "Sluice memory device".to_owned(),
            serial: String::new(),
            block_size: options.block_size,
            blocks: options.blocks,
            buffer_align: 1,
            max_transfer_blocks: LONGEST_TRANSFER_BYTES / options.block_size,
            max_write_zeroes_blocks: LONGEST_CLEAR_BYTES / options.block_size,
            max_deallocate_blocks: LONGEST_CLEAR_BYTES / options.block_size,
            queue_depth: options.queue_depth,
            volatile_write_cache: false,
            fua: true,
            deallocate_reads_zeroes: true,
        };
        Ok(Self { info, arena, resident: options.resident, ready: Ready::new(options.queue_depth) })
    }

    /// Does one request.
    fn execute(&mut self, request: &mut Request) -> Result<(), IoError> {
        check(&self.info, request)?;
        let range = self.range(request);
        match (request.op, &mut request.buffer) {
            (Op::Read, Some(buffer)) => buffer[..range.len()].copy_from_slice(&self.arena[range]),
            (Op::Write { .. }, Some(buffer)) => {
                let length = range.len();
                self.arena[range].copy_from_slice(&buffer[..length]);
            }
            (Op::Read | Op::Write { .. }, None) => return Err(IoError::Misaligned),
            (Op::WriteZeroes { deallocate: true, .. } | Op::Deallocate, _) if !self.resident => {
                self.arena.release(range);
            }
            (Op::WriteZeroes { .. } | Op::Deallocate, _) => self.arena[range].fill(0),
            (Op::Flush, _) => {}
        }
        Ok(())
    }

    /// The bytes of a checked request; none for a Flush.
    fn range(&self, request: &Request) -> Range<usize> {
        if request.op == Op::Flush {
            return 0..0;
        }
        let start = usize::try_from(request.lba * u64::from(self.info.block_size));
        let start = start.expect("checked: within the arena, whose length is a usize");
        start..start + request.blocks as usize * self.info.block_size as usize
    }
}

impl BlockDevice for MemoryDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn submit(&mut self, _now: Nanos, requests: &mut [Request]) -> usize {
        let accepted = requests.len().min(self.ready.room());
        for request in &mut requests[..accepted] {
            let result = self.execute(request);
            let buffer = request.buffer.take();
            self.ready.push(Completion { tag: request.tag, result, zeroes: false, buffer });
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

#[cfg(test)]
mod test {
    use sluice_hugepages::{Class, Pool, PoolConfig};

    use super::*;

    const NOW: Nanos = Nanos::ZERO;

    fn device() -> MemoryDevice {
        let options =
            MemoryOptions { block_size: 512, blocks: 64, queue_depth: 4, ..MemoryOptions::default() };
        MemoryDevice::new("m", &options).unwrap()
    }

    fn pool() -> Pool {
        Pool::new(&PoolConfig { classes: vec![Class { buffer_bytes: 4096, count: 8 }] }).unwrap()
    }

    fn run(device: &mut MemoryDevice, mut request: Request) -> Completion {
        assert_eq!(device.submit(NOW, std::slice::from_mut(&mut request)), 1);
        let mut completion = Completion::default();
        assert_eq!(device.poll(NOW, std::slice::from_mut(&mut completion)), 1);
        completion
    }

    #[test]
    fn reads_what_was_written() {
        let (mut device, pool) = (device(), pool());
        let mut buffer = pool.take(1024).unwrap();
        buffer.fill(0x5a);
        let write = Request { tag: 1, op: Op::Write { fua: false }, lba: 3, blocks: 2, buffer: Some(buffer) };
        assert_eq!(run(&mut device, write).result, Ok(()));
        let read = Request { tag: 2, op: Op::Read, lba: 2, blocks: 4, buffer: pool.take(2048) };
        let read = run(&mut device, read).buffer.unwrap();
        assert_eq!(read[..512], [0; 512]);
        assert_eq!(read[512..1536], [0x5a; 1024]);
        assert_eq!(read[1536..], [0; 512]);
    }

    #[test]
    fn takes_no_more_than_its_depth() {
        let mut device = device();
        let mut requests: Vec<Request> = (0..6).map(|tag| Request { tag, ..Request::default() }).collect();
        assert_eq!(device.submit(NOW, &mut requests), 4);
        assert_eq!((device.submit(NOW, &mut requests[4..]), device.in_flight(), device.arm()), (0, 4, false));
        let mut completions = [(); 6].map(|()| Completion::default());
        assert_eq!(device.poll(NOW, &mut completions), 4);
        assert_eq!((device.in_flight(), device.next_deadline(), device.arm()), (0, None, true));
    }

    #[test]
    fn a_flush_has_no_range() {
        let flush = Request { lba: u64::MAX, blocks: u32::MAX, ..Request::default() };
        assert_eq!(run(&mut device(), flush).result, Ok(()));
    }
}
