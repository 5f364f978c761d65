//! Sanitize, NVMe Base 2.0 section 5.24, and its status log (LID 81h), section 5.16.1.25.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | CDW10 | 2:0 | SANACT, what to do |
//! | CDW10 | 3 | AUSE, a failure may be left with Exit Failure Mode |
//! | CDW10 | 7:4 | OWPASS, overwrite passes; 0 is 16 |
//! | CDW10 | 8 | OIPBP, invert the pattern between passes |
//! | CDW10 | 9 | NDAS, leave the media as they are afterwards |
//! | CDW11 | 31:0 | OVRPAT, overwrite pattern |
//!
//! | bytes of the log | field |
//! |---|---|
//! | 1:0 | SPROG, progress in 65536ths |
//! | 3:2 | SSTAT, status |
//! | 31:4 | what the last operation was, estimates of time |

use crate::bits::bit_fields;
use crate::layout::{wire_enum, wire_layout};
use crate::opcode::AdminOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

wire_enum! {
    /// SANACT: Sanitize Action.
    pub enum SanitizeAction: u8 {
        ExitFailureMode = 1 => "Exit Failure Mode",
        BlockErase = 2 => "Start a Block Erase",
        Overwrite = 3 => "Start an Overwrite",
        CryptoErase = 4 => "Start a Crypto Erase",
    }
}

bit_fields! {
    /// CDW10.
    pub struct Sanitize(u32) {
        /// SANACT: see [`SanitizeAction`].
        sanact, with_sanact: u8 = 0..3;
        /// AUSE: allow unrestricted sanitize exit.
        ause, with_ause: bool = 3..4;
        /// OWPASS: overwrite passes, 0 for 16.
        owpass, with_owpass: u8 = 4..8;
        /// OIPBP: invert the pattern between passes.
        oipbp, with_oipbp: bool = 8..9;
        /// NDAS: no deallocation after sanitize.
        ndas, with_ndas: bool = 9..10;
    }
}

impl Sanitize {
    /// Starts `action`, from whose failure one may return.
    #[must_use]
    pub const fn new(action: SanitizeAction) -> Self {
        Self::from_bits(0).with_sanact(action.wire()).with_ause(true)
    }

    /// Writes the fields into `sqe`, opcode included. `pattern` is that of an Overwrite.
    pub fn write_to(self, sqe: &mut Sqe, pattern: u32) {
        sqe.opcode = AdminOpcode::Sanitize.wire();
        sqe.cdw10 = U32::new(self.bits());
        sqe.cdw11 = U32::new(pattern);
    }
}

wire_enum! {
    /// SOS: Sanitize Operation Status, bits 2:0 of SSTAT.
    pub enum SanitizeState: u8 {
        Never = 0 => "Never sanitized",
        Completed = 1 => "Sanitize completed",
        InProgress = 2 => "Sanitize in progress",
        Failed = 3 => "Sanitize failed",
        CompletedDeallocated = 4 => "Sanitize completed, media deallocated",
    }
}

/// The first bytes of the Sanitize Status log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SanitizeStatus {
    /// SPROG: progress of the operation in 65536ths; FFFFh when none is in progress.
    pub progress: U16,
    /// SSTAT, see [`SanitizeStatus::state`].
    pub status: U16,
    /// SCDW10: CDW10 of the operation.
    pub cdw10: U32,
    /// Estimates of time in seconds: overwrite, block erase, crypto erase, and the same without deallocation.
    pub estimates: [U32; 6],
}

wire_layout!(SanitizeStatus: 32 { progress @ 0, status @ 2, cdw10 @ 4, estimates @ 8 });

impl SanitizeStatus {
    /// The state of the last operation, `None` if it is not known here.
    #[must_use]
    pub const fn state(&self) -> Option<SanitizeState> {
        let [low, _] = self.status.get().to_le_bytes();
        SanitizeState::from_wire(low & 0b111)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn command_golden() {
        let mut sqe = Sqe::default();
        Sanitize::new(SanitizeAction::Overwrite)
            .with_owpass(1)
            .with_ndas(true)
            .write_to(&mut sqe, 0x0403_0201);
        assert_eq!(sqe.as_bytes()[0], 0x84);
        assert_eq!(sqe.as_bytes()[40..48], [0x1b, 0x02, 0, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn log_golden() {
        let bytes: Vec<u8> = [0xff, 0x7f, 0x02, 0x01, 4, 0, 0, 0].into_iter().chain([0xff; 24]).collect();
        let log = SanitizeStatus::read_from_bytes(&bytes).unwrap();
        assert_eq!(
            (log.progress.get(), log.state(), log.cdw10.get()),
            (0x7fff, Some(SanitizeState::InProgress), 4)
        );
        assert_eq!(log.as_bytes(), bytes);
    }
}
