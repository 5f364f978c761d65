//! Doorbell Buffer Config, NVMe Base 2.0 section 5.8: doorbells kept in memory, for controllers that are emulated.
//!
//! | pointer | what |
//! |---|---|
//! | PRP1 | page of shadow doorbells, laid out as the registers are |
//! | PRP2 | page of event indices, in the same places |

use crate::opcode::AdminOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::U64;

/// The command that tells both pages' addresses.
#[must_use]
pub fn doorbell_buffer_config(shadow: u64, event_index: u64) -> Sqe {
    Sqe {
        opcode: AdminOpcode::DoorbellBufferConfig.wire(),
        dptr: zerocopy::transmute!([U64::new(shadow), U64::new(event_index)]),
        ..Sqe::default()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn golden() {
        let sqe = doorbell_buffer_config(0x2000, 0x3000);
        assert_eq!(sqe.as_bytes()[0], 0x7c);
        assert_eq!(sqe.as_bytes()[24..40], [0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x30, 0, 0, 0, 0, 0, 0]);
    }
}
