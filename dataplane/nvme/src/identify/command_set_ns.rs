//! I/O Command Set specific Identify Namespace (CNS 05h) for the NVM Command Set, NVM Command Set 1.0
//! section 4.1.5.3.
//!
//! | bytes | field |
//! |---|---|
//! | 7:0 | LBSTM, logical block storage tag mask |
//! | 8 | PIC, protection information capabilities |
//! | 12..268 | ELBAF, 64 extended LBA formats |
//!
//! Without protection information everything is zero.

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// PIC: Protection Information Capabilities.
    pub struct Pic(u8) {
        /// 16b guard: storage tag supported.
        storage_tag16, with_storage_tag16: bool = 0..1;
        /// 16b guard: storage tag mask supported.
        storage_tag16_mask, with_storage_tag16_mask: bool = 1..2;
        /// Storage tag check in Read.
        storage_tag_check_read, with_storage_tag_check_read: bool = 2..3;
    }
}

bit_fields! {
    /// ELBAF: Extended LBA Format.
    pub struct ExtendedLbaFormat(u32) {
        /// STS: storage tag bits.
        sts, with_sts: u8 = 0..7;
        /// PIF: 0 is the 16b guard, 1 the 32b, 2 the 64b.
        pif, with_pif: u8 = 7..9;
    }
}

/// The structure as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct NvmIdentifyNamespace {
    /// LBSTM.
    pub lbstm: U64,
    /// PIC.
    pub pic: Pic,
    /// Reserved.
    pub reserved9: [u8; 3],
    /// ELBAF: formats in the order of Identify Namespace.
    pub elbaf: [ExtendedLbaFormat; 64],
    /// Reserved.
    pub reserved268: [u8; 3828],
}

wire_layout!(NvmIdentifyNamespace: 4096 { lbstm @ 0, pic @ 8, elbaf @ 12, reserved268 @ 268 });

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let mut data = NvmIdentifyNamespace { lbstm: U64::new(0x0102), ..NvmIdentifyNamespace::default() };
        data.pic = Pic::default().with_storage_tag16(true);
        data.elbaf[1] = ExtendedLbaFormat::default().with_sts(16).with_pif(2);
        let bytes = data.as_bytes();
        assert_eq!(bytes[..20], [2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0]);
        assert!(NvmIdentifyNamespace::read_from_bytes(bytes).is_ok_and(|read| read == data));
    }
}
