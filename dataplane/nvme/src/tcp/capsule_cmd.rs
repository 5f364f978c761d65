//! Command Capsule (NVMe/TCP section 3.6.2.6).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 04h, HLEN 72 |
//! | 8..72 | submission queue entry |
//! | PDO.. | in-capsule data, if PLEN leaves room for any |

use super::{CommonHeader, PduFlags, PduType};
use crate::sqe::Sqe;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The PDU header as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CapsuleCmd {
    /// Common header.
    pub header: CommonHeader,
    /// The command.
    pub sqe: Sqe,
}

/// Size of the header, in bytes.
pub const CAPSULE_CMD_BYTES: usize = 72;

const _: () = {
    assert!(size_of::<CapsuleCmd>() == CAPSULE_CMD_BYTES);
    assert!(core::mem::offset_of!(CapsuleCmd, sqe) == 8);
};

impl CapsuleCmd {
    /// A capsule of `plen` bytes whose data, if any, begin at `pdo`.
    #[must_use]
    pub const fn new(flags: PduFlags, pdo: u8, plen: u32, sqe: Sqe) -> Self {
        Self { header: CommonHeader::new(PduType::CapsuleCmd, flags, pdo, plen), sqe }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::little_endian::U16;

    #[test]
    fn golden_bytes() {
        let sqe = Sqe { opcode: 2, cid: U16::new(0x0a0b), ..Sqe::default() };
        let flags = PduFlags::NONE.with_data_digest(true);
        let capsule = CapsuleCmd::new(flags, 72, 72 + 512 + 4, sqe);
        let expected = [4, 2, 72, 72, 0x4c, 2, 0, 0, 2, 0, 0x0b, 0x0a];
        assert_eq!(capsule.as_bytes()[..12], expected);
        assert_eq!(capsule.as_bytes()[12..], [0; 60]);
    }
}
