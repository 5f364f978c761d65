//! Controller List, NVMe Base 2.0 section 4.4.1: the answer to CNS 12h and 13h.
//!
//! | bytes | field |
//! |---|---|
//! | 1:0 | number of identifiers |
//! | 2..4096 | up to 2047 controller identifiers, ascending |

use crate::layout::wire_layout;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Most identifiers in a list.
pub const CONTROLLER_LIST_ENTRIES: usize = 2047;

/// The list as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ControllerList {
    /// Number of valid identifiers.
    pub count: U16,
    /// Controller identifiers, ascending.
    pub cntlid: [U16; CONTROLLER_LIST_ENTRIES],
}

wire_layout!(ControllerList: 4096 { count @ 0, cntlid @ 2 });

impl ControllerList {
    /// The first 2047 of `controllers` not below `first`, which is the command's CNTID.
    ///
    /// `controllers` must ascend.
    #[must_use]
    pub fn from_first(first: u16, controllers: impl IntoIterator<Item = u16>) -> Self {
        let mut list = Self::default();
        let later = controllers.into_iter().filter(|&cntlid| cntlid >= first);
        for (slot, cntlid) in list.cntlid.iter_mut().zip(later) {
            *slot = U16::new(cntlid);
            list.count += 1;
        }
        list
    }

    /// The valid identifiers.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.cntlid.iter().take(usize::from(self.count.get())).map(|cntlid| cntlid.get())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let list = ControllerList::from_first(2, [1, 2, 0x0304]);
        assert_eq!(list.as_bytes()[..8], [2, 0, 2, 0, 4, 3, 0, 0]);
        assert_eq!(list.iter().collect::<Vec<_>>(), [2, 0x0304]);
    }

    #[test]
    fn it_holds_2047() {
        assert_eq!(ControllerList::from_first(0, 0..3000).iter().count(), CONTROLLER_LIST_ENTRIES);
        let lying = ControllerList { count: U16::new(u16::MAX), ..ControllerList::default() };
        assert_eq!(lying.iter().count(), CONTROLLER_LIST_ENTRIES);
    }
}
