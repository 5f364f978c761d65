//! What the driver needs of the bus: the seam between the machine and a controller, real or modelled.

use std::os::fd::OwnedFd;

/// A register read from a device that is no longer on the bus: no answer reads as ones.
pub(crate) const NO_ANSWER: u32 = u32::MAX;

/// A controller on the bus. Calls never wait for it.
///
/// Dropping it lets go of the device: afterwards it reaches no memory of this process.
pub trait Hardware {
    /// Reads the register at `offset` bytes; all ones if the device is gone.
    fn read32(&self, offset: u32) -> u32;

    /// Reads the register of eight bytes at `offset` bytes.
    fn read64(&self, offset: u32) -> u64;

    /// Writes the register at `offset` bytes.
    fn write32(&self, offset: u32, value: u32);

    /// Writes the register of eight bytes at `offset` bytes.
    fn write64(&self, offset: u32, value: u64);

    /// Keeps the device from reaching memory from now on, in whatever state it is.
    fn cut_off(&self);

    /// A descriptor that becomes readable at the interrupt of the I/O queue, while unmasked. `None`: it has none.
    fn interrupt(&self) -> Option<OwnedFd>;

    /// Lets the I/O queue's interrupt through; one that came while it was masked comes now.
    fn unmask(&self);

    /// Holds the I/O queue's interrupt back.
    fn mask(&self);

    /// The host wants the device back: let go of it soon.
    fn removal_requested(&self) -> bool;
}
