//! From a device's configuration to the device itself. Runs on the reactor's thread, over its buffers.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::null::{NullDevice, NullOptions};
use sluice_device::{BlockDevice, Pool};
use sluice_hugepages::ArenaError;
use sluice_uring::{UringDevice, UringError, UringOptions};

use crate::config::{DeviceConfig, Source, Volatile};

/// How long a lock may outlive its daemon, and how often it is looked at.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why a device cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// There is no file and no size to create one with.
    #[error("{0} does not exist: give the device a `size` to have it created")]
    Missing(PathBuf),
    /// Not memory enough for a memory device.
    #[error(transparent)]
    Memory(#[from] ArenaError),
    /// A file or block device.
    #[error(transparent)]
    Uring(#[from] UringError),
}

/// Opens a device over the reactor's buffers.
pub(super) fn open(device: &DeviceConfig, buffers: &Pool) -> Result<Box<dyn BlockDevice>, OpenError> {
    match &device.source {
        Source::File { path, block_size, create_bytes } => {
            let missing = !path.exists();
            if missing && create_bytes.is_none() {
                return Err(OpenError::Missing(path.clone()));
            }
            let create_bytes = create_bytes.filter(|_| missing);
            uring(
                path,
                UringOptions { block_size: Some(*block_size), create_bytes, ..UringOptions::default() },
                buffers,
            )
        }
        Source::Block { path } => uring(path, UringOptions::default(), buffers),
        Source::Memory(shape) => Ok(Box::new(memory(&device.name, *shape)?)),
        Source::Null(shape) => Ok(Box::new(null(&device.name, *shape))),
    }
}

fn uring(path: &Path, options: UringOptions, buffers: &Pool) -> Result<Box<dyn BlockDevice>, OpenError> {
    let device = open_when_free(path, &options, buffers)?;
    tracing::info!(path = %path.display(), modes = %device.modes(), "opened");
    Ok(Box::new(device))
}

/// A daemon that was killed leaves its lock for the time the kernel needs to end its I/O (30 to 230 ms were
/// measured), and its successor must not take that for another daemon.
fn open_when_free(path: &Path, options: &UringOptions, buffers: &Pool) -> Result<UringDevice, UringError> {
    let begun = Instant::now();
    loop {
        match UringDevice::open(path, options, buffers) {
            Err(UringError::InUse { .. }) if begun.elapsed() < LOCK_PATIENCE => thread::sleep(LOCK_PAUSE),
            outcome => return outcome,
        }
    }
}

fn memory(name: &str, shape: Volatile) -> Result<MemoryDevice, ArenaError> {
    let (block_size, blocks) = (shape.block_size, shape.size_bytes / u64::from(shape.block_size));
    // Random access to ordinary pages misses the TLB on nearly every block.
    let options = MemoryOptions { block_size, blocks, huge_pages: true, ..MemoryOptions::default() };
    MemoryDevice::new(name, &options)
}

fn null(name: &str, shape: Volatile) -> NullDevice {
    let blocks = shape.size_bytes / u64::from(shape.block_size);
    NullDevice::new(name, &NullOptions { block_size: shape.block_size, blocks, ..NullOptions::default() })
}
