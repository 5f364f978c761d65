//! Host Behavior Support (FID 16h), NVMe Base 2.0 section 5.27.1.18: a 512-byte data structure.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | ACRE, advanced command retry enable |
//! | 1 | ETDAS, extended telemetry data area 4 |
//! | 2 | LBAFEE, LBA format extension enable |

use crate::layout::wire_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What the host declares it can deal with; each byte is 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct HostBehavior {
    /// ACRE: the host honours the retry delays of Identify Controller.
    pub acre: u8,
    /// ETDAS: the host handles telemetry data area 4.
    pub etdas: u8,
    /// LBAFEE: the host handles LBA format extensions.
    pub lbafee: u8,
    /// Reserved.
    pub reserved3: [u8; 509],
}

wire_layout!(HostBehavior: 512 { acre @ 0, etdas @ 1, lbafee @ 2 });

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let data = HostBehavior { acre: 1, lbafee: 1, ..HostBehavior::default() };
        assert_eq!(data.as_bytes()[..4], [1, 0, 1, 0]);
        assert!(HostBehavior::read_from_bytes(data.as_bytes()).is_ok_and(|read| read == data));
    }
}
