//! From a device's configuration to the device itself. Runs on the reactor's thread, over its buffers.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use sluice_device::cached::CachedDevice;
use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::null::{NullDevice, NullOptions};
use sluice_device::ssd::{SsdDevice, SsdOptions};
use sluice_device::{BlockDevice, Nanos, Pool};
use sluice_hugepages::{ArenaError, Backing};
use sluice_nvme_pcie::Options;
use sluice_nvme_pcie::vfio::{self, PciAddress, PciError};
use sluice_reactor::clock;
use sluice_uring::{NgDevice, UringDevice, UringError, UringOptions};

use super::drive::DriveWatch;
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
    /// A file for tests.
    #[error("cannot open the file: {0}")]
    Cached(#[from] std::io::Error),
    /// Not memory enough for a memory device.
    #[error(transparent)]
    Memory(#[from] ArenaError),
    /// A file or block device.
    #[error(transparent)]
    Uring(#[from] UringError),
    /// It is being formatted or sanitized.
    #[error("its drive is being erased: wait until that is done")]
    Erasing,
    /// A drive in user space.
    #[error(transparent)]
    Pcie(#[from] PciError),
}

/// What the buffers of a device's reactor are to be made of: a drive reaches them by itself, through the IOMMU.
pub(crate) fn backing(source: &Source) -> Option<Backing> {
    match source {
        Source::Pcie { address, .. } => {
            Some(Backing { node: vfio::numa_node(*address), ..Backing::default() })
        }
        _ => None,
    }
}

/// Opens a device over the reactor's buffers. `watch` is told what a drive tells.
pub(crate) fn open(
    device: &DeviceConfig,
    buffers: &Pool,
    watch: &DriveWatch,
) -> Result<Box<dyn BlockDevice>, OpenError> {
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
        Source::Ng { path } => {
            let device = when_free(|| NgDevice::open(path, &UringOptions::default(), buffers))?;
            tracing::info!(path = %path.display(), modes = %device.modes(), "opened");
            Ok(Box::new(device))
        }
        Source::Pcie { address, namespace, queue_pairs } => {
            let (name, namespace, queue_pairs) = (address.to_string(), *namespace, *queue_pairs);
            let options = Options { name, namespace, queue_pairs, ..Options::default() };
            pcie(&device.name, *address, &options, buffers, watch)
        }
        Source::Cached { path, shape } => {
            let blocks = shape.size_bytes / u64::from(shape.block_size);
            Ok(Box::new(CachedDevice::open(path, shape.block_size, blocks)?))
        }
        Source::Memory(shape) => Ok(Box::new(memory(&device.name, *shape, false)?)),
        Source::Ssd { shape, dies, slowdown } => {
            // Its time is the model's, not the kernel's for finding pages.
            let memory = memory(&device.name, *shape, true)?;
            let model = SsdOptions::default();
            let slow = |time: Nanos| Nanos(time.0 * u64::from(*slowdown));
            let (read, write) = (slow(model.read), slow(model.write));
            Ok(Box::new(SsdDevice::new(memory, SsdOptions { dies: *dies, read, write, ..model })))
        }
        Source::Null(shape) => Ok(Box::new(null(&device.name, *shape))),
    }
}

fn uring(path: &Path, options: UringOptions, buffers: &Pool) -> Result<Box<dyn BlockDevice>, OpenError> {
    let device = when_free(|| UringDevice::open(path, &options, buffers))?;
    tracing::info!(path = %path.display(), modes = %device.modes(), "opened");
    Ok(Box::new(device))
}

fn pcie(
    device: &str,
    address: PciAddress,
    options: &Options,
    buffers: &Pool,
    watch: &DriveWatch,
) -> Result<Box<dyn BlockDevice>, OpenError> {
    watch.forget();
    let (name, ears) = (device.to_owned(), watch.clone());
    let observer = Box::new(move |event| ears.hear(&name, &event));
    let drive = vfio::open(address, options, buffers, observer, clock::now)?;
    let (facts, pages) = (drive.facts(), buffers.granted().map(ToString::to_string));
    let (model, serial, queue_pairs) = (&facts.model, &facts.serial, drive.queue_pairs());
    tracing::info!(device, model, serial, queue_pairs, buffers = pages, "opened the drive");
    Ok(Box::new(drive))
}

/// A daemon that was killed leaves its lock for the time the kernel needs to end its I/O (30 to 230 ms were
/// measured), and its successor must not take that for another daemon.
fn when_free<D>(open: impl Fn() -> Result<D, UringError>) -> Result<D, UringError> {
    let begun = Instant::now();
    loop {
        match open() {
            Err(UringError::InUse { .. }) if begun.elapsed() < LOCK_PATIENCE => thread::sleep(LOCK_PAUSE),
            outcome => return outcome,
        }
    }
}

fn memory(name: &str, shape: Volatile, resident: bool) -> Result<MemoryDevice, ArenaError> {
    let (block_size, blocks) = (shape.block_size, shape.size_bytes / u64::from(shape.block_size));
    // Random access to ordinary pages misses the TLB on nearly every block.
    let options =
        MemoryOptions { block_size, blocks, huge_pages: true, resident, ..MemoryOptions::default() };
    MemoryDevice::new(name, &options)
}

fn null(name: &str, shape: Volatile) -> NullDevice {
    let blocks = shape.size_bytes / u64::from(shape.block_size);
    NullDevice::new(name, &NullOptions { block_size: shape.block_size, blocks, ..NullOptions::default() })
}
