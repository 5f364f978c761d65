//! Error Information (LID 01h), NVMe Base 2.0 section 5.16.1.2: newest entry first, ELPE + 1 of them.
//!
//! | bytes | field |
//! |---|---|
//! | 7:0 | ECNT, error count; 0: the entry is unused |
//! | 9:8 | SQID |
//! | 11:10 | CID |
//! | 13:12 | status field, as in a completion |
//! | 15:14 | PELOC, byte and bit of the command at fault |
//! | 23:16 | LBA |
//! | 27:24 | NSID |
//! | 28 | VSIA, vendor specific log page |
//! | 29 | TRTYPE |
//! | 30 | CSI |
//! | 31 | OPC, opcode |
//! | 39:32 | CSINFO, command specific |
//! | 41:40 | TTSI, transport specific |
//! | 63 | LPVER, 1 if bytes 30, 31 and 63 are valid |

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// PELOC: Parameter Error Location; all ones if no parameter is to blame.
    pub struct ParameterErrorLocation(u16) {
        /// Byte of the command, 0 to 63.
        byte, with_byte: u8 = 0..8;
        /// Bit of that byte.
        bit, with_bit: u8 = 8..11;
    }
}

impl ParameterErrorLocation {
    /// No parameter is to blame.
    pub const NONE: Self = Self::from_bits(0xffff);
}

/// LPVER of this structure.
pub const ERROR_LOG_VERSION: u8 = 1;

/// CID and SQID of an error that belongs to no command.
pub const NO_COMMAND: u16 = 0xffff;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ErrorEntry {
    /// ECNT: number of this error since manufacture, from 1; 0 marks an unused entry.
    pub error_count: U64,
    /// SQID: queue of the command, [`NO_COMMAND`] if none.
    pub sqid: U16,
    /// CID: identifier of the command, [`NO_COMMAND`] if none.
    pub cid: U16,
    /// Status field of the completion, phase tag included.
    pub status: U16,
    /// PELOC.
    pub location: ParameterErrorLocation,
    /// LBA: first block with the error.
    pub lba: U64,
    /// NSID.
    pub nsid: U32,
    /// VSIA: log page with more, 0 none.
    pub vsia: u8,
    /// TRTYPE: see [`crate::log::discovery::TransportType`].
    pub trtype: u8,
    /// CSI: command set of the command.
    pub csi: u8,
    /// OPC: opcode of the command.
    pub opcode: u8,
    /// CSINFO: command specific.
    pub csinfo: U64,
    /// TTSI: transport specific.
    pub ttsi: U16,
    /// Reserved.
    pub reserved42: [u8; 21],
    /// LPVER: [`ERROR_LOG_VERSION`].
    pub version: u8,
}

wire_layout!(ErrorEntry: 64 {
    error_count @ 0, sqid @ 8, cid @ 10, status @ 12, location @ 14, lba @ 16, nsid @ 24, vsia @ 28, trtype @ 29,
    csi @ 30, opcode @ 31, csinfo @ 32, ttsi @ 40, version @ 63,
});

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let entry = ErrorEntry {
            error_count: U64::new(0x0102),
            sqid: U16::new(1),
            cid: U16::new(0x0304),
            status: U16::new(0x8100),
            location: ParameterErrorLocation::default().with_byte(40).with_bit(3),
            lba: U64::new(0x0506),
            nsid: U32::new(1),
            trtype: 3,
            opcode: 2,
            version: ERROR_LOG_VERSION,
            ..ErrorEntry::default()
        };
        let mut golden = [0; 64];
        golden[..18].copy_from_slice(&[2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 4, 3, 0, 0x81, 40, 3, 6, 5]);
        golden[24..32].copy_from_slice(&[1, 0, 0, 0, 0, 3, 0, 2]);
        golden[63] = 1;
        assert_eq!(entry.as_bytes(), golden);
        assert_eq!(ErrorEntry::read_from_bytes(&golden), Ok(entry));
    }
}
