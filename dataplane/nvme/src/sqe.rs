//! Submission queue entry (NVMe Base section 4.1.1), the first 64 bytes of every command capsule.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | opcode |
//! | 1 | flags: FUSE in bits 1:0, PSDT in bits 7:6 |
//! | 2..4 | command identifier |
//! | 4..8 | namespace identifier (Fabrics commands: the command type is byte 4) |
//! | 8..16 | command dwords 2 and 3 |
//! | 16..24 | metadata pointer |
//! | 24..40 | data pointer, an SGL descriptor over Fabrics |
//! | 40..64 | command dwords 10 to 15 |

use crate::sgl::Sgl;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The entry as on the wire.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Sqe {
    /// Opcode.
    pub opcode: u8,
    /// FUSE and PSDT, see [`Sqe::fuse`] and [`Sqe::psdt`].
    pub flags: u8,
    /// Command identifier, unique among the queue's outstanding commands.
    pub cid: U16,
    /// Namespace identifier; byte 0 is the command type of a Fabrics command.
    pub nsid: U32,
    /// Command dword 2.
    pub cdw2: U32,
    /// Command dword 3.
    pub cdw3: U32,
    /// Metadata pointer.
    pub mptr: U64,
    /// Data pointer: an SGL descriptor, see [`Sqe::sgl`].
    pub dptr: [u8; 16],
    /// Command dword 10.
    pub cdw10: U32,
    /// Command dword 11.
    pub cdw11: U32,
    /// Command dword 12.
    pub cdw12: U32,
    /// Command dword 13.
    pub cdw13: U32,
    /// Command dword 14.
    pub cdw14: U32,
    /// Command dword 15.
    pub cdw15: U32,
}

/// Size of an entry, in bytes.
pub const SQE_BYTES: usize = 64;

const _: () = {
    assert!(size_of::<Sqe>() == SQE_BYTES);
    assert!(align_of::<Sqe>() == 1);
    assert!(core::mem::offset_of!(Sqe, cid) == 2);
    assert!(core::mem::offset_of!(Sqe, nsid) == 4);
    assert!(core::mem::offset_of!(Sqe, mptr) == 16);
    assert!(core::mem::offset_of!(Sqe, dptr) == 24);
    assert!(core::mem::offset_of!(Sqe, cdw10) == 40);
    assert!(core::mem::offset_of!(Sqe, cdw15) == 60);
};

/// PSDT value of a command that uses an SGL, the only one Fabrics allows (NVMe Base section 4.1.1, figure of CDW0).
pub const PSDT_SGL: u8 = 0b01;

/// CDW12 of Read, Write, Write Zeroes and Compare (NVM Command Set section 3.2, section 3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoControl(u32);

impl IoControl {
    const NLB_MASK: u32 = 0xffff;
    const DEAC: u32 = 1 << 25;
    const FUA: u32 = 1 << 30;
    const LR: u32 = 1 << 31;

    /// Wraps CDW12.
    #[must_use]
    pub const fn new(cdw12: u32) -> Self {
        Self(cdw12)
    }

    /// The control of a transfer of `blocks` logical blocks, 1..=65536.
    ///
    /// # Panics
    /// If `blocks` is out of range.
    #[must_use]
    pub const fn of_blocks(blocks: u32) -> Self {
        assert!(blocks >= 1 && blocks <= 0x1_0000, "a command moves 1 to 65536 blocks");
        Self(blocks - 1)
    }

    /// CDW12 as it goes into the entry.
    #[must_use]
    pub const fn cdw12(self) -> u32 {
        self.0
    }

    /// Number of logical blocks, 1..=65536 (the wire's value is zero-based).
    #[must_use]
    pub const fn nlb(self) -> u32 {
        (self.0 & Self::NLB_MASK) + 1
    }

    /// Force Unit Access.
    #[must_use]
    pub const fn fua(self) -> bool {
        self.0 & Self::FUA != 0
    }

    /// Limited Retry.
    #[must_use]
    pub const fn limited_retry(self) -> bool {
        self.0 & Self::LR != 0
    }

    /// Deallocate (DEAC) of Write Zeroes.
    #[must_use]
    pub const fn deallocate(self) -> bool {
        self.0 & Self::DEAC != 0
    }

