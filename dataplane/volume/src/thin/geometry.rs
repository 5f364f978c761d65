//! What is where on a device of some size, and how much of everything there is.

use sluice_device::DeviceInfo;

use super::format::{BLOCK_BYTES_32, CHUNK_BLOCKS, CHUNK_BYTES, JOURNAL_BLOCK};
use crate::VolumeError;

/// The journal has a 256th of the device, within these bounds: 512 KiB to 16 MiB.
const JOURNAL_BLOCKS: std::ops::RangeInclusive<u64> = 128..=4096;
const JOURNAL_SHARE: u64 = 256;

/// Chunks that only metadata may take: a 64th of the pool, within these bounds. The most is what the nodes of a pool
/// of petabytes change between two checkpoints; see [`dirty_limit`](Geometry::dirty_limit).
const RESERVE_CHUNKS: std::ops::RangeInclusive<u32> = 8..=256;
const RESERVE_SHARE: u32 = 64;

/// The least that data must have, for a pool to make sense.
const LEAST_DATA_CHUNKS: u32 = 16;

/// A pool's measures. Fixed while it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes of the device that the pool uses.
    pub(crate) device_bytes: u64,
    /// 512 or 4096.
    pub(crate) device_block_size: u32,
    /// The journal's length in blocks of 4096 bytes.
    pub(crate) journal_blocks: u64,
    /// Chunks on the device, those of superblocks and journal included.
    pub(crate) chunks: u32,
}

impl Geometry {
    /// For a new pool on the device.
    pub(crate) fn new(info: &DeviceInfo) -> Result<Self, VolumeError> {
        let device_blocks = info.size_bytes() / u64::from(BLOCK_BYTES_32);
        let share = device_blocks / JOURNAL_SHARE / u64::from(CHUNK_BLOCKS) * u64::from(CHUNK_BLOCKS);
        Self::with_journal(info, share.clamp(*JOURNAL_BLOCKS.start(), *JOURNAL_BLOCKS.end()))
    }

    /// For a pool on the device whose journal has so many blocks.
    pub(crate) fn with_journal(info: &DeviceInfo, journal_blocks: u64) -> Result<Self, VolumeError> {
        if !matches!(info.block_size, 512 | 4096) {
            return Err(VolumeError::DeviceBlockSize { block_size: info.block_size });
        }
        let device_bytes = info.size_bytes();
        let chunks =
            u32::try_from(device_bytes / CHUNK_BYTES).unwrap_or(u32::MAX).min(crate::map::MAX_CHUNKS);
        let geometry = Self { device_bytes, device_block_size: info.block_size, journal_blocks, chunks };
        let least = geometry.first_chunk() + RESERVE_CHUNKS.start() + LEAST_DATA_CHUNKS;
        if chunks < least {
            let needed_bytes = u64::from(least) * CHUNK_BYTES;
            return Err(VolumeError::DeviceTooSmall { size_bytes: device_bytes, needed_bytes });
        }
        Ok(geometry)
    }

    /// The first chunk that is allocated: those before hold superblocks and journal.
    pub(crate) fn first_chunk(&self) -> u32 {
        let blocks = JOURNAL_BLOCK + self.journal_blocks;
        u32::try_from(blocks / u64::from(CHUNK_BLOCKS)).expect("the journal is short")
    }

    /// Chunks that only metadata may take.
    pub(crate) fn reserve_chunks(&self) -> u32 {
        (self.chunks / RESERVE_SHARE).clamp(*RESERVE_CHUNKS.start(), *RESERVE_CHUNKS.end())
    }

    /// Pages that may wait for a checkpoint before changes have to wait too: half of what the reserve holds, for the
    /// other half takes what changes while a checkpoint writes.
    pub(crate) fn dirty_limit(&self) -> usize {
        self.reserve_chunks() as usize * CHUNK_BLOCKS as usize / 4
    }

    /// Device blocks of a metadata block.
    pub(crate) fn ratio(&self) -> u32 {
        BLOCK_BYTES_32 / self.device_block_size
    }

    /// Where block `address` of 4096 bytes begins, in device blocks.
    pub(crate) fn lba(&self, address: u64) -> u64 {
        address * u64::from(self.ratio())
    }

    /// Where journal block `sequence` is, in blocks of 4096 bytes.
    pub(crate) fn journal_address(&self, sequence: u64) -> u64 {
        JOURNAL_BLOCK + sequence % self.journal_blocks
    }

    /// Bytes that volumes can fill.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        u64::from(self.chunks - self.first_chunk() - self.reserve_chunks()) * CHUNK_BYTES
    }
}

#[cfg(test)]
mod test {
    use sluice_device::BlockDevice;
    use sluice_device::null::{NullDevice, NullOptions};

    use super::*;

    fn geometry(bytes: u64) -> Result<Geometry, VolumeError> {
        let options = NullOptions { block_size: 4096, blocks: bytes / 4096, ..NullOptions::default() };
        Geometry::new(NullDevice::new("n", &options).info())
    }

    #[test]
    fn small_and_large_devices() {
        let small = geometry(8 << 20).unwrap();
        assert_eq!((small.journal_blocks, small.first_chunk(), small.reserve_chunks()), (128, 12, 8));
        assert_eq!(small.capacity_bytes(), (64 - 12 - 8) * CHUNK_BYTES);
        let large = geometry(1 << 40).unwrap();
        assert_eq!((large.journal_blocks, large.chunks, large.reserve_chunks()), (4096, 1 << 23, 256));
        let least = geometry(36 * CHUNK_BYTES);
        assert!(least.is_ok());
        let needed_bytes = 36 * CHUNK_BYTES;
        let size_bytes = needed_bytes - 4096;
        assert_eq!(geometry(size_bytes), Err(VolumeError::DeviceTooSmall { size_bytes, needed_bytes }));
    }
}
