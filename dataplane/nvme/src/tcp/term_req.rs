//! Terminate Connection Request, in both directions (NVMe/TCP sections 3.6.2.4 and 3.6.2.5).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 02h (to the controller) or 03h (to the host), HLEN 24, no digest ever |
//! | 8..10 | FES: fatal error status |
//! | 10..14 | FEI: fatal error information |
//! | 14..24 | reserved |
//! | 24.. | the header of the PDU in error, at most 128 bytes |

use super::{CommonHeader, Fes, PduError, PduFlags, PduType};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The PDU header as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct TermReq {
    /// Common header.
    pub header: CommonHeader,
    /// Fatal error status, see [`Fes`].
    pub fes: U16,
    /// Fatal error information: an offset or a digest, by status.
    pub fei: U32,
    /// Reserved, zero.
    pub reserved: [u8; 10],
}

/// Size of the header, in bytes.
pub const TERM_REQ_BYTES: usize = 24;
/// Most bytes of the PDU in error that a TermReq repeats.
pub const TERM_REQ_DATA_BYTES: usize = 128;

const _: () = {
    assert!(size_of::<TermReq>() == TERM_REQ_BYTES);
    assert!(core::mem::offset_of!(TermReq, fes) == 8);
    assert!(core::mem::offset_of!(TermReq, fei) == 10);
    assert!(core::mem::offset_of!(TermReq, reserved) == 14);
};

impl TermReq {
    /// A request of `pdu_type` (one of the two TermReqs) that repeats `data_bytes` of the PDU in error, 0..=128.
    #[must_use]
    pub const fn new(pdu_type: PduType, error: PduError, data_bytes: u8) -> Self {
        Self {
            header: CommonHeader::new(pdu_type, PduFlags::NONE, 0, 24 + data_bytes as u32),
            fes: U16::new(error.fes as u16),
            fei: U32::new(error.fei),
            reserved: [0; 10],
        }
    }

    /// The status, if it is one that the specification knows.
    #[must_use]
    pub const fn fes(&self) -> Option<Fes> {
        Fes::from_wire(self.fes.get())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let error = PduError::header_digest(0x0102_0304);
        let pdu = TermReq::new(PduType::C2hTermReq, error, 72);
        let mut expected = [0; 24];
        expected[..14].copy_from_slice(&[3, 0, 24, 0, 96, 0, 0, 0, 3, 0, 4, 3, 2, 1]);
        assert_eq!(pdu.as_bytes(), expected);
        assert_eq!(pdu.fes(), Some(Fes::HeaderDigestError));
    }
}
