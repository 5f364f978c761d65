//! The host's memory, as far as it is mapped for the controller.

use sluice_hugepages::{Iova, Region};

/// What was mapped.
#[derive(Debug, Default)]
pub(super) struct HostMemory {
    windows: Vec<(Iova, Region)>,
}

impl HostMemory {
    /// Adds a region. [`Model::map`](super::Model::map) has the conditions.
    pub(super) fn map(&mut self, region: Region, iova: Iova) {
        self.windows.push((iova, region));
    }

    /// Maps nothing any more.
    pub(super) fn unmap_all(&mut self) {
        self.windows.clear();
    }

    /// Copies from the host. `None`: some of it is not mapped.
    pub(super) fn read(&self, iova: u64, bytes: &mut [u8]) -> Option<()> {
        let place = self.place(iova, bytes.len())?;
        // SAFETY: `place` found that the source lies in a region that is mapped (`Model::map`); the target is an
        // exclusive borrow of the model's own, so they do not overlap.
        unsafe { std::ptr::copy_nonoverlapping(place, bytes.as_mut_ptr(), bytes.len()) };
        Some(())
    }

    /// Copies to the host. `None`: some of it is not mapped.
    pub(super) fn write(&self, iova: u64, bytes: &[u8]) -> Option<()> {
        let place = self.place(iova, bytes.len())?;
        // SAFETY: as in `read`; nothing on the host's side borrows the target (`Model::map`).
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        Some(())
    }

    fn place(&self, iova: u64, length: usize) -> Option<*mut u8> {
        let length = length as u64;
        let found = self.windows.iter().find_map(|(start, region)| {
            let offset = iova.checked_sub(start.0)?;
            let inside = offset.checked_add(length)? <= region.length_bytes;
            inside.then_some((offset, region.base))
        });
        let (offset, base) = found?;
        Some(base.as_ptr().wrapping_add(usize::try_from(offset).ok()?))
    }
}
