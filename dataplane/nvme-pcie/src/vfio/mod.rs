//! The VFIO edge: a PCI function that the kernel handed to this process, as [`Hardware`].
//!
//! ```text
//!  /dev/vfio/vfio   container: what the IOMMU lets the device reach
//!    └ /dev/vfio/N  group: the device, and whatever the IOMMU cannot tell from it
//!        └ device   BAR 0 mapped, config space, interrupts as eventfds
//! ```
//! Written on the kernel's structures (`vfio-bindings`) rather than on `vfio-ioctls`: that crate looks its device up
//! in sysfs again when it lets go of it and panics if it is not there, which is what a drive that is being pulled
//! looks like; and it keeps the errors of config space to itself.

mod address;
mod bar;
mod container;
mod drive;
mod error;
mod function;
mod ioctl;
mod msix;
mod sysfs;

use std::rc::Rc;

use sluice_device::{Nanos, Pool};
use sluice_hugepages::{Backing, Class, DmaMemory, PageSize, PoolConfig};
use sluice_nvme::property::Cap;

pub use address::{AddressError, PciAddress};
pub use drive::Drive;
pub use error::PciError;
pub use function::PciFunction;

use crate::hardware::Hardware;
use crate::{Erase, Facts, Memory, Observer, Opening, Options, memory_bytes};

/// The NUMA node that a function hangs on, if the host has several.
#[must_use]
pub fn numa_node(address: PciAddress) -> Option<u32> {
    sysfs::numa_node(address)
}

/// Opens the NVMe drive at `address`, which must be bound to vfio-pci, for this process alone. Blocks until it serves.
///
/// Buffers come from `buffers`, which must be resident; the whole pool is mapped for the drive. `clock` is the
/// caller's, read while it waits, and when the drive is dropped, which shuts it down.
///
/// # Errors
/// [`PciError`]; the drive is let go of.
pub fn open(
    address: PciAddress,
    options: &Options,
    buffers: &Pool,
    observer: Observer,
    clock: fn() -> Nanos,
) -> Result<Drive, PciError> {
    let mut opening = begin(address, options, buffers, observer, clock)?;
    loop {
        match opening.poll(clock()) {
            None => std::thread::yield_now(),
            Some(Ok(())) => return Ok(Drive::new(opening.finish(), clock)),
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

/// Erases the drive at `address`, which must be bound to vfio-pci: ALL ITS DATA ARE LOST. Tells what it is afterwards.
///
/// Blocks until that is done, or until `goes_on` is false; what becomes of the drive then, [`PciError::BrokenOff`] tells.
/// It is asked between two looks at the drive, and had better sleep a while. `observer` hears of the progress.
///
/// # Errors
/// [`PciError`]; the drive is let go of.
pub fn erase(
    address: PciAddress,
    options: &Options,
    erase: Erase,
    observer: Observer,
    clock: fn() -> Nanos,
    goes_on: impl Fn() -> bool,
) -> Result<Facts, PciError> {
    let classes = vec![Class { buffer_bytes: 4096, count: 1 }];
    let buffers = Pool::resident(&PoolConfig { classes }, &Backing::default())?;
    let mut opening = begin(address, options, &buffers, observer, clock)?.erasing(erase);
    while goes_on() {
        match opening.poll(clock()) {
            None => {}
            Some(Ok(())) => return Ok(Drive::new(opening.finish(), clock).facts().clone()),
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Err(PciError::BrokenOff { address })
}

/// Takes the drive over, its memory mapped, and begins to reset it.
fn begin(
    address: PciAddress,
    options: &Options,
    buffers: &Pool,
    observer: Observer,
    clock: fn() -> Nanos,
) -> Result<Opening<PciFunction>, PciError> {
    sysfs::check(address)?;
    let mut function = PciFunction::open(address)?;
    let cap = Cap::from_bits(function.read64(0));
    let backing =
        Backing { largest: PageSize::Huge2MiB, smallest: PageSize::Ordinary, node: numa_node(address) };
    let queues = Rc::new(DmaMemory::new(memory_bytes(cap, options), &backing)?);
    // SAFETY: `NvmeDevice`, and `Opening` before it, keep both memories until they have dropped the function; nothing
    // borrows a buffer in flight.
    let queues_iova = unsafe { function.map(queues.region()) }?;
    // SAFETY: as above.
    let buffers_iova = unsafe { function.map(buffers.region()) }?;
    let memory = Memory { queues, queues_iova, buffers: buffers.clone(), buffers_iova };
    Ok(Opening::new(function, memory, options.clone(), observer, clock()))
}
