//! The bench a device is put on: runs requests to their end and looks after the rules that always hold.

use sluice_hugepages::{Buffer, Pool};

use super::Traits;
use crate::{BlockDevice, Completion, DeviceInfo, IoError, Nanos, Op, Request};

/// A device under test.
pub(super) struct Rig<'d> {
    /// What a failure is reported as.
    pub(super) name: String,
    pub(super) traits: Traits,
    pub(super) pool: Pool,
    pub(super) info: DeviceInfo,
    pub(super) device: Box<dyn BlockDevice + 'd>,
    pub(super) now: Nanos,
    free_buffers: u32,
}

/// Polls without progress, each followed by a yield, after which a request counts as lost: minutes.
const PATIENCE: u32 = 100_000_000;

impl<'d> Rig<'d> {
    pub(super) fn new(name: &str, traits: Traits, pool: Pool, device: impl BlockDevice + 'd) -> Self {
        let (name, info, free_buffers) = (name.to_owned(), device.info().clone(), pool.available(0));
        Self { name, traits, pool, info, device: Box::new(device), now: Nanos(1), free_buffers }
    }

    /// A buffer of `blocks` blocks, each filled with `stamp` and its number.
    pub(super) fn stamped(&self, blocks: u32, stamp: u8) -> Buffer {
        let mut buffer = self.buffer(blocks);
        for (number, block) in (0u8..=255).cycle().zip(buffer.chunks_mut(self.info.block_size as usize)) {
            block.fill(stamp ^ number);
        }
        buffer
    }

    pub(super) fn buffer(&self, blocks: u32) -> Buffer {
        self.pool.take(blocks * self.info.block_size).expect("the suite holds few buffers at a time")
    }

    /// Runs one request to its end.
    pub(super) fn run(&mut self, op: Op, lba: u64, blocks: u32, buffer: Option<Buffer>) -> Completion {
        let held = buffer.is_some();
        let mut request = Request { tag: 77, op, lba, blocks, buffer };
        let accepted = self.device.submit(self.now, std::slice::from_mut(&mut request));
        assert_eq!(accepted, 1, "{}: an empty queue takes a request", self.name);
        let completion = self.wait();
        assert_eq!(
            (completion.tag, completion.buffer.is_some()),
            (77, held),
            "{}: tag and buffer",
            self.name
        );
        completion
    }

    /// Polls until something completes, following the device's deadlines.
    pub(super) fn wait(&mut self) -> Completion {
        for _ in 0..PATIENCE {
            let mut completion = Completion::default();
            if self.device.poll(self.now, std::slice::from_mut(&mut completion)) == 1 {
                return completion;
            }
            match self.device.next_deadline() {
                Some(due) => self.now = self.now.max(due),
                None => std::thread::yield_now(),
            }
        }
        panic!("{}: a request never completed", self.name);
    }

    pub(super) fn ok(&mut self, op: Op, lba: u64, blocks: u32) {
        let result = self.run(op, lba, blocks, None).result;
        assert_eq!(result, Ok(()), "{}: {op:?} of {blocks} blocks at {lba}", self.name);
    }

    pub(super) fn write(&mut self, lba: u64, buffer: Buffer) -> Buffer {
        self.write_with(Op::Write { fua: false }, lba, buffer)
    }

    pub(super) fn write_with(&mut self, op: Op, lba: u64, buffer: Buffer) -> Buffer {
        let blocks = self.blocks_of(&buffer);
        let completion = self.run(op, lba, blocks, Some(buffer));
        assert_eq!(completion.result, Ok(()), "{}: write of {blocks} blocks at {lba}", self.name);
        completion.buffer.expect("checked by run")
    }

    pub(super) fn blocks_of(&self, buffer: &Buffer) -> u32 {
        u32::try_from(buffer.len()).expect("buffers are shorter than 4 GiB") / self.info.block_size
    }

    /// The blocks' contents as their reader sees them. The buffer is dirty before, so that leftovers show.
    pub(super) fn read(&mut self, lba: u64, blocks: u32) -> Vec<u8> {
        let mut buffer = self.buffer(blocks);
        buffer.fill(0xdb);
        let completion = self.run(Op::Read, lba, blocks, Some(buffer));
        assert_eq!(completion.result, Ok(()), "{}: read of {blocks} blocks at {lba}", self.name);
        self.contents(completion)
    }

    /// What a completed read says.
    pub(super) fn contents(&self, completion: Completion) -> Vec<u8> {
        let buffer = completion.buffer.expect("a read hands its buffer back");
        if completion.zeroes { vec![0; buffer.len()] } else { buffer.to_vec() }
    }

    /// Checks that the blocks hold `expected`, or zeroes on a device that forgets.
    pub(super) fn expect(&mut self, lba: u64, expected: &[u8]) {
        let blocks = u32::try_from(expected.len()).expect("short") / self.info.block_size;
        let found = self.read(lba, blocks);
        let zeroes = vec![0; expected.len()];
        let expected = if self.traits.forgetful { &zeroes } else { expected };
        let first = found.iter().zip(expected).position(|(found, expected)| found != expected);
        assert_eq!(first, None, "{}: first wrong byte of {blocks} blocks at {lba}", self.name);
    }

    /// A request that must fail with `error` and hand its buffer back.
    pub(super) fn refused(&mut self, op: Op, lba: u64, blocks: u32, buffer: Option<Buffer>, error: IoError) {
        let result = self.run(op, lba, blocks, buffer).result;
        assert_eq!(result, Err(error), "{}: {op:?} of {blocks} blocks at {lba}", self.name);
    }

    /// After each case: nothing is in flight and no buffer is missing.
    pub(super) fn finish(self) {
        let Self { name, device, pool, free_buffers, .. } = self;
        assert_eq!(device.in_flight(), 0, "{name}: nothing is left in flight");
        drop(device);
        assert_eq!(pool.available(0), free_buffers, "{name}: every buffer came back");
    }
}
