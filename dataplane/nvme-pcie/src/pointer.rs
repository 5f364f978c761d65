//! Where a command's data are: PRP entries, or one SGL descriptor (NVMe Base section 4.3).
//!
//! A buffer lies in one piece, for the controller too, and starts at a page. So its PRP entries are PRP1 and the
//! pages after it, and its SGL is a single descriptor in the command, which spares writing and fetching a list.

use sluice_nvme::sgl::SglDescriptor;
use sluice_nvme::sqe::{PSDT_SGL, Sqe};
use zerocopy::little_endian::{U32, U64};

use crate::layout::PAGE_BYTES;
use crate::queue::Shared;

/// SGL Data Block descriptor (type 0h) with an address (sub type 0h).
const DATA_BLOCK: u8 = 0x00;

/// Memory of a transfer as the controller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// A multiple of the page.
    pub(crate) iova: u64,
    /// At least 1.
    pub(crate) length_bytes: u32,
    /// From one page to the next: the page's size, or 0 for one page that stands for all.
    pub(crate) step_bytes: u32,
}

impl Span {
    /// Memory in one piece.
    pub(crate) fn of(iova: u64, length_bytes: u32) -> Self {
        Self { iova, length_bytes, step_bytes: PAGE_BYTES }
    }

    /// The same page over and over.
    pub(crate) fn repeated(page: u64, length_bytes: u32) -> Self {
        Self { iova: page, length_bytes, step_bytes: 0 }
    }

    #[inline]
    fn page(self, index: u32) -> u64 {
        self.iova + u64::from(index) * u64::from(self.step_bytes)
    }
}

/// Where a list may be written: its place in the shared memory and the controller's address of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    pub(crate) offset: u64,
    pub(crate) iova: u64,
}

/// Points `entry` at `span`. The list is written only if more than two pages are to be told without an SGL.
#[inline]
pub(crate) fn point(entry: &mut Sqe, span: Span, list: List, memory: &impl Shared, sgl: bool) {
    let pages = span.length_bytes.div_ceil(PAGE_BYTES);
    if sgl && pages > 2 && span.step_bytes != 0 {
        return point_sgl(entry, span);
    }
    let second = match pages {
        1 => 0,
        2 => span.page(1),
        _ => {
            for page in 1..pages {
                memory.store64(list.offset + 8 * u64::from(page - 1), span.page(page));
            }
            list.iova
        }
    };
    set_prp(entry, span.iova, second);
}

/// Points `entry` at PRP1 and PRP2.
pub(crate) fn set_prp(entry: &mut Sqe, first: u64, second: u64) {
    entry.dptr = zerocopy::transmute!([U64::new(first), U64::new(second)]);
}

fn point_sgl(entry: &mut Sqe, span: Span) {
    entry.flags |= PSDT_SGL << 6;
    entry.dptr = zerocopy::transmute!(SglDescriptor {
        address: U64::new(span.iova),
        length: U32::new(span.length_bytes),
        reserved: [0; 3],
        identifier: DATA_BLOCK,
    });
}

#[cfg(test)]
mod test {
    use sluice_hugepages::{Backing, DmaMemory};

    use super::*;

    const LIST: List = List { offset: 2048, iova: 0x9000_0800 };

    fn pointed(span: Span, sgl: bool) -> (Sqe, DmaMemory) {
        let memory = DmaMemory::new(8192, &Backing::default()).unwrap();
        let mut entry = Sqe::default();
        point(&mut entry, span, LIST, &memory, sgl);
        (entry, memory)
    }

    fn prp(entry: &Sqe) -> [u64; 2] {
        let pointers: [U64; 2] = zerocopy::transmute!(entry.dptr);
        pointers.map(U64::get)
    }

    #[test]
    fn up_to_two_pages_need_no_list() {
        for (length_bytes, second) in [(512, 0), (4096, 0), (4608, 0x5000), (8192, 0x5000)] {
            for sgl in [false, true] {
                let (entry, memory) = pointed(Span::of(0x4000, length_bytes), sgl);
                assert_eq!((prp(&entry), entry.psdt()), ([0x4000, second], 0), "{length_bytes} bytes");
                assert_eq!(memory.load64(LIST.offset), 0);
            }
        }
    }

    #[test]
    fn more_pages_are_listed() {
        let (entry, memory) = pointed(Span::of(0x4000, 8193), false);
        assert_eq!(prp(&entry), [0x4000, LIST.iova]);
        let listed =
            |count: u64| (0..count).map(|index| memory.load64(LIST.offset + 8 * index)).collect::<Vec<_>>();
        assert_eq!(listed(3), [0x5000, 0x6000, 0]);
        let (_, memory) = pointed(Span::of(0x10_0000, crate::layout::LIST_REACH_BYTES), false);
        assert_eq!(memory.load64(LIST.offset + 8 * 254), 0x10_0000 + 255 * 4096, "the longest transfer fits");
        assert_eq!(memory.load64(LIST.offset + 8 * 255), 0);
    }

    #[test]
    fn one_descriptor_stands_for_a_list() {
        let (entry, memory) = pointed(Span::of(0x4000, 131_072), true);
        assert_eq!(entry.flags, 0x40);
        assert_eq!(entry.dptr, [0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
        assert_eq!(memory.load64(LIST.offset), 0, "no list is written");
    }

    #[test]
    fn one_page_can_stand_for_all() {
        let (entry, memory) = pointed(Span::repeated(0x7000, 16_384), true);
        assert_eq!((prp(&entry), entry.psdt()), ([0x7000, LIST.iova], 0));
        assert_eq!([0, 8, 16, 24].map(|at| memory.load64(LIST.offset + at)), [0x7000, 0x7000, 0x7000, 0]);
    }
}
