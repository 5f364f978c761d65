//! What load is put on: a raw device, or a volume of a pool.

use sluice_device::{BlockDevice, Buffer, Completion, Nanos, Op, Request};
use sluice_volume::thin::ThinPool;
use sluice_volume::{VolumeIndex, VolumeIo};

/// Devices as the daemon has them.
pub(crate) type Device = Box<dyn BlockDevice>;

/// Bytes of a block: what hosts write.
pub(crate) const BLOCK_BYTES: u32 = 4096;

/// Takes I/Os of whole blocks and gives completions.
pub(crate) trait Target {
    type Io: Default;

    fn io(&self, tag: u32, op: Op, block: u64, blocks: u32, buffer: Buffer) -> Self::Io;

    fn submit(&mut self, now: Nanos, ios: &mut [Self::Io]) -> usize;

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize;
}

/// A device of 4096-byte blocks.
pub(crate) struct Raw<'d>(pub(crate) &'d mut dyn BlockDevice);

impl Target for Raw<'_> {
    type Io = Request;

    fn io(&self, tag: u32, op: Op, lba: u64, blocks: u32, buffer: Buffer) -> Request {
        Request { tag, op, lba, blocks, buffer: Some(buffer) }
    }

    fn submit(&mut self, now: Nanos, ios: &mut [Request]) -> usize {
        self.0.submit(now, ios)
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        self.0.poll(now, completions)
    }
}

/// A volume of 4096-byte blocks.
pub(crate) struct Volume<'p> {
    pub(crate) pool: &'p mut ThinPool<Device>,
    pub(crate) index: VolumeIndex,
}

impl Target for Volume<'_> {
    type Io = VolumeIo;

    fn io(&self, tag: u32, op: Op, lba: u64, blocks: u32, buffer: Buffer) -> VolumeIo {
        VolumeIo { tag, volume: self.index, op, lba, blocks, buffer: Some(buffer) }
    }

    fn submit(&mut self, now: Nanos, ios: &mut [VolumeIo]) -> usize {
        self.pool.submit(now, ios)
    }

    fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        self.pool.poll(now, completions)
    }
}
