//! An access as a submission queue entry: NVM Command Set, Read, Write, Write Zeroes and Dataset Management.

use sluice_nvme::dsm::{DatasetManagement, DsmRange};
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::sqe::{IoControl, Sqe};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use crate::workload::{Access, AccessOp};

/// The entry for `access`, less its data pointer.
pub(super) fn entry(access: Access, cid: u16, nsid: u32, fua: bool) -> Sqe {
    let mut sqe = Sqe { cid: U16::new(cid), nsid: U32::new(nsid), ..Sqe::default() };
    match access.op {
        AccessOp::Deallocate => DatasetManagement::deallocate(1).write_to(&mut sqe),
        AccessOp::Read => move_blocks(&mut sqe, NvmOpcode::Read, access, false),
        AccessOp::Write => move_blocks(&mut sqe, NvmOpcode::Write, access, fua),
        AccessOp::WriteZeroes => move_blocks(&mut sqe, NvmOpcode::WriteZeroes, access, fua),
    }
    sqe
}

fn move_blocks(sqe: &mut Sqe, opcode: NvmOpcode, access: Access, fua: bool) {
    sqe.opcode = opcode.wire();
    sqe.set_slba(access.lba);
    sqe.cdw12 = U32::new(IoControl::of_blocks(access.blocks).with_fua(fua).cdw12());
}

/// The data of a deallocation.
pub(super) fn range(access: Access) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(DsmRange::new(access.lba, access.blocks).as_bytes());
    bytes
}

#[cfg(test)]
mod test {
    use super::*;

    const ACCESS: Access = Access { op: AccessOp::Write, lba: 0x1_0000_0007, blocks: 8 };

    #[test]
    fn a_write_with_fua() {
        let sqe = entry(ACCESS, 5, 1, true);
        assert_eq!((sqe.opcode, sqe.cid.get(), sqe.nsid.get()), (1, 5, 1));
        assert_eq!((sqe.slba(), sqe.nlb(), sqe.fua()), (0x1_0000_0007, 8, true));
    }

    #[test]
    fn reads_have_no_fua_and_deallocations_one_range() {
        assert!(!entry(Access { op: AccessOp::Read, ..ACCESS }, 0, 1, true).fua());
        let sqe = entry(Access { op: AccessOp::Deallocate, ..ACCESS }, 0, 1, true);
        assert_eq!((sqe.opcode, sqe.cdw10.get(), sqe.cdw11.get()), (9, 0, 4));
        assert_eq!(range(ACCESS), [0, 0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0]);
    }
}
