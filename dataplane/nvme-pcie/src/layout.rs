//! The map of the memory shared with the controller, computed once.
//!
//! ```text
//!  0        admin submission queue        one page
//!  1        admin completion queue        one page
//!  2        data of admin commands        one page
//!  3        shadow doorbells              one page
//!  4        their event indices           one page
//!  5        zeroes                        one page, never written
//!  6        I/O submission queues         whole pages each
//!           I/O completion queues         whole pages each
//!           lists: one per slot           LIST_BYTES each
//! ```

use sluice_hugepages::{Iova, PageSize};
use sluice_nvme::cqe::CQE_BYTES;
use sluice_nvme::sqe::SQE_BYTES;

use crate::options::MOST_PAIRS;
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

/// How many I/O queue pairs there are room for, and how long each of their queues is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// A power of two.
    pub(crate) pairs: u16,
    /// One of which always stays free.
    pub(crate) entries: u16,
}

impl Shape {
    /// Requests that can be outstanding, whatever number of pairs they are spread over.
    pub(crate) fn depth(self) -> u16 {
        self.entries - 1
    }
}

/// Where everything is, in bytes from the start of the shared memory, and the start's address for the controller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) iova: Iova,
    pub(crate) shape: Shape,
    submissions: u64,
    completions: u64,
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

    /// The layout for I/O queues of this shape.
    pub(crate) fn new(iova: Iova, shape: Shape) -> Self {
        let pairs = u64::from(shape.pairs);
        let submissions = 6 * PAGE;
        let completions = submissions + pairs * whole(shape, SQE_BYTES);
        let lists = completions + pairs * whole(shape, CQE_BYTES);
        let length_bytes = lists + (u64::from(shape.entries) * u64::from(LIST_BYTES)).next_multiple_of(PAGE);
        debug_assert!(length_bytes.is_multiple_of(PageSize::Ordinary.bytes()), "whole pages");
        Self { iova, shape, submissions, completions, lists, length_bytes }
    }

    /// The submission queue of pair `pair`, from 0 on.
    pub(crate) fn submission(&self, pair: u16) -> Ring {
        let offset = self.submissions + u64::from(pair) * whole(self.shape, SQE_BYTES);
        Ring { offset, entries: self.shape.entries }
    }

    /// The completion queue of pair `pair`, from 0 on.
    pub(crate) fn completion(&self, pair: u16) -> Ring {
        let offset = self.completions + u64::from(pair) * whole(self.shape, CQE_BYTES);
        Ring { offset, entries: self.shape.entries }
    }

    /// Where the completion queues are, and how long they are together.
    pub(crate) fn completions(&self) -> (u64, u64) {
        (self.completions, self.lists - self.completions)
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

/// Bytes of a queue of entries of `bytes`: queues begin on pages.
fn whole(shape: Shape, bytes: usize) -> u64 {
    (u64::from(shape.entries) * bytes as u64).next_multiple_of(PAGE)
}

const _: () = assert!(8 * (MOST_PAIRS as u64 + 1) <= PAGE, "shadow doorbells fit their page");

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn parts_do_not_overlap_and_lists_do_not_cross_pages() {
        for (pairs, entries) in [(1, 2), (1, 65), (4, 64), (16, 1024), (2, 4096)] {
            let layout = Layout::new(Iova(1 << 32), Shape { pairs, entries });
            let mut end = Layout::ZEROES + PAGE;
            let rings = (0..pairs).map(|pair| (layout.submission(pair), 64));
            for (ring, bytes) in rings.chain((0..pairs).map(|pair| (layout.completion(pair), 16))) {
                assert!(end <= ring.offset && ring.offset.is_multiple_of(PAGE), "{ring:?}");
                end = ring.offset + u64::from(ring.entries) * bytes;
            }
            assert!(end <= layout.list(0));
            let (start, length) = layout.completions();
            assert_eq!((start, start + length), (layout.completion(0).offset, layout.list(0)));
            let last = layout.list(entries - 1);
            assert!(last + u64::from(LIST_BYTES) <= layout.length_bytes);
            assert!((0..entries).all(|index| layout.list(index) % PAGE + u64::from(LIST_BYTES) <= PAGE));
        }
    }
}
