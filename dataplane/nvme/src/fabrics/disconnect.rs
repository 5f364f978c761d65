//! Disconnect, NVMe Base 2.0 section 6.4: deletes the I/O queue it arrives on; the last completion of that
//! queue answers it. On the admin queue it is Invalid Queue Type.
//!
//! | bytes | field |
//! |---|---|
//! | 41:40 | RECFMT: 0 |

use super::set_fabrics_type;
use crate::bits::bit_fields;
use crate::opcode::FabricsType;
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

/// RECFMT that this layout has; another is Incompatible Format.
pub const DISCONNECT_RECFMT: u16 = 0;

bit_fields! {
    /// CDW10.
    pub struct DisconnectCdw10(u32) {
        /// RECFMT: record format.
        recfmt, with_recfmt: u16 = 0..16;
    }
}

/// The command; it has no data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisconnectCommand {
    /// Format.
    pub cdw10: DisconnectCdw10,
}

impl DisconnectCommand {
    /// Reads the fields of a Disconnect command.
    #[must_use]
    pub const fn from_sqe(sqe: &Sqe) -> Self {
        Self { cdw10: DisconnectCdw10::from_bits(sqe.cdw10.get()) }
    }

    /// Writes the fields into `sqe`, opcode and type included.
    pub fn write_to(&self, sqe: &mut Sqe) {
        set_fabrics_type(sqe, FabricsType::Disconnect);
        sqe.cdw10 = U32::new(self.cdw10.bits());
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn golden() {
        let mut sqe = Sqe::default();
        DisconnectCommand::default().write_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[..8], [0x7f, 0, 0, 0, 8, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..44], [0; 4]);
        sqe.cdw10 = U32::new(0x0000_0102);
        assert_eq!(DisconnectCommand::from_sqe(&sqe).cdw10.recfmt(), 0x0102);
    }
}
