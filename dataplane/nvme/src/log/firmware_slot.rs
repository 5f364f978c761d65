//! Firmware Slot Information (LID 03h), NVMe Base 2.0 section 5.16.1.4.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | AFI, the slot running and the one that the next reset activates |
//! | 8..64 | FRS1 to FRS7, revisions in ASCII; zero: the slot is empty |

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use crate::text::set_ascii;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// AFI: Active Firmware Info.
    pub struct Afi(u8) {
        /// Slot that the running revision was loaded from, from 1.
        active, with_active: u8 = 0..3;
        /// Slot that the next controller reset activates; 0: none announced.
        next, with_next: u8 = 4..7;
    }
}

/// The page as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FirmwareSlotLog {
    /// AFI.
    pub afi: Afi,
    /// Reserved.
    pub reserved1: [u8; 7],
    /// FRS1 to FRS7: revisions.
    pub revisions: [[u8; 8]; 7],
    /// Reserved.
    pub reserved64: [u8; 448],
}

wire_layout!(FirmwareSlotLog: 512 { afi @ 0, revisions @ 8, reserved64 @ 64 });

impl FirmwareSlotLog {
    /// The page of a controller with one slot that holds `revision`.
    #[must_use]
    pub fn single(revision: &str) -> Self {
        let mut page = Self { afi: Afi::default().with_active(1), ..Self::default() };
        set_ascii(&mut page.revisions[0], revision);
        page
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let page = FirmwareSlotLog::single("0.1.0");
        let bytes = page.as_bytes();
        assert_eq!(&bytes[..18], b"\x01\0\0\0\0\0\0\x000.1.0   \0\0");
        assert!(FirmwareSlotLog::read_from_bytes(bytes).is_ok_and(|read| read == page));
    }
}
