//! Completion queue entry (NVMe Base section 4.2), the body of every response capsule.
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | command specific result: dwords 0 and 1 |
//! | 8..10 | submission queue head pointer |
//! | 10..12 | submission queue identifier, reserved over Fabrics |
//! | 12..14 | command identifier |
//! | 14..16 | status field in bits 15:1; bit 0, the phase tag, is zero over Fabrics |

use crate::status::Status;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The entry as on the wire.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Cqe {
    /// Result, low dword.
    pub dw0: U32,
    /// Result, high dword.
    pub dw1: U32,
    /// Submission queue head pointer, filled by the qpair.
    pub sqhd: U16,
    /// Submission queue identifier, filled by the qpair.
    pub sqid: U16,
    /// Command identifier.
    pub cid: U16,
    /// Status field; bit 0 (phase tag) is zero. See [`Cqe::status`].
    pub status: U16,
}

/// Size of an entry, in bytes.
pub const CQE_BYTES: usize = 16;

const _: () = {
    assert!(size_of::<Cqe>() == CQE_BYTES);
    assert!(align_of::<Cqe>() == 1);
    assert!(core::mem::offset_of!(Cqe, sqhd) == 8);
    assert!(core::mem::offset_of!(Cqe, cid) == 12);
    assert!(core::mem::offset_of!(Cqe, status) == 14);
};

impl Cqe {
    /// A completion without a result.
    #[must_use]
    pub const fn new(cid: u16, status: Status) -> Self {
        Self {
            dw0: U32::ZERO,
            dw1: U32::ZERO,
            sqhd: U16::ZERO,
            sqid: U16::ZERO,
            cid: U16::new(cid),
            status: U16::new(status.to_cqe_field()),
        }
    }

    /// The same completion with `result` in dword 0.
    #[must_use]
    pub const fn with_dw0(mut self, result: u32) -> Self {
        self.dw0 = U32::new(result);
        self
    }

    /// The same completion with the 64-bit `result` in dwords 0 and 1.
    #[must_use]
    pub fn with_result(mut self, result: u64) -> Self {
        let bytes = result.to_le_bytes();
        self.dw0 = U32::from_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        self.dw1 = U32::from_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        self
    }

    /// Dwords 0 and 1 as one value.
    #[must_use]
    pub const fn result(&self) -> u64 {
        self.dw0.get() as u64 | (self.dw1.get() as u64) << 32
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> Status {
        Status::from_cqe_field(self.status.get())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes() {
        let cqe = Cqe::new(0x0102, Status::LBA_OUT_OF_RANGE.dnr()).with_result(0x1122_3344_5566_7788);
        let expected = [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 0x02, 0x01, 0x00, 0x81];
        assert_eq!(cqe.as_bytes(), expected);
        assert_eq!(cqe.result(), 0x1122_3344_5566_7788);
        assert_eq!(cqe.status(), Status::LBA_OUT_OF_RANGE.dnr());
    }

    #[test]
    fn phase_tag_is_never_set() {
        assert_eq!(Cqe::new(0, Status::from_bits(0x7fff)).status.get(), 0xfffe);
    }
}
