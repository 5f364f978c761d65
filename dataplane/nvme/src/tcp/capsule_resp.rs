//! Response Capsule (NVMe/TCP section 3.6.2.7). It never carries data.
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | common header: type 05h, HLEN 24 |
//! | 8..24 | completion queue entry |

use super::{CommonHeader, PduFlags, PduType};
use crate::cqe::Cqe;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The PDU header as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CapsuleResp {
    /// Common header.
    pub header: CommonHeader,
    /// The completion.
    pub cqe: Cqe,
}

/// Size of the PDU without digest, in bytes.
pub const CAPSULE_RESP_BYTES: usize = 24;

const _: () = {
    assert!(size_of::<CapsuleResp>() == CAPSULE_RESP_BYTES);
    assert!(core::mem::offset_of!(CapsuleResp, cqe) == 8);
};

impl CapsuleResp {
    /// A capsule of `plen` bytes.
    #[must_use]
    pub const fn new(flags: PduFlags, plen: u32, cqe: Cqe) -> Self {
        Self { header: CommonHeader::new(PduType::CapsuleResp, flags, 0, plen), cqe }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::status::Status;

    #[test]
    fn golden_bytes() {
        let cqe = Cqe::new(0x0102, Status::INVALID_FIELD).with_dw0(5);
        let capsule = CapsuleResp::new(PduFlags::NONE, 24, cqe);
        let expected = [5, 0, 24, 0, 24, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 4, 0];
        assert_eq!(capsule.as_bytes(), expected);
    }
}
