//! Namespace List, NVMe Base 2.0 section 4.4.2: the answer to CNS 02h, 07h and 10h, and the Changed
//! Namespace List log page.
//!
//! 1024 NSIDs of 4 bytes in ascending order, zeroes behind the last.

use crate::layout::wire_layout;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Most NSIDs in a list.
pub const NAMESPACE_LIST_ENTRIES: usize = 1024;

/// NSID that means all namespaces, never one of them.
pub const NSID_ALL: u32 = 0xffff_ffff;

/// The list as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NamespaceList {
    /// NSIDs, ascending; 0 ends the list.
    pub nsid: [U32; NAMESPACE_LIST_ENTRIES],
}

wire_layout!(NamespaceList: 4096 { nsid @ 0 });

impl NamespaceList {
    /// The first 1024 of `namespaces` greater than `after`, which is the command's NSID.
    ///
    /// `namespaces` must ascend.
    #[must_use]
    pub fn after(after: u32, namespaces: impl IntoIterator<Item = u32>) -> Self {
        let mut list = Self::default();
        let later = namespaces.into_iter().filter(|&nsid| nsid > after);
        for (slot, nsid) in list.nsid.iter_mut().zip(later) {
            *slot = U32::new(nsid);
        }
        list
    }

    /// The NSIDs up to the terminator.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.nsid.iter().map(|nsid| nsid.get()).take_while(|&nsid| nsid != 0)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let list = NamespaceList::after(1, [1, 2, 0x0102_0304]);
        assert_eq!(list.as_bytes()[..12], [2, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0]);
        assert_eq!(list.iter().collect::<Vec<_>>(), [2, 0x0102_0304]);
    }

    #[test]
    fn a_full_list_has_no_terminator() {
        let list = NamespaceList::after(0, 1..=2000);
        assert_eq!(list.iter().count(), NAMESPACE_LIST_ENTRIES);
        assert_eq!(list.iter().last(), Some(1024));
    }
}
