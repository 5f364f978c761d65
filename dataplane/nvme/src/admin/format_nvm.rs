//! Format NVM, NVMe Base 2.0 section 5.14: destroys all data of a namespace and sets its block format.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | CDW10 | 3:0, 13:12 | LBAF, index of the LBA format |
//! | CDW10 | 4 | MSET, metadata at the end of the data |
//! | CDW10 | 7:5 | PI, protection information |
//! | CDW10 | 8 | PIL, where it is in the metadata |
//! | CDW10 | 11:9 | SES, secure erase setting |

use crate::bits::bit_fields;
use crate::layout::wire_enum;
use crate::opcode::AdminOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

wire_enum! {
    /// SES: what becomes of the data.
    pub enum SecureErase: u8 {
        None = 0 => "No secure erase",
        UserData = 1 => "User data erase",
        Cryptographic = 2 => "Cryptographic erase",
    }
}

bit_fields! {
    /// CDW10.
    pub struct FormatNvm(u32) {
        /// LBAF bits 3:0.
        lbaf_low, with_lbaf_low: u8 = 0..4;
        /// MSET: metadata at the end of the data.
        mset, with_mset: bool = 4..5;
        /// PI: protection information.
        pi, with_pi: u8 = 5..8;
        /// PIL: protection information first in the metadata.
        pil, with_pil: bool = 8..9;
        /// SES: see [`SecureErase`].
        ses, with_ses: u8 = 9..12;
        /// LBAF bits 5:4.
        lbaf_high, with_lbaf_high: u8 = 12..14;
    }
}

impl FormatNvm {
    /// Format to LBA format `lbaf`, 0 to 63, without metadata or protection.
    ///
    /// # Panics
    /// If `lbaf` is out of range.
    #[must_use]
    pub const fn new(lbaf: u8, erase: SecureErase) -> Self {
        Self::from_bits(0).with_lbaf_low(lbaf & 0xf).with_lbaf_high(lbaf >> 4).with_ses(erase.wire())
    }

    /// Writes the fields into `sqe`, opcode included.
    pub fn write_to(self, sqe: &mut Sqe, nsid: u32) {
        sqe.opcode = AdminOpcode::FormatNvm.wire();
        sqe.nsid = U32::new(nsid);
        sqe.cdw10 = U32::new(self.bits());
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn golden() {
        let mut sqe = Sqe::default();
        FormatNvm::new(0x21, SecureErase::Cryptographic).write_to(&mut sqe, 1);
        assert_eq!(sqe.as_bytes()[..8], [0x80, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..44], [0x01, 0x24, 0, 0]);
    }

    #[test]
    #[should_panic(expected = "lbaf_high does not fit")]
    fn there_are_64_formats() {
        let _ = FormatNvm::new(64, SecureErase::None);
    }
}
