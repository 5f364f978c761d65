//! The map of the memory shared with the controller, computed once.
//!
//! ```text
//!  0        admin submission queue        one page
//!  1        admin completion queue        one page
//!  2        data of admin commands        one page
//!  3        shadow doorbells              one page
//!  4        their event indices           one page
//!  5        zeroes                        one page, never written
//!  6        I/O submission queue          whole pages
//!           I/O completion queue          whole pages
//!           lists: one per slot           LIST_BYTES each
//! ```

use sluice_hugepages::{Iova, PageSize};
use sluice_nvme::cqe::CQE_BYTES;
use sluice_nvme::sqe::SQE_BYTES;

use crate::queue::{Ring, Shadow};

/// A page of the controller, as CC.MPS = 0 says.
pub(crate) use sluice_nvme_block::PAGE_BYTES;

/// One slot's list of PRP entries, or the range of its Dataset Management: 256 entries, which with PRP1 is a MiB.
/// Two lists share a page; none crosses one.
pub(crate) const LIST_BYTES: u32 = 2048;

/// Longest transfer that one list describes.
pub(crate) const LIST_REACH_BYTES: u32 = LIST_BYTES / 8 * PAGE_BYTES;

/// Entries of either admin queue: a page of submission entries, as much as the rest of the driver asks at once.
pub(crate) const ADMIN_ENTRIES: u16 = 64;

const PAGE: u64 = PAGE_BYTES as u64;

/// Where everything is, in bytes from the start of the shared memory, and the start's address for the controller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) iova: Iova,
    pub(crate) submission: Ring,
    pub(crate) completion: Ring,
    lists: u64,
    pub(crate) length_bytes: u64,
}

impl Layout {
    pub(crate) const ADMIN_SUBMISSION: Ring = Ring { offset: 0, entries: ADMIN_ENTRIES };
    pub(crate) const ADMIN_COMPLETION: Ring = Ring { offset: PAGE, entries: ADMIN_ENTRIES };
    /// Data of admin commands.
    pub(crate) const DATA: u64 = 2 * PAGE;
    pub(crate) const SHADOW: u64 = 3 * PAGE;
    pub(crate) const EVENT_INDEX: u64 = 4 * PAGE;
    pub(crate) const ZEROES: u64 = 5 * PAGE;

    /// The layout for I/O queues of `entries` entries, one of which always stays free.
    pub(crate) fn new(iova: Iova, entries: u16) -> Self {
        let whole = |bytes: usize| (u64::from(entries) * bytes as u64).next_multiple_of(PAGE);
        let submission = Ring { offset: 6 * PAGE, entries };
        let completion = Ring { offset: submission.offset + whole(SQE_BYTES), entries };
        let lists = completion.offset + whole(CQE_BYTES);
        let length_bytes = lists + (u64::from(entries) * u64::from(LIST_BYTES)).next_multiple_of(PAGE);
        debug_assert!(length_bytes.is_multiple_of(PageSize::Ordinary.bytes()), "whole pages");
        Self { iova, submission, completion, lists, length_bytes }
    }

    /// The controller's address of what lies at `offset`.
    #[inline]
    pub(crate) fn iova(&self, offset: u64) -> u64 {
        self.iova.0 + offset
    }

    /// The list of slot `index`.
    #[inline]
    pub(crate) fn list(&self, index: u16) -> u64 {
        self.lists + u64::from(index) * u64::from(LIST_BYTES)
    }

    /// The shadow of doorbell `index`, for doorbell stride `dstrd`: shadows are spaced as the registers are.
    pub(crate) fn shadow(index: u16, dstrd: u8) -> Shadow {
        let place = u64::from(index) << (2 + dstrd);
        Shadow { value: Self::SHADOW + place, event_index: Self::EVENT_INDEX + place }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn parts_do_not_overlap_and_lists_do_not_cross_pages() {
        for entries in [2, 64, 65, 1024, 4096] {
            let layout = Layout::new(Iova(1 << 32), entries);
            let end = |offset: u64, bytes: u64| offset + bytes;
            assert!(end(Layout::ZEROES, PAGE) <= layout.submission.offset);
            assert!(end(layout.submission.offset, u64::from(entries) * 64) <= layout.completion.offset);
            assert!(end(layout.completion.offset, u64::from(entries) * 16) <= layout.list(0));
            let last = layout.list(entries - 1);
            assert!(end(last, u64::from(LIST_BYTES)) <= layout.length_bytes);
            assert!((0..entries).all(|index| layout.list(index) % PAGE + u64::from(LIST_BYTES) <= PAGE));
            assert_eq!(layout.submission.offset % PAGE + layout.completion.offset % PAGE, 0);
        }
    }
}
