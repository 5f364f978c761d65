//! One PCI function in our hands.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::event::{EventfdFlags, eventfd};
use sluice_hugepages::{Iova, Region};
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX,
};

use super::bar::Bar;
use super::container::Container;
use super::msix::VectorControl;
use super::{PciAddress, PciError, ioctl};
use crate::hardware::Hardware;

/// Offset of the command register in config space.
const COMMAND: u64 = 4;

/// Command: answer reads and writes of the BARs; reach memory.
const MEMORY_SPACE: u16 = 1 << 1;
const BUS_MASTER: u16 = 1 << 2;

/// An NVMe controller's PCI function, taken from vfio-pci. Dropping it gives it back and ends its access to memory.
#[derive(Debug)]
pub struct PciFunction {
    registers: Bar,
    interrupt: Option<Interrupt>,
    /// Signalled when the host wants the function back.
    request: OwnedFd,
    config_offset: u64,
    device: File,
    /// Last, so that the mappings end when nothing uses them any more.
    container: Container,
}

/// The I/O queue's interrupt.
#[derive(Debug)]
struct Interrupt {
    event: OwnedFd,
    /// The region of the vector's mask, if it is another one than the registers'.
    table: Option<Bar>,
    control: VectorControl,
}

impl PciFunction {
    /// Takes the function at `address` from vfio-pci, for this process alone. It reaches no memory yet.
    ///
    /// # Errors
    /// Every [`PciError`] but [`PciError::Map`] and [`PciError::Start`].
    pub fn open(address: PciAddress) -> Result<Self, PciError> {
        let container = Container::open(address)?;
        let name = CString::new(address.to_string()).expect("an address has no NUL");
        let device = ioctl::device_fd(&container.group, &name);
        let device = device.map_err(PciError::call("VFIO_GROUP_GET_DEVICE_FD"))?;
        let region =
            |index| ioctl::region(&device, index).map_err(PciError::call("VFIO_DEVICE_GET_REGION_INFO"));
        let config_offset = region(VFIO_PCI_CONFIG_REGION_INDEX)?.offset;
        let registers = Bar::map(&device, &region(VFIO_PCI_BAR0_REGION_INDEX)?);
        let registers = registers.map_err(PciError::call("map BAR 0"))?;
        let request = event().map_err(PciError::call("eventfd"))?;
        // Without it only a drive that is pulled without notice is noticed: an old kernel's lack, no reason to refuse.
        let _ = ioctl::signal_on(&device, VFIO_PCI_REQ_IRQ_INDEX, &request);
        let device = device.into();
        let mut function = Self { registers, interrupt: None, request, config_offset, device, container };
        function
            .set_command(MEMORY_SPACE | BUS_MASTER, 0)
            .map_err(PciError::call("write the command register"))?;
        function.interrupt = function.open_interrupt().map_err(PciError::call("set up MSI-X"))?;
        Ok(function)
    }

    /// Lets the function reach a region; its address of the region's start.
    ///
    /// # Errors
    /// [`PciError::Map`].
    ///
    /// # Safety
    /// The region stays mapped until the function is dropped, and nothing in it is borrowed while the function may
    /// write it.
    pub unsafe fn map(&mut self, region: Region) -> Result<Iova, PciError> {
        // SAFETY: forwarded to the caller.
        unsafe { self.container.map(region) }
    }

    /// Vector 0, masked; `None`: the function has no MSI-X.
    fn open_interrupt(&self) -> io::Result<Option<Interrupt>> {
        let mut config = [0; 256];
        self.device.read_exact_at(&mut config, self.config_offset)?;
        let vectors = ioctl::interrupts(&self.device, VFIO_PCI_MSIX_IRQ_INDEX)?;
        let Some(control) = VectorControl::find(&config).filter(|_| vectors > 0) else { return Ok(None) };
        let table = match u32::from(control.bar) {
            VFIO_PCI_BAR0_REGION_INDEX => None,
            index => {
                let region = ioctl::region(&self.device, index)?;
                Some(Bar::map(&self.device.try_clone()?.into(), &region)?)
            }
        };
        let event = event()?;
        ioctl::signal_on(&self.device, VFIO_PCI_MSIX_IRQ_INDEX, &event)?;
        Ok(Some(Interrupt { event, table, control }))
    }

    /// Sets and clears bits of the command register.
    fn set_command(&self, set: u16, clear: u16) -> io::Result<()> {
        let mut bytes = [0; 2];
        self.device.read_exact_at(&mut bytes, self.config_offset + COMMAND)?;
        let command = u16::from_le_bytes(bytes) & !clear | set;
        self.device.write_all_at(&command.to_le_bytes(), self.config_offset + COMMAND)
    }

    fn set_masked(&self, masked: bool) {
        if let Some(Interrupt { table, control, .. }) = &self.interrupt {
            table.as_ref().unwrap_or(&self.registers).write32(control.offset, u32::from(masked));
        }
    }
}

fn event() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

impl Hardware for PciFunction {
    #[inline]
    fn read32(&self, offset: u32) -> u32 {
        self.registers.read32(offset)
    }

    fn read64(&self, offset: u32) -> u64 {
        // Two halves, low first: every controller takes that, not all take eight bytes at once.
        u64::from(self.read32(offset)) | u64::from(self.read32(offset + 4)) << 32
    }

    #[inline]
    fn write32(&self, offset: u32, value: u32) {
        self.registers.write32(offset, value);
    }

    fn write64(&self, offset: u32, value: u64) {
        let [a, b, c, d, high @ ..] = value.to_le_bytes();
        self.write32(offset, u32::from_le_bytes([a, b, c, d]));
        self.write32(offset + 4, u32::from_le_bytes(high));
    }

    fn cut_off(&self) {
        // A function that does not even take this is off the bus, and reaches nothing.
        let _ = self.set_command(0, BUS_MASTER);
    }

    fn interrupt(&self) -> Option<OwnedFd> {
        self.interrupt.as_ref()?.event.try_clone().ok()
    }

    fn unmask(&self) {
        self.set_masked(false);
    }

    fn mask(&self) {
        self.set_masked(true);
    }

    fn removal_requested(&self) -> bool {
        rustix::io::read(&self.request, &mut [0; 8]).is_ok()
    }
}
