//! A raw device and a pool on another of the same kind, both written from end to end before anything is measured.

use std::path::Path;

use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::random::Random;
use sluice_device::{Buffer, Op, Pool};
use sluice_hugepages::{Class, PoolConfig};
use sluice_uring::{UringDevice, UringOptions};
use sluice_volume::thin::{Provision, ThinDone, ThinPool};
use sluice_volume::{BlockSize, FormatOptions, VolumeIndex, VolumeSpec};
use tempfile::TempDir;
use uuid::Uuid;

use crate::control::finish;
use crate::load::{Clock, Load, Until};
use crate::target::{BLOCK_BYTES, Device, Raw, Target, Volume};

/// The pool's device, and the part of it that volumes and the raw load cover.
const POOL_BYTES: u64 = 3 << 30;
const LOADED_BYTES: u64 = 1 << 30;
pub(crate) const LOADED_BLOCKS: u64 = LOADED_BYTES / BLOCK_BYTES as u64;

/// Writes that fill a device.
const FILL_BYTES: u32 = 1 << 20;

/// On what.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    Memory,
    File(&'a Path),
}

/// See the module's description.
pub(crate) struct Bed {
    pub(crate) part: &'static str,
    pub(crate) clock: Clock,
    pub(crate) raw: Device,
    pub(crate) pool: ThinPool<Device>,
    /// Mapped from end to end.
    pub(crate) mapped: VolumeIndex,
    pub(crate) random: Random,
    pub(crate) buffers: Pool,
    _folder: Option<TempDir>,
}

impl Bed {
    pub(crate) fn new(kind: Kind<'_>) -> anyhow::Result<Self> {
        let buffers = buffers()?;
        let (clock, mut folder) = (Clock::wall(), None);
        let (part, mut raw, mut device) = match kind {
            Kind::Memory => ("memory", memory(LOADED_BYTES)?, memory(POOL_BYTES)?),
            Kind::File(place) => {
                let place = folder.insert(tempfile::tempdir_in(place)?).path();
                let raw = file(&place.join("raw"), LOADED_BYTES, &buffers)?;
                ("file", raw, file(&place.join("pool"), POOL_BYTES, &buffers)?)
            }
        };
        fill(clock, &buffers, &mut Raw(&mut *raw), LOADED_BYTES)?;
        fill(clock, &buffers, &mut Raw(&mut *device), POOL_BYTES)?;
        let mut pool = formatted(clock, device, &buffers)?;
        let mapped = create(clock, &mut pool, "mapped", LOADED_BYTES)?;
        fill(clock, &buffers, &mut Volume { pool: &mut pool, index: mapped }, LOADED_BYTES)?;
        Ok(Self { part, clock, raw, pool, mapped, random: Random::new(1), buffers, _folder: folder })
    }

    /// Load of single blocks at this depth.
    pub(crate) fn load(&self, depth: u32) -> Load {
        Load::new(self.clock, take(&self.buffers, depth, BLOCK_BYTES))
    }

    /// As above, for latencies: those of a device that never waits are the core's time.
    pub(crate) fn timed_load(&self, depth: u32) -> Load {
        let clock = if self.part == "memory" { Clock::Core } else { self.clock };
        Load::new(clock, take(&self.buffers, depth, BLOCK_BYTES))
    }
}

pub(crate) fn buffers() -> anyhow::Result<Pool> {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    Ok(Pool::new(&PoolConfig { classes: vec![class(BLOCK_BYTES, 512), class(FILL_BYTES, 16)] })?)
}

fn take(buffers: &Pool, count: u32, length: u32) -> Vec<Buffer> {
    let mut noise = Random::new(9);
    let mut taken: Vec<Buffer> = (0..count).filter_map(|_| buffers.take(length)).collect();
    taken.iter_mut().flat_map(|buffer| buffer.chunks_exact_mut(8)).for_each(|word| {
        word.copy_from_slice(&noise.next().to_le_bytes());
    });
    taken
}

fn memory(bytes: u64) -> anyhow::Result<Device> {
    let blocks = bytes / u64::from(BLOCK_BYTES);
    let options = MemoryOptions { blocks, huge_pages: true, ..MemoryOptions::default() };
    Ok(Box::new(MemoryDevice::new("memory", &options)?))
}

fn file(path: &Path, bytes: u64, buffers: &Pool) -> anyhow::Result<Device> {
    let options = UringOptions { create_bytes: Some(bytes), ..UringOptions::default() };
    Ok(Box::new(UringDevice::open(path, &options, buffers)?))
}

/// A new pool on a device, whatever that holds.
pub(crate) fn formatted(clock: Clock, device: Device, buffers: &Pool) -> anyhow::Result<ThinPool<Device>> {
    let mut pool = ThinPool::new(device, buffers)?;
    pool.begin_format(FormatOptions { uuid: Uuid::new_v4(), force: true })?;
    finish(clock, &mut pool)?;
    Ok(pool)
}

/// A new volume.
pub(crate) fn create(
    clock: Clock,
    pool: &mut ThinPool<Device>,
    name: &str,
    size_bytes: u64,
) -> anyhow::Result<VolumeIndex> {
    let (name, app) = (name.to_owned(), "bench".to_owned());
    let spec = VolumeSpec { name, app, size_bytes, block_size: BlockSize::B4096, uuid: Uuid::new_v4() };
    pool.begin_create(spec, Provision::Thin, 0)?;
    match finish(clock, pool)? {
        ThinDone::Created(index) => Ok(index),
        other => anyhow::bail!("asked for a volume, got {other:?}"),
    }
}

/// Writes a target from its first byte to `bytes`.
pub(crate) fn fill<T: Target>(
    clock: Clock,
    buffers: &Pool,
    target: &mut T,
    bytes: u64,
) -> anyhow::Result<()> {
    let mut load = Load::new(clock, take(buffers, 8, FILL_BYTES));
    let step = u64::from(FILL_BYTES / BLOCK_BYTES);
    let mut blocks = (0..).step_by(usize::try_from(step)?);
    let write = Op::Write { fua: false };
    load.run(target, Until::Ios(bytes / u64::from(FILL_BYTES)), || (write, blocks.next().expect("endless")))?;
    Ok(())
}
