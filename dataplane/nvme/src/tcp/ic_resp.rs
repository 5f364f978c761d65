//! Initialize Connection Response, the controller's first PDU (NVMe/TCP section 3.6.2.3).
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 01h, HLEN and PLEN 128, no digest ever |
//! | 8..10 | PFV: PDU format version |
//! | 10 | CPDA: alignment of data to the controller, dwords, zero-based |
//! | 11 | DGST: digests in force |
//! | 12..16 | MAXH2CDATA: most data in one H2CData, in bytes |
//! | 16..128 | reserved |

use super::{CommonHeader, DigestFlags, MAXH2CDATA_MIN, PDA_MAX, PFV, PduError, PduFlags, PduType};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The PDU as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IcResp {
    /// Common header.
    pub header: CommonHeader,
    /// PDU format version, 0.
    pub pfv: U16,
    /// Alignment of the data in PDUs to the controller, in dwords, zero-based, 0..=31.
    pub cpda: u8,
    /// Digests in force: at most those that the host asked for.
    pub dgst: DigestFlags,
    /// Most data in one H2CData, in bytes: at least 4096, a multiple of four.
    pub maxh2cdata: U32,
    /// Reserved, zero.
    pub reserved: [u8; 112],
}

/// Size of ICResp, in bytes.
pub const IC_RESP_BYTES: usize = 128;

const _: () = {
    assert!(size_of::<IcResp>() == IC_RESP_BYTES);
    assert!(core::mem::offset_of!(IcResp, pfv) == 8);
    assert!(core::mem::offset_of!(IcResp, cpda) == 10);
    assert!(core::mem::offset_of!(IcResp, dgst) == 11);
    assert!(core::mem::offset_of!(IcResp, maxh2cdata) == 12);
};

impl IcResp {
    /// A response; `cpda` in dwords, zero-based, `maxh2cdata` in bytes.
    #[must_use]
    pub const fn new(cpda: u8, dgst: DigestFlags, maxh2cdata: u32) -> Self {
        Self {
            header: CommonHeader::new(PduType::IcResp, PduFlags::NONE, 0, 128),
            pfv: U16::new(PFV),
            cpda,
            dgst,
            maxh2cdata: U32::new(maxh2cdata),
            reserved: [0; 112],
        }
    }

    /// Checks the answer to a host that `asked` for these digests.
    ///
    /// # Errors
    /// Unsupported Parameter at PFV; Invalid PDU Header Field at CPDA, at DGST if a digest was not asked
    /// for, at MAXH2CDATA.
    pub const fn check(&self, asked: DigestFlags) -> Result<(), PduError> {
        let maxh2cdata = self.maxh2cdata.get();
        if self.pfv.get() != PFV {
            return Err(PduError::unsupported(8));
        }
        if self.cpda > PDA_MAX {
            return Err(PduError::field(10));
        }
        if self.dgst.header() && !asked.header() || self.dgst.data() && !asked.data() {
            return Err(PduError::field(11));
        }
        if maxh2cdata < MAXH2CDATA_MIN || !maxh2cdata.is_multiple_of(4) {
            return Err(PduError::field(12));
        }
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const BOTH: DigestFlags = DigestFlags::new(true, true);

    #[test]
    fn golden_bytes() {
        let mut expected = [0; 128];
        expected[..16].copy_from_slice(&[1, 0, 128, 0, 128, 0, 0, 0, 0, 0, 7, 3, 0, 0, 2, 0]);
        let ic_resp = IcResp::new(7, BOTH, 0x2_0000);
        assert_eq!(ic_resp.as_bytes(), expected);
        assert_eq!(ic_resp.check(BOTH), Ok(()));
    }

    #[test]
    fn refuses_what_was_not_asked_for_or_is_out_of_range() {
        let good = IcResp::new(31, BOTH, 4096);
        let none = DigestFlags::default();
        assert_eq!(good.check(BOTH), Ok(()));
        assert_eq!(IcResp { pfv: U16::new(1), ..good }.check(BOTH), Err(PduError::unsupported(8)));
        assert_eq!(IcResp { cpda: 32, ..good }.check(BOTH), Err(PduError::field(10)));
        assert_eq!(good.check(none), Err(PduError::field(11)));
        assert_eq!(IcResp { dgst: none, ..good }.check(BOTH), Ok(()));
        for bytes in [0, 4092, 4098] {
            assert_eq!(IcResp { maxh2cdata: U32::new(bytes), ..good }.check(BOTH), Err(PduError::field(12)));
        }
    }
}
