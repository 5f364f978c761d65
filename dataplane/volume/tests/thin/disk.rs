//! The simulated disk: a torn device below a layer of faults, and what a sector of a volume looks like.

use sluice_device::error::{ErrorDevice, Faults};
use sluice_device::random::Random;
use sluice_device::torn::{TornDevice, TornOptions};
use sluice_device::{BlockDevice, Pool};
use sluice_hugepages::{Class, PoolConfig};

use crate::cell::Stamp;
use crate::model::SECTOR_BYTES;

/// What pools are tested on.
pub(crate) type Disk = ErrorDevice<TornDevice>;

/// Length of a sector.
pub(crate) const SECTOR: usize = 512;
const _: () = assert!(SECTOR as u64 == SECTOR_BYTES);

/// One of the disks there may be.
pub(crate) fn options(random: &mut Random) -> TornOptions {
    let block_size = if random.chance(500) { 512 } else { 4096 };
    let bytes = 6 * (1 << 20) + random.below(10) * (1 << 20);
    let volatile_write_cache = random.chance(800);
    TornOptions {
        block_size,
        blocks: bytes / u64::from(block_size),
        queue_depth: if random.chance(300) { 8 } else { 32 },
        atom_bytes: if random.chance(500) { 512 } else { block_size },
        volatile_write_cache,
        fua: !volatile_write_cache || random.chance(700),
        seed: random.next(),
    }
}

/// The disk with its faults.
pub(crate) fn disk(device: TornDevice, faults: &Faults) -> Disk {
    ErrorDevice::new(device, faults)
}

/// Memory for I/O; some pools have no large buffers.
pub(crate) fn buffers(random: &mut Random) -> Pool {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    let large = if random.chance(200) { 16 << 10 } else { 256 << 10 };
    Pool::new(&PoolConfig { classes: vec![class(4096, 256), class(large, 80)] }).unwrap()
}

/// A block of the disk, read past everything.
pub(crate) fn largest(pool: &Pool) -> u64 {
    u64::from(pool.largest())
}

/// Fills sectors from `first` on with a stamp.
pub(crate) fn fill(bytes: &mut [u8], first: u64, stamp: Stamp) {
    for (sector, place) in (first..).zip(bytes.chunks_exact_mut(SECTOR)) {
        if stamp == 0 {
            place.fill(0);
            continue;
        }
        place.fill(low_byte(stamp));
        place[..8].copy_from_slice(&stamp.to_le_bytes());
        place[8..16].copy_from_slice(&sector.to_le_bytes());
    }
}

fn low_byte(stamp: Stamp) -> u8 {
    stamp.to_le_bytes()[0]
}

/// The stamp of a sector, which must fill it and must have been written to this place.
pub(crate) fn stamp(bytes: &[u8], sector: u64) -> Stamp {
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let stamp = word(0);
    if stamp == 0 {
        assert!(bytes.iter().all(|byte| *byte == 0), "sector {sector} is neither zeroes nor anybody's");
        return 0;
    }
    assert_eq!(word(8), sector, "sector {sector} holds what was written elsewhere");
    assert!(bytes[16..].iter().all(|byte| *byte == low_byte(stamp)), "sector {sector} is torn");
    stamp
}

/// Blocks of the disk, as it knows them, in blocks of 4096 bytes.
pub(crate) fn blocks(disk: &Disk) -> u64 {
    disk.info().size_bytes() / 4096
}
