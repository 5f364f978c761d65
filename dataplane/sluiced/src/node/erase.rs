//! Erasing a drive in user space: looked at first, then formatted or sanitized.

use std::thread;
use std::time::{Duration, Instant};

use sluice_device::{BlockDevice, Completion, IoError, Op, Pool, Request};
use sluice_hugepages::{Backing, Class, PoolConfig, PoolError};
use sluice_nvme_pcie::vfio::{self, PciAddress, PciError};
use sluice_nvme_pcie::{Erase, Event, Facts, Options, StartError};
use sluice_reactor::clock;

use super::drive::DriveWatch;

/// Reading what a drive begins with may take so long: as many commands' timeouts as it is retried.
const LOOK: Duration = Duration::from_secs(60);

/// Between two looks for a completion.
const PAUSE: Duration = Duration::from_micros(100);

/// Longest read of the look.
const READ_BYTES: u32 = 64 << 10;

/// Why a drive is not erased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EraseError {
    /// It is not ours to erase.
    #[error(
        "{uri} is not an NVMe drive in user space: erase what stays with the kernel by its tools (`nvme format`)"
    )]
    NoDrive {
        /// What it is.
        uri: String,
    },
    /// It holds something.
    #[error("the drive holds {0}: use --force to lose it")]
    Holds(&'static str),
    /// It is in no state to be read, so nobody knows what it holds.
    #[error("nobody can tell what the drive holds ({0}): use --force to lose it")]
    Unreadable(String),
    /// Another call has it.
    #[error("the drive is being erased already, or opened: wait until that is done")]
    Busy,
    /// A buffer to look at it with.
    #[error(transparent)]
    Buffers(#[from] PoolError),
    /// The drive.
    #[error(transparent)]
    Drive(#[from] PciError),
}

/// A drive that nobody serves.
#[derive(Debug)]
pub(super) struct Drive<'a> {
    pub(super) name: &'a str,
    pub(super) address: PciAddress,
    pub(super) namespace: Option<u32>,
    pub(super) watch: &'a DriveWatch,
}

impl Drive<'_> {
    /// Refuses a drive that holds something.
    pub(super) fn look(&self) -> Result<(), EraseError> {
        let classes = vec![Class { buffer_bytes: READ_BYTES, count: 1 }];
        let buffers = Pool::resident(&PoolConfig { classes }, &Backing::default())?;
        let drive = vfio::open(self.address, &self.options(), &buffers, Box::new(|_| {}), clock::now);
        let mut drive = match drive {
            Ok(drive) => drive,
            Err(PciError::Start(StartError::Namespace(cause))) => {
                return Err(EraseError::Unreadable(cause.to_string()));
            }
            Err(error) => return Err(error.into()),
        };
        let beginning = beginning(&mut drive, &buffers);
        let beginning = beginning.map_err(|error| EraseError::Unreadable(error.to_string()))?;
        sluice_host::holds(&beginning).map_or(Ok(()), |what| Err(EraseError::Holds(what)))
    }

    /// Erases it, until that is done or `goes_on` is false.
    pub(super) fn erase(&self, erase: Erase, goes_on: impl Fn() -> bool) -> Result<Facts, EraseError> {
        let (name, ears) = (self.name.to_owned(), self.watch.clone());
        let observer = Box::new(move |event: Event| ears.hear(&name, &event));
        tracing::warn!(device = self.name, ?erase, "erasing the drive");
        let facts = vfio::erase(self.address, &self.options(), erase, observer, clock::now, goes_on)?;
        tracing::warn!(device = self.name, block_size = facts.block_size, blocks = facts.blocks, "erased");
        Ok(facts)
    }

    fn options(&self) -> Options {
        Options { name: self.address.to_string(), namespace: self.namespace, ..Options::default() }
    }
}

/// What a device begins with, as far as it tells what the device holds.
fn beginning(device: &mut impl BlockDevice, buffers: &Pool) -> Result<Vec<u8>, IoError> {
    let (block_size, capacity) = (device.info().block_size, device.info().size_bytes());
    let length = u64::from(sluice_host::LOOK_BYTES).min(capacity);
    let most = device.info().max_transfer_blocks.min(READ_BYTES / block_size);
    let mut beginning = Vec::new();
    while (beginning.len() as u64) < length {
        let lba = beginning.len() as u64 / u64::from(block_size);
        let left = (capacity - beginning.len() as u64) / u64::from(block_size);
        let blocks = most.min(u32::try_from(left).unwrap_or(most));
        let buffer = buffers.take(blocks * block_size);
        let read = run(device, Request { tag: 0, op: Op::Read, lba, blocks, buffer });
        read.result?;
        match &read.buffer {
            Some(buffer) if !read.zeroes => {
                beginning.extend_from_slice(&buffer[..(blocks * block_size) as usize])
            }
            _ => beginning.resize(beginning.len() + (blocks * block_size) as usize, 0),
        }
    }
    Ok(beginning)
}

/// Waits for one request.
fn run(device: &mut impl BlockDevice, request: Request) -> Completion {
    let begun = Instant::now();
    let mut completion = [Completion { result: Err(IoError::Internal), ..Completion::default() }];
    let _ = device.submit(clock::now(), &mut [request]);
    while device.poll(clock::now(), &mut completion) == 0 && begun.elapsed() < LOOK {
        thread::sleep(PAUSE);
    }
    let [completion] = completion;
    completion
}

#[cfg(test)]
mod test {
    use sluice_device::memory::{MemoryDevice, MemoryOptions};

    use super::*;

    fn pool() -> Pool {
        let classes = vec![Class { buffer_bytes: READ_BYTES, count: 1 }];
        Pool::new(&PoolConfig { classes }).expect("memory")
    }

    fn device(blocks: u64, block_size: u32) -> MemoryDevice {
        MemoryDevice::new("m", &MemoryOptions { block_size, blocks, ..MemoryOptions::default() })
            .expect("memory")
    }

    #[test]
    fn the_beginning_is_read_whole_however_short_the_device_is() {
        for (blocks, block_size, expected) in
            [(4096, 512, 1 << 20), (1024, 4096, 1 << 20), (3, 512, 1536), (129, 512, 129 * 512)]
        {
            let (mut device, pool) = (device(blocks, block_size), pool());
            let mut buffer = pool.take(block_size).expect("a buffer");
            buffer.fill(7);
            let op = Op::Write { fua: false };
            let write = Request { tag: 0, op, lba: 2, blocks: 1, buffer: Some(buffer) };
            assert_eq!(run(&mut device, write).result, Ok(()));
            let read = beginning(&mut device, &pool).expect("readable");
            let marked = 2 * block_size as usize..3 * block_size as usize;
            assert_eq!(read.len(), expected, "{blocks} blocks of {block_size}");
            assert!((0..).zip(&read).all(|(at, byte)| *byte == if marked.contains(&at) { 7 } else { 0 }));
        }
    }
}
