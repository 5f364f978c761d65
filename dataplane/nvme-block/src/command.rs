//! A request as an entry of the I/O queue, but for its identifier and data pointer.

use sluice_device::Op;
use sluice_nvme::dsm::DatasetManagement;
use sluice_nvme::opcode::NvmOpcode;
use sluice_nvme::sqe::{IoControl, Sqe};
use zerocopy::little_endian::U32;

/// How the controller does what it may do in several ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Data pointers may be SGLs.
    pub sgl: bool,
    /// It knows Write Zeroes; else zeroes are written from memory.
    pub write_zeroes: bool,
    /// Write Zeroes honours Deallocate.
    pub write_zeroes_deallocates: bool,
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    /// What to do.
    pub op: Op,
    /// First block.
    pub lba: u64,
    /// How many blocks.
    pub blocks: u32,
}

impl Command {
    /// The entry; of a Deallocate, the data are one range.
    #[inline]
    #[must_use]
    pub fn encode(&self, nsid: u32, abilities: Abilities) -> Sqe {
        let mut entry = Sqe { nsid: U32::new(nsid), ..Sqe::default() };
        match self.op {
            Op::Read => self.transfer(&mut entry, NvmOpcode::Read, false),
            Op::Write { fua } => self.transfer(&mut entry, NvmOpcode::Write, fua),
            Op::WriteZeroes { fua, .. } if !abilities.write_zeroes => {
                self.transfer(&mut entry, NvmOpcode::Write, fua);
            }
            Op::WriteZeroes { fua, deallocate } => {
                self.transfer(&mut entry, NvmOpcode::WriteZeroes, fua);
                let deallocate = deallocate && abilities.write_zeroes_deallocates;
                entry.cdw12 = U32::new(entry.io_control().with_deallocate(deallocate).cdw12());
            }
            Op::Deallocate => DatasetManagement::deallocate(1).write_to(&mut entry),
            Op::Flush => entry.opcode = NvmOpcode::Flush.wire(),
        }
        entry
    }

    #[inline]
    fn transfer(&self, entry: &mut Sqe, opcode: NvmOpcode, fua: bool) {
        entry.opcode = opcode.wire();
        entry.set_slba(self.lba);
        entry.cdw12 = U32::new(IoControl::of_blocks(self.blocks).with_fua(fua).cdw12());
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const ALL: Abilities = Abilities { sgl: true, write_zeroes: true, write_zeroes_deallocates: true };

    fn entry(op: Op, abilities: Abilities) -> Sqe {
        Command { op, lba: 0x1_0000_0002, blocks: 8 }.encode(3, abilities)
    }

    #[test]
    fn each_operation_has_its_command() {
        let table = [
            (Op::Read, 0x02, 0x0000_0007),
            (Op::Write { fua: false }, 0x01, 0x0000_0007),
            (Op::Write { fua: true }, 0x01, 0x4000_0007),
            (Op::WriteZeroes { fua: false, deallocate: false }, 0x08, 0x0000_0007),
            (Op::WriteZeroes { fua: true, deallocate: true }, 0x08, 0x4200_0007),
        ];
        for (op, opcode, cdw12) in table {
            let entry = entry(op, ALL);
            let found = (entry.opcode, entry.nsid.get(), entry.slba(), entry.cdw12.get());
            assert_eq!(found, (opcode, 3, 0x1_0000_0002, cdw12), "{op:?}");
        }
        let flush = entry(Op::Flush, ALL);
        assert_eq!((flush.opcode, flush.nsid.get(), flush.slba(), flush.cdw12.get()), (0, 3, 0, 0));
        let deallocate = entry(Op::Deallocate, ALL);
        assert_eq!((deallocate.opcode, deallocate.cdw10.get(), deallocate.cdw11.get()), (9, 0, 4));
    }

    #[test]
    fn what_the_controller_lacks_is_done_otherwise() {
        let zeroes = Op::WriteZeroes { fua: true, deallocate: true };
        let none = Abilities { sgl: false, write_zeroes: false, write_zeroes_deallocates: false };
        let written = entry(zeroes, none);
        assert_eq!((written.opcode, written.cdw12.get()), (0x01, 0x4000_0007));
        let kept = entry(zeroes, Abilities { write_zeroes: true, ..none });
        assert_eq!((kept.opcode, kept.cdw12.get()), (0x08, 0x4000_0007));
    }
}
