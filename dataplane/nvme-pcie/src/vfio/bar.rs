//! A base address region of the drive, mapped: registers and doorbells.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use vfio_bindings::bindings::vfio::vfio_region_info;

/// Registers, read and written one by one, in order, each exactly once.
#[derive(Debug)]
pub(super) struct Bar {
    base: NonNull<u8>,
    length: usize,
}

impl Bar {
    /// Maps a whole region of a device.
    pub(super) fn map(device: &OwnedFd, region: &vfio_region_info) -> io::Result<Self> {
        let length = usize::try_from(region.size).map_err(io::Error::other)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a null hint lets the kernel choose an unused range, so no existing memory is replaced.
        let base = unsafe {
            mmap(std::ptr::null_mut(), length, protection, MapFlags::SHARED, device, region.offset)
        }?;
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { base, length })
    }

    /// Reads four bytes; all ones beyond the end, as from a device that is gone.
    #[inline]
    pub(super) fn read32(&self, offset: u32) -> u32 {
        let Some(register) = self.place::<u32>(offset) else { return u32::MAX };
        // SAFETY: `place` found it inside the mapping and aligned; volatile, for a device may change it at any time.
        u32::from_le(unsafe { register.read_volatile() })
    }

    /// Writes four bytes. Stores to memory that came before are visible to the device when it takes notice.
    #[inline]
    pub(super) fn write32(&self, offset: u32, value: u32) {
        let Some(register) = self.place::<u32>(offset) else { return };
        fence(Ordering::SeqCst);
        // SAFETY: as in `read32`.
        unsafe { register.write_volatile(value.to_le()) };
    }

    #[inline]
    fn place<T>(&self, offset: u32) -> Option<*mut T> {
        let offset = offset as usize;
        let inside = offset.is_multiple_of(size_of::<T>()) && offset + size_of::<T>() <= self.length;
        inside.then(|| self.base.as_ptr().wrapping_add(offset).cast())
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `map`; pointers into it live no longer than a call.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own can be unmapped");
    }
}
