//! A reference to a metadata page: where it is and how old it must be.
//!
//! | bits | field | meaning |
//! |---|---|---|
//! | 0..36 | page | its address, in blocks of 4096 bytes; 0: no page |
//! | 36..64 | generation | the low 28 bits of the generation in its head |
//!
//! The generation makes a page that the device failed to write, and that still holds an older page with a valid
//! checksum, a detected error.

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct PageRef(pub(crate) u64);

const PAGE_BITS: u32 = 36;
const PAGE_MASK: u64 = (1 << PAGE_BITS) - 1;

impl PageRef {
    /// No page.
    pub(crate) const NONE: Self = Self(0);

    /// The page at `address`, written by the checkpoint of `generation`.
    pub(crate) fn new(address: u64, generation: u64) -> Self {
        assert!((1..=PAGE_MASK).contains(&address), "pools end long before 2^36 blocks");
        Self(address | (generation << PAGE_BITS))
    }

    pub(crate) fn is_none(self) -> bool {
        self.address() == 0
    }

    /// The page at `address` that was written with this one.
    pub(crate) fn beside(self, address: u64) -> Self {
        Self(self.0 & !PAGE_MASK | address)
    }

    /// In blocks of 4096 bytes.
    pub(crate) fn address(self) -> u64 {
        self.0 & PAGE_MASK
    }

    /// Whether a page of `generation` is the one meant.
    pub(crate) fn admits(self, generation: u64) -> bool {
        self.0 >> PAGE_BITS == generation & (u64::MAX >> PAGE_BITS)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn address_and_generation_share_a_word() {
        let page = PageRef::new(PAGE_MASK, (1 << 28) + 5);
        assert_eq!(page.0, (5 << 36) | PAGE_MASK);
        assert_eq!(page.address(), PAGE_MASK);
        assert!(page.admits(5) && page.admits((1 << 28) + 5) && !page.admits(6));
        assert!(PageRef::NONE.is_none() && !page.is_none());
    }
}
