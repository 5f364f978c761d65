//! Abort, NVMe Base 2.0 section 5.1.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | CDW10 | 15:0 | SQID, the queue the command was submitted to |
//! | CDW10 | 31:16 | CID, the command |
//!
//! The completion's dword 0 bit 0 is clear if the command was aborted.

use crate::bits::bit_fields;
use crate::opcode::AdminOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

bit_fields! {
    /// The command to abort: CDW10.
    pub struct Abort(u32) {
        /// SQID: submission queue.
        sqid, with_sqid: u16 = 0..16;
        /// CID: command identifier.
        cid, with_cid: u16 = 16..32;
    }
}

impl Abort {
    /// Writes the fields into `sqe`, opcode included.
    pub fn write_to(self, sqe: &mut Sqe) {
        sqe.opcode = AdminOpcode::Abort.wire();
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
        Abort::default().with_sqid(1).with_cid(0x0203).write_to(&mut sqe);
        assert_eq!((sqe.as_bytes()[0], &sqe.as_bytes()[40..44]), (0x08, &[1, 0, 3, 2][..]));
    }
}
