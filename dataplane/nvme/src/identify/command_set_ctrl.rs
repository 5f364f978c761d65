//! I/O Command Set specific Identify Controller (CNS 06h) for the NVM Command Set, NVM Command Set 1.0
//! section 4.1.5.4. The Linux host takes its Write Zeroes and Deallocate limits from here.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | VSL, Verify size limit |
//! | 1 | WZSL, Write Zeroes size limit |
//! | 2 | WUSL, Write Uncorrectable size limit |
//! | 3 | DMRL, Dataset Management ranges limit |
//! | 7:4 | DMRSL, Dataset Management range size limit |
//! | 15:8 | DMSL, Dataset Management size limit |
//!
//! Zero means no limit everywhere. The first three are powers of two of the smallest memory page.

use crate::layout::wire_layout;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The structure as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NvmIdentifyController {
    /// VSL: 2^n pages of CAP.MPSMIN.
    pub vsl: u8,
    /// WZSL: 2^n pages of CAP.MPSMIN.
    pub wzsl: u8,
    /// WUSL: 2^n pages of CAP.MPSMIN.
    pub wusl: u8,
    /// DMRL: ranges in one command.
    pub dmrl: u8,
    /// DMRSL: logical blocks in one range.
    pub dmrsl: U32,
    /// DMSL: logical blocks in one command.
    pub dmsl: U64,
    /// Reserved.
    pub reserved16: [u8; 4080],
}

wire_layout!(NvmIdentifyController: 4096 {
    vsl @ 0, wzsl @ 1, wusl @ 2, dmrl @ 3, dmrsl @ 4, dmsl @ 8, reserved16 @ 16,
});

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let data = NvmIdentifyController {
            wzsl: 8,
            dmrl: 255,
            dmrsl: U32::new(0x0102_0304),
            dmsl: U64::new(0x0506),
            ..NvmIdentifyController::default()
        };
        let bytes = data.as_bytes();
        assert_eq!(bytes[..16], [0, 8, 0, 255, 4, 3, 2, 1, 6, 5, 0, 0, 0, 0, 0, 0]);
        assert!(NvmIdentifyController::read_from_bytes(bytes).is_ok_and(|read| read == data));
    }
}
