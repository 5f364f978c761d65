//! Controller to Host Data (NVMe/TCP section 3.6.2.9).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 07h, HLEN 24 |
//! | 8..10 | CCCID: command the data belong to |
//! | 10..12 | reserved |
//! | 12..16 | DATAO: offset of the data in the command's buffer |
//! | 16..20 | DATAL: length of the data |
//! | 20..24 | reserved |
//! | PDO.. | data |

use super::{CommonHeader, PduFlags, PduType};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The PDU header as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct C2hData {
    /// Common header.
    pub header: CommonHeader,
    /// Identifier of the command that the data belong to.
    pub cccid: U16,
    /// Reserved, zero.
    pub reserved10: U16,
    /// Offset of the data in the command's buffer, in bytes.
    pub datao: U32,
    /// Length of the data, in bytes.
    pub datal: U32,
    /// Reserved, zero.
    pub reserved20: U32,
}

/// Size of the header, in bytes.
pub const C2H_DATA_BYTES: usize = 24;

/// Field offsets, as FEI reports them.
pub(crate) mod offset {
    pub(crate) const CCCID: u32 = 8;
    pub(crate) const DATAL: u32 = 16;
}

const _: () = {
    assert!(size_of::<C2hData>() == C2H_DATA_BYTES);
    assert!(core::mem::offset_of!(C2hData, cccid) == 8);
    assert!(core::mem::offset_of!(C2hData, datao) == 12);
    assert!(core::mem::offset_of!(C2hData, datal) == 16);
};

impl C2hData {
    /// The header of a PDU of `plen` bytes whose data begin at `pdo`. `range` is offset and length in bytes.
    #[must_use]
    pub const fn new(flags: PduFlags, pdo: u8, plen: u32, cccid: u16, range: (u32, u32)) -> Self {
        Self {
            header: CommonHeader::new(PduType::C2hData, flags, pdo, plen),
            cccid: U16::new(cccid),
            reserved10: U16::ZERO,
            datao: U32::new(range.0),
            datal: U32::new(range.1),
            reserved20: U32::ZERO,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let flags = PduFlags::NONE.with_last_pdu(true).with_success(true);
        let pdu = C2hData::new(flags, 24, 24 + 512, 0x0102, (0x1000, 512));
        let expected = [7, 12, 24, 24, 0x18, 2, 0, 0, 2, 1, 0, 0, 0, 0x10, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
        assert_eq!(pdu.as_bytes(), expected);
    }
}
