//! Common header, the first eight bytes of every PDU (NVMe/TCP section 3.6.1).
//!
//! | bytes | field |
//! |---|---|
//! | 0 | PDU type |
//! | 1 | flags |
//! | 2 | HLEN: length of the PDU header without its digest |
//! | 3 | PDO: offset of the data; reserved where there are none |
//! | 4..8 | PLEN: length of the whole PDU |

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What follows the common header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PduType {
    /// Initialize Connection Request, host to controller.
    IcReq = 0x00,
    /// Initialize Connection Response, controller to host.
    IcResp = 0x01,
    /// Host to Controller Terminate Connection Request.
    H2cTermReq = 0x02,
    /// Controller to Host Terminate Connection Request.
    C2hTermReq = 0x03,
    /// Command Capsule, host to controller.
    CapsuleCmd = 0x04,
    /// Response Capsule, controller to host.
    CapsuleResp = 0x05,
    /// Host to Controller Data.
    H2cData = 0x06,
    /// Controller to Host Data.
    C2hData = 0x07,
    /// Ready to Transfer, controller to host.
    R2t = 0x09,
}

impl PduType {
    /// Every type, in the order of their values.
    pub const ALL: [Self; 9] = [
        Self::IcReq,
        Self::IcResp,
        Self::H2cTermReq,
        Self::C2hTermReq,
        Self::CapsuleCmd,
        Self::CapsuleResp,
        Self::H2cData,
        Self::C2hData,
        Self::R2t,
    ];

    /// From byte 0 of a PDU.
    #[must_use]
    pub const fn from_wire(value: u8) -> Option<Self> {
        Some(match value {
            0x00 => Self::IcReq,
            0x01 => Self::IcResp,
            0x02 => Self::H2cTermReq,
            0x03 => Self::C2hTermReq,
            0x04 => Self::CapsuleCmd,
            0x05 => Self::CapsuleResp,
            0x06 => Self::H2cData,
            0x07 => Self::C2hData,
            0x09 => Self::R2t,
            _ => return None,
        })
    }

    /// The HLEN that this type has on every connection, in bytes.
    #[must_use]
    pub const fn header_bytes(self) -> u8 {
        match self {
            Self::IcReq | Self::IcResp => 128,
            Self::CapsuleCmd => 72,
            _ => 24,
        }
    }
}

/// Flags of a PDU; which of them mean anything depends on the type.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct PduFlags(u8);

impl PduFlags {
    const HDGSTF: u8 = 1 << 0;
    const DDGSTF: u8 = 1 << 1;
    const LAST_PDU: u8 = 1 << 2;
    const SUCCESS: u8 = 1 << 3;

    /// No flag set.
    pub const NONE: Self = Self(0);

    /// From byte 1 of a PDU.
    #[must_use]
    pub const fn from_wire(value: u8) -> Self {
        Self(value)
    }

    /// Byte 1 of a PDU.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        self.0
    }

    /// HDGSTF: a header digest follows the header.
    #[must_use]
    pub const fn header_digest(self) -> bool {
        self.0 & Self::HDGSTF != 0
    }

    /// DDGSTF: a data digest follows the data.
    #[must_use]
    pub const fn data_digest(self) -> bool {
        self.0 & Self::DDGSTF != 0
    }

    /// LAST_PDU: the last H2CData of an R2T, or the last C2HData of a command.
    #[must_use]
    pub const fn last_pdu(self) -> bool {
        self.0 & Self::LAST_PDU != 0
    }

    /// SUCCESS: this C2HData stands for a successful response capsule.
    #[must_use]
    pub const fn success(self) -> bool {
        self.0 & Self::SUCCESS != 0
    }

    /// With HDGSTF set as told.
    #[must_use]
    pub const fn with_header_digest(self, on: bool) -> Self {
        self.with(Self::HDGSTF, on)
    }

    /// With DDGSTF set as told.
    #[must_use]
    pub const fn with_data_digest(self, on: bool) -> Self {
        self.with(Self::DDGSTF, on)
    }

    /// With LAST_PDU set as told.
    #[must_use]
    pub const fn with_last_pdu(self, on: bool) -> Self {
        self.with(Self::LAST_PDU, on)
    }

    /// With SUCCESS set as told.
    #[must_use]
    pub const fn with_success(self, on: bool) -> Self {
        self.with(Self::SUCCESS, on)
    }

    const fn with(self, flag: u8, on: bool) -> Self {
        Self(if on { self.0 | flag } else { self.0 & !flag })
    }
}

/// The header as on the wire.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct CommonHeader {
    /// PDU type, see [`PduType`].
    pub pdu_type: u8,
    /// Flags.
    pub flags: PduFlags,
    /// Length of the PDU header in bytes, its digest not counted.
    pub hlen: u8,
    /// Offset of the data from the start of the PDU, in bytes; 0 where there are none.
    pub pdo: u8,
    /// Length of the PDU in bytes, digests and padding counted.
    pub plen: U32,
}

/// Size of the common header, in bytes.
pub const COMMON_HEADER_BYTES: usize = 8;

/// Field offsets, as FEI reports them.
pub(crate) mod offset {
    pub(crate) const PDU_TYPE: u32 = 0;
    pub(crate) const FLAGS: u32 = 1;
    pub(crate) const HLEN: u32 = 2;
    pub(crate) const PDO: u32 = 3;
    pub(crate) const PLEN: u32 = 4;
}

const _: () = {
    assert!(size_of::<CommonHeader>() == COMMON_HEADER_BYTES);
    assert!(core::mem::offset_of!(CommonHeader, flags) == 1);
    assert!(core::mem::offset_of!(CommonHeader, hlen) == 2);
    assert!(core::mem::offset_of!(CommonHeader, pdo) == 3);
    assert!(core::mem::offset_of!(CommonHeader, plen) == 4);
};

impl CommonHeader {
    /// A header of `pdu_type` with its fixed HLEN; `pdo` is 0 for a PDU without data.
    #[must_use]
    pub const fn new(pdu_type: PduType, flags: PduFlags, pdo: u8, plen: u32) -> Self {
        Self { pdu_type: pdu_type as u8, flags, hlen: pdu_type.header_bytes(), pdo, plen: U32::new(plen) }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let flags = PduFlags::NONE.with_header_digest(true).with_last_pdu(true);
        let header = CommonHeader::new(PduType::H2cData, flags, 28, 0x1020);
        assert_eq!(header.as_bytes(), [0x06, 0x05, 24, 28, 0x20, 0x10, 0, 0]);
    }

    #[test]
    fn types_round_trip_and_the_rest_is_unknown() {
        let known: Vec<_> = (0..=u8::MAX).filter_map(PduType::from_wire).collect();
        assert_eq!(known, PduType::ALL);
        assert!(known.iter().all(|&t| PduType::from_wire(t as u8) == Some(t)));
    }

    #[test]
    fn flags_are_told_apart() {
        for bits in 0..16u8 {
            let bit = |n: u8| bits >> n & 1 == 1;
            let flags = PduFlags::NONE
                .with_header_digest(bit(0))
                .with_data_digest(bit(1))
                .with_last_pdu(bit(2))
                .with_success(bit(3));
            assert_eq!(flags.to_wire(), bits);
            assert_eq!((flags.header_digest(), flags.data_digest()), (bit(0), bit(1)));
            assert_eq!((flags.last_pdu(), flags.success()), (bit(2), bit(3)));
            assert_eq!(flags.with_last_pdu(false).to_wire(), bits & 0b1011);
        }
    }
}
