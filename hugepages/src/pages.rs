//! Which pages memory is made of: what is wished for, what the host granted, and why no more.
//!
//! Data under DMA must not move and wants few IOMMU and TLB entries, hence pages of 2 MiB or 1 GiB. They exist only
//! where an administrator reserved them, so every wish has a next smaller one, down to ordinary pages that are locked
//! in memory. Nothing falls back in silence: [`Granted`] says what was tried.

use std::fmt;
use std::io;

/// A size of page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PageSize {
    /// 4 KiB.
    Ordinary,
    /// 2 MiB.
    Huge2MiB,
    /// 1 GiB.
    Huge1GiB,
}

impl PageSize {
    /// Its length.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Ordinary => 4 << 10,
            Self::Huge2MiB => 2 << 20,
            Self::Huge1GiB => 1 << 30,
        }
    }

    /// The next smaller one.
    #[must_use]
    pub const fn smaller(self) -> Option<Self> {
        match self {
            Self::Huge1GiB => Some(Self::Huge2MiB),
            Self::Huge2MiB => Some(Self::Ordinary),
            Self::Ordinary => None,
        }
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinary => "4 KiB",
            Self::Huge2MiB => "2 MiB",
            Self::Huge1GiB => "1 GiB",
        })
    }
}

/// What resident memory is wished to be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backing {
    /// The largest pages to use. Pages longer than the memory itself are passed over: most of one would be wasted.
    pub largest: PageSize,
    /// The smallest to accept. [`PageSize::Ordinary`] accepts whatever there is.
    pub smallest: PageSize,
    /// The NUMA node to take it from, that of the drive and of the reactor's core; `None`: the kernel chooses.
    pub node: Option<u32>,
}

impl Default for Backing {
    /// The largest pages that fit and are to be had, from any node.
    fn default() -> Self {
        Self { largest: PageSize::Huge1GiB, smallest: PageSize::Ordinary, node: None }
    }
}

impl Backing {
    /// The sizes to try for `length_bytes`, largest first.
    pub(crate) fn candidates(self, length_bytes: u64) -> impl Iterator<Item = PageSize> {
        let sizes = std::iter::successors(Some(self.largest), |size| size.smaller());
        let fits = move |size: &PageSize| size.bytes() <= length_bytes || *size == self.smallest;
        sizes.take_while(move |size| *size >= self.smallest).filter(fits)
    }
}

/// What resident memory is made of.
#[derive(Debug)]
pub struct Granted {
    /// Its pages.
    pub pages: PageSize,
    /// It cannot be swapped out. Huge pages never are; ordinary ones only if the limit on locked memory permits.
    pub locked: bool,
    /// The NUMA node it was taken from, if one was asked for.
    pub node: Option<u32>,
    /// Larger pages that were tried, and the kernel's answers.
    pub refused: Vec<Refusal>,
}

/// Pages that were not to be had.
#[derive(Debug)]
pub struct Refusal {
    /// Which.
    pub pages: PageSize,
    /// The kernel's answer: out of memory, if none are reserved or all are in use.
    pub cause: io::Error,
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages{}", self.pages, if self.locked { "" } else { ", not locked" })?;
        if let Some(node) = self.node {
            write!(f, " of NUMA node {node}")?;
        }
        self.refused
            .iter()
            .try_for_each(|refusal| write!(f, "; no {} pages: {}", refusal.pages, refusal.cause))
    }
}

#[cfg(test)]
mod test {
    use super::PageSize::{Huge1GiB, Huge2MiB, Ordinary};
    use super::*;

    fn candidates(largest: PageSize, smallest: PageSize, length_bytes: u64) -> Vec<PageSize> {
        Backing { largest, smallest, node: None }.candidates(length_bytes).collect()
    }

    #[test]
    fn pages_are_tried_from_the_largest_that_fits_down() {
        assert_eq!(candidates(Huge1GiB, Ordinary, 1 << 30), [Huge1GiB, Huge2MiB, Ordinary]);
        assert_eq!(candidates(Huge1GiB, Ordinary, (1 << 30) - 1), [Huge2MiB, Ordinary]);
        assert_eq!(candidates(Huge2MiB, Ordinary, 1 << 40), [Huge2MiB, Ordinary]);
        assert_eq!(candidates(Huge1GiB, Ordinary, 4096), [Ordinary]);
        assert_eq!(
            candidates(Huge1GiB, Huge2MiB, 4096),
            [Huge2MiB],
            "the smallest is used even if it is too long"
        );
        assert_eq!(candidates(Ordinary, Huge2MiB, 1 << 40), [], "a wish that contradicts itself");
    }

    #[test]
    fn what_was_granted_says_what_was_not() {
        let cause = io::Error::from_raw_os_error(12);
        let refused = vec![Refusal { pages: Huge2MiB, cause }];
        let granted = Granted { pages: Ordinary, locked: false, node: Some(1), refused };
        let text = granted.to_string();
        assert!(text.starts_with("4 KiB pages, not locked of NUMA node 1; no 2 MiB pages: "), "{text}");
    }
}
