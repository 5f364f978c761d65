//! Fabrics commands, NVMe Base 2.0 section 6: opcode 7Fh, told apart by FCTYPE in byte 4 of the entry (the
//! low byte of what is NSID elsewhere).
//!
//! Before a controller is enabled, only these are allowed on its admin queue; on a queue of a connection
//! that has not seen Connect, only Connect is.

pub mod connect;
pub mod disconnect;
pub mod property;

use crate::opcode::{AdminOpcode, FabricsType};
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

/// FCTYPE of a Fabrics command, `None` if it is not known here.
#[must_use]
pub const fn fabrics_type(sqe: &Sqe) -> Option<FabricsType> {
    let [fctype, ..] = sqe.nsid.get().to_le_bytes();
    FabricsType::from_wire(fctype)
}

/// Makes `sqe` a Fabrics command of `fctype`.
fn set_fabrics_type(sqe: &mut Sqe, fctype: FabricsType) {
    sqe.opcode = AdminOpcode::Fabrics.wire();
    sqe.nsid = U32::new(u32::from(fctype.wire()));
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn the_type_is_byte_4() {
        let mut sqe = Sqe::default();
        set_fabrics_type(&mut sqe, FabricsType::Disconnect);
        assert_eq!(sqe.as_bytes()[..8], [0x7f, 0, 0, 0, 8, 0, 0, 0]);
        assert_eq!(fabrics_type(&sqe), Some(FabricsType::Disconnect));
        sqe.nsid = U32::new(0xaabb_cc01);
        assert_eq!(fabrics_type(&sqe), Some(FabricsType::Connect));
        sqe.nsid = U32::new(0xff);
        assert_eq!(fabrics_type(&sqe), None);
    }
}
