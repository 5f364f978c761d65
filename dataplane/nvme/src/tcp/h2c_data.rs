//! Host to Controller Data (NVMe/TCP section 3.6.2.8).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 06h, HLEN 24 |
//! | 8..10 | CCCID: command the data belong to |
//! | 10..12 | TTAG: the controller's name for the transfer |
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
pub struct H2cData {
    /// Common header.
    pub header: CommonHeader,
    /// Identifier of the command that the data belong to.
    pub cccid: U16,
    /// Transfer tag, the controller's name for the transfer.
    pub ttag: U16,
    /// Offset of the data in the command's buffer, in bytes.
    pub datao: U32,
    /// Length of the data, in bytes.
    pub datal: U32,
    /// Reserved, zero.
    pub reserved: U32,
}

/// Size of the header, in bytes.
pub const H2C_DATA_BYTES: usize = 24;

/// Field offsets, as FEI reports them.
pub(crate) mod offset {
    pub(crate) const CCCID: u32 = 8;
    pub(crate) const TTAG: u32 = 10;
    pub(crate) const DATAL: u32 = 16;
}

const _: () = {
    assert!(size_of::<H2cData>() == H2C_DATA_BYTES);
    assert!(core::mem::offset_of!(H2cData, cccid) == 8);
    assert!(core::mem::offset_of!(H2cData, datao) == 12);
    assert!(core::mem::offset_of!(H2cData, datal) == 16);
};

impl H2cData {
    /// The header of a PDU of `plen` bytes whose data begin at `pdo`. `range` is offset and length in bytes.
    #[must_use]
    pub const fn new(flags: PduFlags, pdo: u8, plen: u32, cccid: u16, ttag: u16, range: (u32, u32)) -> Self {
        Self {
            header: CommonHeader::new(PduType::H2cData, flags, pdo, plen),
            cccid: U16::new(cccid),
            ttag: U16::new(ttag),
            datao: U32::new(range.0),
            datal: U32::new(range.1),
            reserved: U32::ZERO,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let flags = PduFlags::NONE.with_last_pdu(true);
        let pdu = H2cData::new(flags, 24, 24 + 512, 0x0102, 0x0304, (0x1000, 512));
        let expected = [6, 4, 24, 24, 0x18, 2, 0, 0, 2, 1, 4, 3, 0, 0x10, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0];
        assert_eq!(pdu.as_bytes(), expected);
    }
}
