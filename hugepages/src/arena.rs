//! One anonymous mapping: zero until written. Lazy, backed only where touched; or resident, every page there.

use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::slice;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::pages::{Backing, Granted, PageSize};
use crate::resident::{self, Resident};
use crate::{ALIGNMENT, Region, to_usize};

/// Owned, page-aligned memory of a fixed length.
///
/// A lazy one ([`Arena::new`]) costs nothing until it is used: the kernel hands out its pages on first touch. A
/// resident one ([`Arena::resident`]) is for DMA. Reads of what was never written yield zeroes in both.
#[derive(Debug)]
pub struct Arena {
    base: NonNull<u8>,
    length: usize,
    /// What it is made of, if it is resident.
    granted: Option<Granted>,
}

/// Why an arena could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// The length is zero or more than an address space holds.
    #[error("an arena of {length_bytes} bytes cannot be mapped: ask for 1 byte to 2^47 bytes")]
    Length {
        /// What was asked for.
        length_bytes: u64,
    },
    /// The kernel refused the mapping.
    #[error("mapping {length_bytes} bytes of memory failed: {cause}")]
    Map {
        /// What was asked for, rounded up to whole pages.
        length_bytes: u64,
        /// The kernel's answer.
        cause: std::io::Error,
    },
    /// No pages of the sizes that would do.
    #[error(
        "{length_bytes} bytes on {pages} pages are not to be had: {cause}; `sluice host status` tells what is"
    )]
    Pages {
        /// What was asked for.
        length_bytes: u64,
        /// The smallest size of page that would have done.
        pages: PageSize,
        /// The kernel's answer.
        cause: std::io::Error,
    },
}

/// User space of a 64-bit Linux process with four-level page tables ends here.
const LONGEST_BYTES: u64 = 1 << 47;

impl Arena {
    /// Maps `length_bytes` (1 to 2^47), rounded up to whole pages, without reserving swap for them.
    ///
    /// # Errors
    /// [`ArenaError::Length`] outside that range, [`ArenaError::Map`] if the kernel refuses.
    pub fn new(length_bytes: u64) -> Result<Self, ArenaError> {
        if length_bytes == 0 || length_bytes > LONGEST_BYTES {
            return Err(ArenaError::Length { length_bytes });
        }
        let length_bytes = length_bytes.next_multiple_of(u64::from(ALIGNMENT));
        let length = to_usize(length_bytes);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a null hint lets the kernel choose an unused range, so no existing memory is replaced.
        let base = unsafe {
            mmap_anonymous(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, flags)
        };
        match base.map(|base| NonNull::new(base.cast::<u8>())) {
            Ok(Some(base)) => Ok(Self { base, length, granted: None }),
            Ok(None) => Err(ArenaError::Length { length_bytes }),
            Err(cause) => Err(ArenaError::Map { length_bytes, cause: cause.into() }),
        }
    }

    /// Maps `length_bytes` (1 to 2^47), rounded up to whole pages, with all of them present: none is missing later.
    ///
    /// # Errors
    /// [`ArenaError::Length`] outside that range, [`ArenaError::Pages`] if the host has not enough pages of any size
    /// that `backing` accepts.
    pub fn resident(length_bytes: u64, backing: &Backing) -> Result<Self, ArenaError> {
        if length_bytes == 0 || length_bytes > LONGEST_BYTES {
            return Err(ArenaError::Length { length_bytes });
        }
        let mapped = resident::map(length_bytes, backing);
        let Resident { base, length, granted } = mapped.map_err(|refusal| ArenaError::Pages {
            length_bytes,
            pages: refusal.pages,
            cause: refusal.cause,
        })?;
        Ok(Self { base, length, granted: Some(granted) })
    }

    /// What a resident arena is made of; `None` for a lazy one.
    #[must_use]
    pub fn granted(&self) -> Option<&Granted> {
        self.granted.as_ref()
    }

    /// The memory, for registration with a device.
    #[must_use]
    pub fn region(&self) -> Region {
        Region { base: self.base, length_bytes: self.length as u64 }
    }

    /// Makes `range` (bytes) read as zeroes and gives its whole pages back to the kernel.
    ///
    /// The rest, less than a page at either end, is overwritten. Pages that come back cost a page fault on their
    /// next touch; for short ranges that are written again soon, `fill(0)` is the better choice.
    ///
    /// # Panics
    /// If `range` does not lie in the arena.
    pub fn release(&mut self, range: Range<usize>) {
        let page = to_usize(u64::from(ALIGNMENT));
        let (first, end) = (range.start.next_multiple_of(page), range.end / page * page);
        if first >= end || !self.discard(first..end) {
            return self[range].fill(0);
        }
        self[range.start..first].fill(0);
        self[end..range.end].fill(0);
    }

    /// Returns whole pages to the kernel; false if it refuses (locked memory, for one).
    fn discard(&mut self, pages: Range<usize>) -> bool {
        let target = &mut self[pages];
        let (base, length) = (target.as_mut_ptr(), target.len());
        // SAFETY: the range lies in this private anonymous mapping (checked by the slice index), which `self`
        // borrows exclusively: nobody observes the pages turn to zeroes but through later borrows.
        unsafe { madvise(base.cast(), length, Advice::LinuxDontNeed) }.is_ok()
    }

    /// Asks for transparent huge pages, which spare large random-access arenas most TLB misses.
    ///
    /// A wish: kernels without them ignore it, and so does this call.
    pub fn prefer_huge_pages(&mut self) {
        // SAFETY: the whole mapping belongs to `self`; the advice changes its page size, never its contents.
        let _ = unsafe { madvise(self.base.as_ptr().cast(), self.length, Advice::LinuxHugepage) };
    }

    /// The first byte, for registration with a device and for the pool that cuts the arena up.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }
}

impl Deref for Arena {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `base` maps `length` initialized (zeroed) bytes until drop, and `&self` keeps writers out.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.length) }
    }
}

impl DerefMut for Arena {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`; `&mut self` makes the borrow exclusive.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr(), self.length) }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: this is the mapping made in `new` or `resident`; all borrows of it ended with `self`.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "a mapping of our own can be unmapped");
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn fresh_memory_is_zero_and_page_aligned() {
        let arena = Arena::new(10_000).unwrap();
        assert_eq!(arena.len(), 12_288);
        assert_eq!(arena.as_ptr().addr() % 4096, 0);
        assert!(arena.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn lengths_outside_the_address_space_are_refused() {
        assert!(matches!(Arena::new(0), Err(ArenaError::Length { .. })));
        assert!(matches!(Arena::new(LONGEST_BYTES + 1), Err(ArenaError::Length { .. })));
        assert!(matches!(Arena::new(LONGEST_BYTES), Err(ArenaError::Map { .. })));
    }

    #[test]
    fn release_zeroes_exactly_its_range() {
        for range in [0..16_384, 1..16_383, 4096..8192, 4095..8193, 100..200, 4000..4200, 5000..5000] {
            let mut arena = Arena::new(16_384).unwrap();
            arena.fill(0xa5);
            arena.release(range.clone());
            for (offset, byte) in arena.iter().enumerate() {
                let expected = if range.contains(&offset) { 0 } else { 0xa5 };
                assert_eq!(*byte, expected, "offset {offset} of {range:?}");
            }
        }
    }

    #[test]
    fn a_large_arena_is_mapped_lazily() {
        let mut arena = Arena::new(1 << 40).unwrap();
        arena.prefer_huge_pages();
        arena[(1 << 40) - 1] = 7;
        assert_eq!(arena[1 << 39], 0);
    }
}
