//! The addresses a device uses for our memory: chosen by us, translated by the IOMMU.
//!
//! An [`IovaSpace`] hands out ranges of I/O virtual addresses and takes them back. Pure: whoever maps memory for a
//! device (VFIO type1) asks it where. Ranges are aligned as the memory's pages are, so that the IOMMU can use large
//! entries, and separated by a page that stays unmapped, so that a transfer that runs over its end faults.

use std::ops::RangeInclusive;

use crate::pages::PageSize;

/// An I/O virtual address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iova(pub u64);

/// Below this nothing is handed out: a device that reads zeroed addresses, or 32-bit ones of another's, must fault.
const LOWEST: u64 = 1 << 32;

/// Unmapped between two ranges.
const GUARD_BYTES: u64 = PageSize::Ordinary.bytes();

/// The ranges of addresses one device may use, and which are in use.
#[derive(Debug)]
pub struct IovaSpace {
    /// Ascending, apart.
    usable: Vec<RangeInclusive<u64>>,
    /// Ascending: start and length.
    taken: Vec<(u64, u64)>,
}

impl IovaSpace {
    /// A space of the `usable` ranges; what lies below 4 GiB is left alone unless nothing else is there.
    #[must_use]
    pub fn new(usable: impl IntoIterator<Item = RangeInclusive<u64>>) -> Self {
        let mut all: Vec<_> = usable.into_iter().filter(|range| !range.is_empty()).collect();
        all.sort_unstable_by_key(|range| *range.start());
        let above = |range: &RangeInclusive<u64>| (*range.start()).max(LOWEST)..=*range.end();
        let high: Vec<_> = all.iter().map(above).filter(|range| !range.is_empty()).collect();
        Self { usable: if high.is_empty() { all } else { high }, taken: Vec::new() }
    }

    /// The lowest free range of `length_bytes` that starts at a multiple of `align` bytes, a power of two.
    pub fn take(&mut self, length_bytes: u64, align: u64) -> Option<Iova> {
        let length = length_bytes.max(1);
        let mut usable = self.usable.iter();
        let start = usable.find_map(|range| self.gap(range, length, align.max(GUARD_BYTES)))?;
        let at = self.taken.partition_point(|(taken, _)| *taken < start);
        self.taken.insert(at, (start, length));
        Some(Iova(start))
    }

    /// Takes a range back that [`take`](Self::take) gave out.
    ///
    /// # Panics
    /// If it did not.
    pub fn give(&mut self, iova: Iova) {
        let found = self.taken.binary_search_by_key(&iova.0, |(start, _)| *start);
        self.taken.remove(found.expect("a range that was taken"));
    }

    /// The lowest place in `range` between what is taken.
    fn gap(&self, range: &RangeInclusive<u64>, length: u64, align: u64) -> Option<u64> {
        let mut start = range.start().checked_next_multiple_of(align)?;
        for (taken, taken_bytes) in &self.taken {
            if start.checked_add(length)?.checked_add(GUARD_BYTES)? > *taken
                && *taken + taken_bytes + GUARD_BYTES > start
            {
                start = (taken + taken_bytes + GUARD_BYTES).checked_next_multiple_of(align)?;
            }
        }
        (start.checked_add(length - 1)? <= *range.end()).then_some(start)
    }
}

#[cfg(test)]
mod test {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn ranges_are_aligned_apart_and_come_back() {
        let mut space = IovaSpace::new([0..=0xfedf_ffff, 0xfef0_0000..=(1 << 39) - 1]);
        let first = space.take(MIB, 2 * MIB).unwrap();
        let second = space.take(4096, 4096).unwrap();
        let third = space.take(4 * MIB, 2 * MIB).unwrap();
        assert_eq!(first, Iova(LOWEST));
        assert_eq!(second, Iova(LOWEST + MIB + GUARD_BYTES), "a guard page follows the first");
        assert_eq!(third, Iova(LOWEST + 2 * MIB));
        space.give(first);
        assert_eq!(space.take(MIB, 4096), Some(first), "what came back is used again");
    }

    #[test]
    fn low_addresses_are_used_when_there_are_no_others() {
        let mut space = IovaSpace::new([0x1000..=0xffff]);
        assert_eq!(space.take(0x8000, 0x1000), Some(Iova(0x1000)));
        assert_eq!(space.take(0x8000, 0x1000), None, "no room is left");
        assert_eq!(space.take(0x6000, 0x1000), Some(Iova(0xa000)));
    }

    proptest! {
        #[test]
        fn ranges_never_touch(steps in prop::collection::vec((1u64..64, 0u32..6, any::<bool>()), 1..60)) {
            let mut space = IovaSpace::new([0x10_0000..=0x2f_ffff, 0x40_0000..=0x9f_ffff]);
            let mut held: Vec<(u64, u64)> = Vec::new();
            for (pages, align, give) in steps {
                if give && !held.is_empty() {
                    let (start, _) = held.swap_remove(held.len() / 2);
                    space.give(Iova(start));
                } else if let Some(Iova(start)) = space.take(pages * 4096, 4096 << align) {
                    let end = start + pages * 4096;
                    prop_assert!(start.is_multiple_of(4096 << align));
                    prop_assert!((0x10_0000..0x30_0000).contains(&start) && end <= 0x30_0000 || start >= 0x40_0000 && end <= 0xa0_0000);
                    prop_assert!(held.iter().all(|(other, other_end)| end + GUARD_BYTES <= *other || *other_end + GUARD_BYTES <= start));
                    held.push((start, end));
                }
            }
        }
    }
}
