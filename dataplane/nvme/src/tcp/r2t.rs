//! Ready to Transfer: the controller asks for data (NVMe/TCP section 3.6.2.10).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 09h, HLEN 24 |
//! | 8..10 | CCCID: command the data belong to |
//! | 10..12 | TTAG: the controller's name for the transfer |
//! | 12..16 | R2TO: offset asked for in the command's buffer |
//! | 16..20 | R2TL: length asked for |
//! | 20..24 | reserved |

use super::{CommonHeader, PduFlags, PduType};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The PDU header as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct R2t {
    /// Common header.
    pub header: CommonHeader,
    /// Identifier of the command that the data belong to.
    pub cccid: U16,
    /// Transfer tag, the controller's name for the transfer.
    pub ttag: U16,
    /// Offset asked for in the command's buffer, in bytes.
    pub r2to: U32,
    /// Length asked for, in bytes. The host may need several H2CData to deliver it.
    pub r2tl: U32,
    /// Reserved, zero.
    pub reserved: U32,
}

/// Size of the header, in bytes.
pub const R2T_BYTES: usize = 24;

/// Field offsets, as FEI reports them.
pub(crate) mod offset {
    pub(crate) const CCCID: u32 = 8;
    pub(crate) const R2TL: u32 = 16;
}

const _: () = {
    assert!(size_of::<R2t>() == R2T_BYTES);
    assert!(core::mem::offset_of!(R2t, cccid) == 8);
    assert!(core::mem::offset_of!(R2t, r2to) == 12);
    assert!(core::mem::offset_of!(R2t, r2tl) == 16);
};

impl R2t {
    /// An R2T of `plen` bytes. `range` is offset and length in bytes.
    #[must_use]
    pub const fn new(flags: PduFlags, plen: u32, cccid: u16, ttag: u16, range: (u32, u32)) -> Self {
        Self {
            header: CommonHeader::new(PduType::R2t, flags, 0, plen),
            cccid: U16::new(cccid),
            ttag: U16::new(ttag),
            r2to: U32::new(range.0),
            r2tl: U32::new(range.1),
            reserved: U32::ZERO,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let flags = PduFlags::NONE.with_header_digest(true);
        let pdu = R2t::new(flags, 28, 0x0102, 0x0304, (0, 0x2_0000));
        let expected = [9, 1, 24, 0, 28, 0, 0, 0, 2, 1, 4, 3, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0];
        assert_eq!(pdu.as_bytes(), expected);
    }
}