    /// With Force Unit Access set as told.
    #[must_use]
    pub const fn with_fua(self, fua: bool) -> Self {
        Self(if fua { self.0 | Self::FUA } else { self.0 & !Self::FUA })
    }

    /// With Deallocate set as told.
    #[must_use]
    pub const fn with_deallocate(self, deallocate: bool) -> Self {
        Self(if deallocate { self.0 | Self::DEAC } else { self.0 & !Self::DEAC })
    }
}

impl Sqe {
    /// Fused operation, bits 1:0 of the flags; 0 is a normal command.
    #[must_use]
    pub const fn fuse(&self) -> u8 {
        self.flags & 0b11
    }

    /// PRP or SGL for Data Transfer, bits 7:6 of the flags. Fabrics commands leave it reserved.
    #[must_use]
    pub const fn psdt(&self) -> u8 {
        self.flags >> 6
    }

    /// The data pointer, decoded.
    #[must_use]
    pub fn sgl(&self) -> Sgl {
        Sgl::decode(&self.dptr)
    }

    /// Points the command at `sgl` and says so in PSDT.
    pub fn set_sgl(&mut self, sgl: Sgl) {
        self.flags = (self.flags & 0b0011_1111) | (PSDT_SGL << 6);
        self.dptr = sgl.encode();
    }

    /// Starting LBA of Read, Write, Write Zeroes and Compare: CDW10 and CDW11.
    #[must_use]
    pub const fn slba(&self) -> u64 {
        self.cdw10.get() as u64 | (self.cdw11.get() as u64) << 32
    }

    /// Sets the starting LBA.
    pub fn set_slba(&mut self, slba: u64) {
        let bytes = slba.to_le_bytes();
        self.cdw10 = U32::from_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        self.cdw11 = U32::from_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    }

    /// CDW12 of an I/O command, decoded.
    #[must_use]
    pub const fn io_control(&self) -> IoControl {
        IoControl::new(self.cdw12.get())
    }

    /// Number of logical blocks of an I/O command, 1..=65536.
    #[must_use]
    pub const fn nlb(&self) -> u32 {
        self.io_control().nlb()
    }

    /// Force Unit Access of an I/O command.
    #[must_use]
    pub const fn fua(&self) -> bool {
        self.io_control().fua()
    }

    /// Deallocate (DEAC) of a Write Zeroes command.
    #[must_use]
    pub const fn deallocate(&self) -> bool {
        self.io_control().deallocate()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden_bytes_of_a_write() {
        let mut sqe = Sqe { opcode: 0x01, cid: U16::new(0x1234), nsid: U32::new(1), ..Sqe::default() };
        sqe.set_slba(0x0000_0001_0000_0020);
        sqe.cdw12 = U32::new(IoControl::of_blocks(8).with_fua(true).cdw12());
        sqe.set_sgl(Sgl::Transport { length: 4096 });
        let mut expected = [0u8; 64];
        expected[..8].copy_from_slice(&[0x01, 0x40, 0x34, 0x12, 1, 0, 0, 0]);
        expected[32..40].copy_from_slice(&[0, 0x10, 0, 0, 0, 0, 0, 0x5a]);
        expected[40..52].copy_from_slice(&[0x20, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0x40]);
        assert_eq!(sqe.as_bytes(), expected);
        assert_eq!(sqe.slba(), 0x1_0000_0020);
        assert_eq!((sqe.nlb(), sqe.fua(), sqe.deallocate()), (8, true, false));
        assert_eq!((sqe.fuse(), sqe.psdt()), (0, PSDT_SGL));
    }

    #[test]
    fn io_control_fields_do_not_touch_each_other() {
        let all = IoControl::of_blocks(0x1_0000).with_fua(true).with_deallocate(true);
        assert_eq!(all.cdw12(), 0x4200_ffff);
        assert_eq!(all.with_fua(false).cdw12(), 0x0200_ffff);
        assert_eq!(all.with_deallocate(false).cdw12(), 0x4000_ffff);
        assert!(!all.limited_retry());
        assert_eq!(IoControl::new(0).nlb(), 1);
    }
}
