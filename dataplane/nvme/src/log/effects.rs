//! Commands Supported and Effects (LID 05h), NVMe Base 2.0 section 5.16.1.6.
//!
//! | bytes | field |
//! |---|---|
//! | 0..1024 | admin commands, one dword per opcode |
//! | 1024..2048 | I/O commands, one dword per opcode |
//!
//! A host that passes commands through (Linux' ioctl) freezes queues or rescans namespaces by these bits.

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use crate::opcode::{AdminOpcode, NvmOpcode};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// Effects of one opcode; zero: not supported.
    pub struct CommandEffects(u32) {
        /// CSUPP: the command is supported.
        csupp, with_csupp: bool = 0..1;
        /// LBCC: may change the content of logical blocks.
        lbcc, with_lbcc: bool = 1..2;
        /// NCC: may change the capabilities of a namespace.
        ncc, with_ncc: bool = 2..3;
        /// NIC: may change the inventory of namespaces.
        nic, with_nic: bool = 3..4;
        /// CCC: may change the capabilities of the controller.
        ccc, with_ccc: bool = 4..5;
        /// CSER: relaxation of CSE.
        cser, with_cser: u8 = 14..16;
        /// CSE: 0 no restriction, 1 alone in its namespace, 2 alone in all namespaces.
        cse, with_cse: u8 = 16..19;
        /// USS: UUID selection supported.
        uss, with_uss: bool = 19..20;
        /// CSP: scope of what the command affects.
        csp, with_csp: u16 = 20..32;
    }
}

/// The page as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct EffectsLog {
    /// ACS: by admin opcode.
    pub admin: [CommandEffects; 256],
    /// IOCS: by I/O opcode.
    pub io: [CommandEffects; 256],
    /// Reserved.
    pub reserved2048: [u8; 2048],
}

wire_layout!(EffectsLog: 4096 { admin @ 0, io @ 1024, reserved2048 @ 2048 });

impl EffectsLog {
    /// Declares an admin command supported, with `effects` besides.
    pub fn support_admin(&mut self, opcode: AdminOpcode, effects: CommandEffects) {
        self.admin[usize::from(opcode.wire())] = effects.with_csupp(true);
    }

    /// Declares an I/O command supported, with `effects` besides.
    pub fn support_io(&mut self, opcode: NvmOpcode, effects: CommandEffects) {
        self.io[usize::from(opcode.wire())] = effects.with_csupp(true);
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let mut page = EffectsLog::default();
        page.support_admin(AdminOpcode::Identify, CommandEffects::default());
        page.support_io(NvmOpcode::Write, CommandEffects::default().with_lbcc(true).with_cse(1));
        let bytes = page.as_bytes();
        assert_eq!(bytes[24..28], [1, 0, 0, 0]);
        assert_eq!(bytes[1028..1032], [3, 0, 1, 0]);
        assert_eq!(bytes.iter().filter(|&&byte| byte != 0).count(), 3);
        assert!(EffectsLog::read_from_bytes(bytes).is_ok_and(|read| read == page));
    }
}
