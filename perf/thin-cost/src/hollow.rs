//! A device of terabytes that keeps metadata only: single blocks are remembered, longer writes are not.

use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::{BlockDevice, Completion, DeviceInfo, Nanos, Op, Ready, Request};

use crate::target::BLOCK_BYTES;

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Hollow {
    memory: MemoryDevice,
    forgotten: Ready,
    /// A bit per block: whether it was ever written.
    written: Vec<u64>,
    kept: Rc<Cell<u64>>,
}

impl Hollow {
    /// Of so many bytes; the other is how many of them were ever written.
    pub(crate) fn new(bytes: u64) -> anyhow::Result<(Self, Rc<Cell<u64>>)> {
        let blocks = bytes / u64::from(BLOCK_BYTES);
        let memory = MemoryDevice::new("hollow", &MemoryOptions { blocks, ..MemoryOptions::default() })?;
        let forgotten = Ready::new(memory.info().queue_depth);
        let written = vec![0; usize::try_from(blocks.div_ceil(64))?];
        let kept = Rc::new(Cell::new(0));
        Ok((Self { memory, forgotten, written, kept: Rc::clone(&kept) }, kept))
    }

    fn note(&mut self, block: u64) {
        let word = &mut self.written[usize::try_from(block / 64).expect("below the length")];
        if *word & 1 << (block % 64) == 0 {
            *word |= 1 << (block % 64);
            self.kept.set(self.kept.get() + u64::from(BLOCK_BYTES));
        }
    }
}

impl BlockDevice for Hollow {
    fn info(&self) -> &DeviceInfo {
        self.memory.info()
    }

    fn submit(&mut self, now: Nanos, requests: &mut [Request]) -> usize {
        for (number, request) in requests.iter_mut().enumerate() {
            if self.in_flight() == self.memory.info().queue_depth as usize {
                return number;
            }
            if let (Op::Write { .. }, 2..) = (request.op, request.blocks) {
                let buffer = request.buffer.take();
                self.forgotten.push(Completion { tag: request.tag, result: Ok(()), zeroes: false, buffer });
                continue;
            }
            if let Op::Write { .. } = request.op {
                self.note(request.lba);
            }
            assert_eq!(self.memory.submit(now, std::slice::from_mut(request)), 1, "there is room");
        }
        requests.len()
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        let count = self.forgotten.drain_into(completions);
        count + self.memory.poll(now, &mut completions[count..])
    }

    fn in_flight(&self) -> usize {
        self.forgotten.len() + self.memory.in_flight()
    }

    fn next_deadline(&self) -> Option<Nanos> {
        (self.in_flight() > 0).then_some(Nanos::ZERO)
    }

    fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn arm(&mut self) -> bool {
        self.in_flight() == 0
    }

    fn disarm(&mut self) {}
}
