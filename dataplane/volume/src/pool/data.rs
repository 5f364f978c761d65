//! The way of a volume's I/O to the device and back.
//!
//! Tags on the device: bit 31 marks the pool's own I/O, bit 30 the epoch in which a volume's I/O was submitted,
//! the rest is the caller's. Deleting a volume removes its mapping and begins the other epoch; once the old one's
//! I/O is back, none of the volume's can be left. So the data path keeps two counters instead of a table.

use sluice_device::{BlockDevice, Completion, IoError, Nanos, Op, Ready, Request};

use super::LinearPool;
use crate::table::Table;
use crate::{VolumeIndex, VolumeIo, VolumeRecord};

/// Marks the pool's own requests.
pub(super) const CONTROL_TAG: u32 = 1 << 31;
const EPOCH_SHIFT: u32 = 30;
const TAG_MASK: u32 = VolumeIo::TAG_END - 1;

const _: () = assert!(VolumeIo::TAG_END == 1 << EPOCH_SHIFT);

/// One place per value of a volume index' low byte.
const SLOTS: usize = 256;

/// Where a volume's blocks are.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    /// Whose it is; [`VolumeIndex::NONE`] if nobody's.
    volume: VolumeIndex,
    /// One volume block is `1 << shift` device blocks.
    shift: u32,
    /// The volume's first block on the device, in device blocks.
    first: u64,
    /// The volume's length, in its own blocks.
    blocks: u64,
}

impl Mapping {
    const NONE: Self = Self { volume: VolumeIndex::NONE, shift: 0, first: 0, blocks: 0 };

    fn new(record: &VolumeRecord, device_block_size: u32) -> Self {
        let shift = (record.block_size.bytes() / device_block_size).trailing_zeros();
        let first = record.offset_bytes / u64::from(device_block_size);
        Self { volume: record.index, shift, first, blocks: record.blocks }
    }
}

/// The data path's state.
#[derive(Debug)]
pub(super) struct Data {
    mappings: Box<[Mapping; SLOTS]>,
    /// Scratch for one batch on its way down.
    batch: Vec<Request>,
    /// I/O that never reached the device.
    refused: Ready,
    /// 0 or 1.
    epoch: u32,
    /// Volume I/O on the device, per epoch.
    in_flight: [usize; 2],
}

impl Data {
    pub(super) fn new(queue_depth: u32) -> Self {
        Self {
            mappings: Box::new([Mapping::NONE; SLOTS]),
            batch: Vec::with_capacity(queue_depth as usize),
            refused: Ready::new(queue_depth),
            epoch: 0,
            in_flight: [0; 2],
        }
    }

    /// Maps exactly the table's volumes.
    pub(super) fn adopt(&mut self, table: &Table) {
        self.mappings.fill(Mapping::NONE);
        for record in &table.records {
            self.mappings[record.index.slot()] = Mapping::new(record, table.device_block_size);
        }
    }

    /// Fails the volume's I/O from now on, and begins the epoch after which none is left.
    pub(super) fn retire(&mut self, volume: VolumeIndex) {
        self.mappings[volume.slot()] = Mapping::NONE;
        debug_assert!(self.is_drained(), "one control operation at a time");
        self.epoch ^= 1;
    }

    /// Whether all I/O of the epoch before is back.
    pub(super) fn is_drained(&self) -> bool {
        self.in_flight[(self.epoch ^ 1) as usize] == 0
    }

    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// The I/O in device blocks.
    fn map(&self, io: &VolumeIo) -> Result<(u64, u32), IoError> {
        let mapping = self.mappings.get(io.volume.slot()).filter(|mapping| mapping.volume == io.volume);
        let mapping = mapping.ok_or(IoError::DeviceGone)?;
        if io.tag >= VolumeIo::TAG_END {
            return Err(IoError::Internal);
        }
        if io.op == Op::Flush {
            return Ok((0, 0));
        }
        match io.lba.checked_add(u64::from(io.blocks)) {
            Some(end) if end <= mapping.blocks => {}
            _ => return Err(IoError::OutOfRange),
        }
        let blocks = io.blocks.checked_mul(1 << mapping.shift).ok_or(IoError::Misaligned)?;
        Ok((mapping.first + (io.lba << mapping.shift), blocks))
    }

    /// Sorts one I/O into the batch or among the refused.
    fn route(&mut self, io: &mut VolumeIo) {
        let (mapped, buffer) = (self.map(io), io.buffer.take());
        match mapped {
            Ok((lba, blocks)) => {
                let tag = io.tag | (self.epoch << EPOCH_SHIFT);
                self.batch.push(Request { tag, op: io.op, lba, blocks, buffer });
            }
            Err(error) => {
                self.refused.push(Completion { tag: io.tag, result: Err(error), zeroes: false, buffer });
            }
        }
    }

    /// Gives a volume's completion its caller's tag.
    fn settle(&mut self, completion: &mut Completion) {
        self.in_flight[(completion.tag >> EPOCH_SHIFT) as usize] -= 1;
        completion.tag &= TAG_MASK;
    }
}

impl<D: BlockDevice> LinearPool<D> {
    /// Takes I/Os from the front of `ios`, and their buffers out of them, until the device's queue is full.
    ///
    /// Returns how many were accepted. An I/O to a volume that does not exist (any more), beyond its end, or
    /// against the device's limits is accepted and completes with the error. One device submission per call.
    #[must_use]
    pub fn submit(&mut self, now: Nanos, ios: &mut [VolumeIo]) -> usize {
        let room = self.device.info().queue_depth as usize - self.device.in_flight();
        let accepted = ios.len().min(room).min(self.data.refused.room());
        for io in &mut ios[..accepted] {
            self.data.route(io);
        }
        let count = self.data.batch.len();
        if count > 0 {
            let taken = self.device.submit(now, &mut self.data.batch);
            assert_eq!(taken, count, "a device takes what it has room for");
            self.data.in_flight[self.data.epoch as usize] += count;
            self.data.batch.clear();
        }
        accepted
    }

    /// Overwrites the front of `completions` with what is done, under the callers' tags; returns how many.
    ///
    /// Also drives control operations: call it at [`next_deadline`](Self::next_deadline) even with no I/O in flight.
    #[must_use]
    pub fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        let mut kept = self.data.refused.drain_into(completions);
        let fresh = kept..kept + self.device.poll(now, &mut completions[kept..]);
        for at in fresh {
            if completions[at].tag & CONTROL_TAG == 0 {
                self.data.settle(&mut completions[at]);
                completions.swap(kept, at);
                kept += 1;
            } else {
                self.control.complete(std::mem::take(&mut completions[at]));
            }
        }
        if self.control.is_busy() {
            self.advance(now);
        }
        kept
    }

    /// Volume I/O accepted and not yet yielded by `poll`.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.data.in_flight[0] + self.data.in_flight[1] + self.data.refused.len()
    }
}
