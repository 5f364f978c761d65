//! Local devices behind the same engine: a file or block device through io_uring, memory, or nothing at all.
//!
//! One [`LocalQueue`] per job, made on the thread that polls it, because pool buffers do not leave their thread.

use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::null::{NullDevice, NullOptions};
use sluice_device::{BlockDevice, Completion, DeviceInfo, Nanos, Op, Request};
use sluice_hugepages::{Class, Pool, PoolConfig};
use sluice_uring::{UringDevice, UringOptions};

use crate::engine::clock::Clock;
use crate::engine::lane::Lane;
use crate::engine::load::{Load, Violation};
use crate::geometry::Geometry;
use crate::rng::Rng;
use crate::spec::{JobSpec, Target};
use crate::workload::{Access, AccessOp};

/// Completions taken per poll.
const BATCH: usize = 128;
/// Logical block of the memory and null devices.
const BLOCK_BYTES: u32 = 512;

/// A device that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error("cannot reserve memory: {0}")]
    Pool(#[from] sluice_hugepages::PoolError),
    #[error("cannot reserve memory for the device: {0}")]
    Memory(#[from] sluice_hugepages::ArenaError),
    #[error("cannot open the device: {0}")]
    Uring(#[from] sluice_uring::UringError),
}

/// One device and its I/O.
pub(crate) struct LocalQueue {
    device: Box<dyn BlockDevice>,
    pool: Pool,
    fua: bool,
    requests: Vec<Request>,
    completions: Vec<Completion>,
}

impl LocalQueue {
    /// Opens the device of `job`.
    ///
    /// # Panics
    /// If the target is not local.
    pub(crate) fn open(job: &JobSpec) -> Result<Self, LocalError> {
        let pool = pool(job)?;
        let device = open_device(job, &pool)?;
        let depth = usize::from(job.queue_depth);
        let completions = std::iter::repeat_with(Completion::default).take(BATCH.min(depth)).collect();
        let requests = Vec::with_capacity(depth);
        Ok(Self { device, pool, fua: job.fua, requests, completions })
    }

    pub(crate) fn geometry(&self) -> Geometry {
        let info: &DeviceInfo = self.device.info();
        Geometry {
            block_bytes: info.block_size,
            blocks: info.blocks,
            max_transfer_bytes: info.max_transfer_blocks.saturating_mul(info.block_size),
            deallocate: info.max_deallocate_blocks > 0,
            write_zeroes: info.max_write_zeroes_blocks > 0,
        }
    }

    /// Takes completions and sends what `load` wants next. True if anything happened.
    pub(crate) fn poll(
        &mut self,
        lane: &mut Lane,
        load: &mut Load,
        clock: Clock,
        now_ns: u64,
    ) -> Result<bool, Violation> {
        let done = self.device.poll(Nanos(now_ns), &mut self.completions);
        let now_ns = if done > 0 { clock.now_ns() } else { now_ns };
        for completion in &mut self.completions[..done] {
            take(std::mem::take(completion), lane, load, now_ns)?;
        }
        self.fill(lane, load, now_ns);
        let staged = self.requests.len();
        if staged > 0 {
            let accepted = self.device.submit(Nanos(now_ns), &mut self.requests);
            self.requests.drain(..accepted);
        }
        Ok(done > 0 || staged > 0)
    }

    fn fill(&mut self, lane: &mut Lane, load: &mut Load, now_ns: u64) {
        while let Some(slot) = load.next(lane, now_ns) {
            let access = lane.slots[usize::from(slot)].access;
            let request = self.request(slot, access, load);
            self.requests.push(request);
        }
    }

    fn request(&self, slot: u16, access: Access, load: &Load) -> Request {
        let fua = self.fua;
        let op = match access.op {
            AccessOp::Read => Op::Read,
            AccessOp::Write => Op::Write { fua },
            AccessOp::Deallocate => Op::Deallocate,
            AccessOp::WriteZeroes => Op::WriteZeroes { fua, deallocate: false },
        };
        let mut buffer = None;
        if matches!(access.op, AccessOp::Read | AccessOp::Write) {
            let length = crate::num::len32(load.geometry.length(access.blocks));
            let mut taken = self.pool.take(length).expect("a buffer for every slot");
            if access.op == AccessOp::Write {
                load.stamp(access, &mut taken);
            }
            buffer = Some(taken);
        }
        Request { tag: u32::from(slot), op, lba: access.lba, blocks: access.blocks, buffer }
    }

    pub(crate) fn device(&self) -> &dyn BlockDevice {
        &*self.device
    }

    pub(crate) fn device_mut(&mut self) -> &mut dyn BlockDevice {
        &mut *self.device
    }
}

fn take(completion: Completion, lane: &mut Lane, load: &mut Load, now_ns: u64) -> Result<(), Violation> {
    let cid = u16::try_from(completion.tag).expect("tags are slots");
    let access = lane.slots[usize::from(cid)].access;
    if access.op == AccessOp::Read && completion.result.is_ok() {
        match &completion.buffer {
            _ if completion.zeroes => load.zeroes(lane, cid),
            Some(buffer) => load.data(lane, cid, 0, &buffer[..load.geometry.length(access.blocks)])?,
            None => {}
        }
    }
    load.complete(lane, cid, completion.result.map_err(Into::into), now_ns)
}

/// Buffers for a full queue, filled with noise so that writes cannot be shrunk on the way.
fn pool(job: &JobSpec) -> Result<Pool, LocalError> {
    // Passes over the whole region may use larger accesses than the job does.
    let largest = job.sizes.largest().max(128 << 10);
    let buffer_bytes = largest.next_multiple_of(4096);
    let count = u32::from(job.queue_depth);
    let pool = Pool::new(&PoolConfig { classes: vec![Class { buffer_bytes, count }] })?;
    let mut rng = Rng::new(job.seed);
    let mut buffers: Vec<_> = std::iter::from_fn(|| pool.take(buffer_bytes)).collect();
    for word in buffers.iter_mut().flat_map(|buffer| buffer.chunks_exact_mut(8)) {
        word.copy_from_slice(&rng.next_u64().to_le_bytes());
    }
    drop(buffers);
    Ok(pool)
}

fn open_device(job: &JobSpec, pool: &Pool) -> Result<Box<dyn BlockDevice>, LocalError> {
    let queue_depth = u32::from(job.queue_depth);
    let block_size = BLOCK_BYTES;
    match &job.target {
        Target::Memory { bytes } => {
            let blocks = bytes / u64::from(block_size);
            let options = MemoryOptions { block_size, blocks, queue_depth, ..MemoryOptions::default() };
            Ok(Box::new(MemoryDevice::new("memory", &options)?))
        }
        Target::Null { bytes } => {
            let blocks = bytes / u64::from(block_size);
            Ok(Box::new(NullDevice::new("null", &NullOptions { block_size, blocks, queue_depth })))
        }
        Target::Path(path) => {
            // A file has no block of its own: smaller accesses than the usual 4 KiB ask for the smallest there is.
            let small = job.sizes.entries().iter().any(|&(bytes, _)| !bytes.is_multiple_of(4096));
            let block_size = small.then_some(BLOCK_BYTES);
            let options = UringOptions { block_size, queue_depth, ..UringOptions::default() };
            Ok(Box::new(UringDevice::open(path, &options, pool)?))
        }
        Target::Tcp(_) => unreachable!("the engine opens connections for network targets"),
    }
}
