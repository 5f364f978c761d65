//! Initialize Connection Request, the host's first PDU (NVMe/TCP section 3.6.2.2).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 00h, HLEN and PLEN 128, no digest ever |
//! | 8..10 | PFV: PDU format version |
//! | 10 | HPDA: alignment of data to the host, dwords, zero-based |
//! | 11 | DGST: digests the host asks for |
//! | 12..16 | MAXR2T: R2Ts outstanding per command, zero-based |
//! | 16..128 | reserved |

use super::{CommonHeader, PDA_MAX, PFV, PduError, PduFlags, PduType};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// DGST of ICReq and ICResp: which digests are asked for or granted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct DigestFlags(u8);

impl DigestFlags {
    const HDGST_ENABLE: u8 = 1 << 0;
    const DDGST_ENABLE: u8 = 1 << 1;

    /// The digests as told.
    #[must_use]
    pub const fn new(header: bool, data: bool) -> Self {
        let header = if header { Self::HDGST_ENABLE } else { 0 };
        let data = if data { Self::DDGST_ENABLE } else { 0 };
        Self(header | data)
    }

    /// HDGST_ENABLE.
    #[must_use]
    pub const fn header(self) -> bool {
        self.0 & Self::HDGST_ENABLE != 0
    }

    /// DDGST_ENABLE.
    #[must_use]
    pub const fn data(self) -> bool {
        self.0 & Self::DDGST_ENABLE != 0
    }
}

/// The PDU as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IcReq {
    /// Common header.
    pub header: CommonHeader,
    /// PDU format version, 0.
    pub pfv: U16,
    /// Alignment of the data in PDUs to the host, in dwords, zero-based, 0..=31.
    pub hpda: u8,
    /// Digests that the host asks for.
    pub dgst: DigestFlags,
    /// R2Ts the host takes per command at a time, zero-based.
    pub maxr2t: U32,
    /// Reserved, zero.
    pub reserved: [u8; 112],
}

/// Size of ICReq, in bytes.
pub const IC_REQ_BYTES: usize = 128;

const _: () = {
    assert!(size_of::<IcReq>() == IC_REQ_BYTES);
    assert!(core::mem::offset_of!(IcReq, pfv) == 8);
    assert!(core::mem::offset_of!(IcReq, hpda) == 10);
    assert!(core::mem::offset_of!(IcReq, dgst) == 11);
    assert!(core::mem::offset_of!(IcReq, maxr2t) == 12);
};

impl IcReq {
    /// A request; `hpda` in dwords and `maxr2t`, both zero-based.
    #[must_use]
    pub const fn new(hpda: u8, dgst: DigestFlags, maxr2t: u32) -> Self {
        Self {
            header: CommonHeader::new(PduType::IcReq, PduFlags::NONE, 0, 128),
            pfv: U16::new(PFV),
            hpda,
            dgst,
            maxr2t: U32::new(maxr2t),
            reserved: [0; 112],
        }
    }

    /// Checks version and alignment.
    ///
    /// # Errors
    /// Unsupported Parameter at PFV; Invalid PDU Header Field at HPDA.
    pub const fn check(&self) -> Result<(), PduError> {
        if self.pfv.get() != PFV {
            return Err(PduError::unsupported(8));
        }
        if self.hpda > PDA_MAX {
            return Err(PduError::field(10));
        }
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let mut expected = [0; 128];
        expected[..16].copy_from_slice(&[0, 0, 128, 0, 128, 0, 0, 0, 0, 0, 3, 2, 15, 0, 0, 0]);
        let ic_req = IcReq::new(3, DigestFlags::new(false, true), 15);
        assert_eq!(ic_req.as_bytes(), expected);
        assert_eq!(ic_req.check(), Ok(()));
    }

    #[test]
    fn digest_flags_are_told_apart() {
        for (header, data) in [(false, false), (false, true), (true, false), (true, true)] {
            let flags = DigestFlags::new(header, data);
            assert_eq!((flags.header(), flags.data()), (header, data));
        }
    }

    #[test]
    fn refuses_other_versions_and_wide_alignment() {
        let good = IcReq::new(31, DigestFlags::default(), 0);
        assert_eq!(good.check(), Ok(()));
        assert_eq!(IcReq { pfv: U16::new(1), ..good }.check(), Err(PduError::unsupported(8)));
        assert_eq!(IcReq { hpda: 32, ..good }.check(), Err(PduError::field(10)));
    }
}
