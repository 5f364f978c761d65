//! Every rule of the I/O commands, one step either side.

use super::*;
use zerocopy::little_endian::U32;

const SHAPE: Shape =
    Shape { blocks: 1000, block_shift: 12, max_transfer_bytes: 131_072, in_capsule_bytes: 8192 };

fn command(opcode: NvmOpcode, lba: u64, blocks: u32, sgl: Sgl) -> Sqe {
    let mut sqe = Sqe { opcode: opcode.wire(), nsid: U32::new(NSID), ..Sqe::default() };
    sqe.set_slba(lba);
    sqe.cdw12 = U32::new(blocks - 1);
    sqe.set_sgl(sgl);
    sqe
}

fn transport(opcode: NvmOpcode, lba: u64, blocks: u32) -> Result<Plan, Status> {
    plan(&command(opcode, lba, blocks, Sgl::Transport { length: blocks * 4096 }), &SHAPE)
}

#[test]
fn the_last_block_and_one_more() {
    let extent = Extent { lba: 999, blocks: 1 };
    assert_eq!(transport(NvmOpcode::Read, 999, 1), Ok(Plan::Read(extent)));
    assert_eq!(transport(NvmOpcode::Write, 999, 1), Ok(Plan::Write { extent, fua: false }));
    assert_eq!(transport(NvmOpcode::Compare, 999, 1), Ok(Plan::Compare(extent)));
    for opcode in [NvmOpcode::Read, NvmOpcode::Write, NvmOpcode::Compare, NvmOpcode::WriteZeroes] {
        for (lba, blocks) in [(999, 2), (1000, 1), (u64::MAX, 1), (u64::MAX - 1, 2)] {
            assert_eq!(transport(opcode, lba, blocks), Err(Status::LBA_OUT_OF_RANGE.dnr()));
        }
    }
}

#[test]
fn the_largest_transfer_and_one_block_more() {
    assert!(transport(NvmOpcode::Read, 0, 32).is_ok());
    assert_eq!(transport(NvmOpcode::Read, 0, 33), Err(Status::INVALID_FIELD.dnr()));
    assert_eq!(transport(NvmOpcode::Write, 0, 65_536), Err(Status::INVALID_FIELD.dnr()));
    let extent = Extent { lba: 0, blocks: 33 };
    let zeroes = Plan::WriteZeroes { extent, fua: false, deallocate: false };
    assert_eq!(transport(NvmOpcode::WriteZeroes, 0, 33), Ok(zeroes), "moves no data, so MDTS does not apply");
}

#[test]
fn in_capsule_data_up_to_the_limit() {
    let write = |length: u32, blocks| {
        plan(&command(NvmOpcode::Write, 0, blocks, Sgl::InCapsule { offset: 0, length }), &SHAPE)
    };
    assert!(write(8192, 2).is_ok());
    assert_eq!(write(12_288, 3), Err(Status::SGL_DATA_LENGTH_INVALID.dnr()));
    assert_eq!(write(4096, 2), Err(Status::SGL_DATA_LENGTH_INVALID.dnr()));
    let read = command(NvmOpcode::Read, 0, 1, Sgl::InCapsule { offset: 0, length: 4096 });
    assert_eq!(plan(&read, &SHAPE), Err(Status::SGL_TYPE_INVALID.dnr()));
    let offset = command(NvmOpcode::Write, 0, 1, Sgl::InCapsule { offset: 8, length: 4096 });
    assert_eq!(plan(&offset, &SHAPE), Err(Status::SGL_OFFSET_INVALID.dnr()));
    let other = command(NvmOpcode::Write, 0, 1, Sgl::Other(0x40));
    assert_eq!(plan(&other, &SHAPE), Err(Status::SGL_TYPE_INVALID.dnr()));
}

#[test]
fn the_sgl_describes_the_data_exactly() {
    for length in [0, 4095, 4097, 8192] {
        let sqe = command(NvmOpcode::Read, 0, 1, Sgl::Transport { length });
        assert_eq!(plan(&sqe, &SHAPE), Err(Status::SGL_DATA_LENGTH_INVALID.dnr()));
    }
    let mut prp = command(NvmOpcode::Read, 0, 1, Sgl::Transport { length: 4096 });
    prp.flags = 0;
    assert_eq!(plan(&prp, &SHAPE), Err(Status::INVALID_FIELD.dnr()));
}

#[test]
fn namespaces() {
    let with = |opcode, nsid| {
        let mut sqe = command(opcode, 0, 1, Sgl::Transport { length: 4096 });
        sqe.nsid = U32::new(nsid);
        plan(&sqe, &SHAPE)
    };
    assert_eq!(with(NvmOpcode::Flush, NSID_ALL), Ok(Plan::Flush));
    assert_eq!(with(NvmOpcode::Flush, NSID), Ok(Plan::Flush));
    assert_eq!(with(NvmOpcode::Read, NSID_ALL), Err(Status::INVALID_NAMESPACE.dnr()));
    for nsid in [0, 2] {
        assert_eq!(with(NvmOpcode::Flush, nsid), Err(Status::INVALID_NAMESPACE.dnr()));
    }
}

#[test]
fn flags_of_writes() {
    let mut sqe = command(NvmOpcode::WriteZeroes, 5, 2, Sgl::Transport { length: 0 });
    sqe.cdw12 = U32::new(sqe.io_control().with_fua(true).with_deallocate(true).cdw12());
    let extent = Extent { lba: 5, blocks: 2 };
    assert_eq!(plan(&sqe, &SHAPE), Ok(Plan::WriteZeroes { extent, fua: true, deallocate: true }));
}

#[test]
fn dataset_management_ranges() {
    let with = |ranges: u32, attributes, length| {
        let mut sqe = command(NvmOpcode::DatasetManagement, 0, 1, Sgl::InCapsule { offset: 0, length });
        (sqe.cdw10, sqe.cdw11) = (U32::new(ranges - 1), U32::new(attributes));
        plan(&sqe, &SHAPE)
    };
    assert_eq!(with(1, 4, 16), Ok(Plan::Deallocate { ranges: 1, bytes: 16 }));
    assert_eq!(with(1, 4, 4096), Ok(Plan::Deallocate { ranges: 1, bytes: 4096 }), "what Linux sends");
    assert_eq!(with(256, 4, 4096), Ok(Plan::Deallocate { ranges: 256, bytes: 4096 }));
    assert_eq!(with(1, 3, 16), Ok(Plan::Deallocate { ranges: 0, bytes: 16 }), "hints only");
    for length in [0, 31, 4097] {
        assert_eq!(with(2, 4, length), Err(Status::SGL_DATA_LENGTH_INVALID.dnr()));
    }
}

#[test]
fn what_we_do_not_do() {
    for opcode in
        [NvmOpcode::WriteUncorrectable, NvmOpcode::Verify, NvmOpcode::Copy, NvmOpcode::ReservationAcquire]
    {
        assert_eq!(transport(opcode, 0, 1), Err(Status::INVALID_OPCODE.dnr()));
    }
    let unknown = Sqe { opcode: 0xff, nsid: U32::new(1), ..Sqe::default() };
    assert_eq!(plan(&unknown, &SHAPE), Err(Status::INVALID_OPCODE.dnr()));
    let mut fused = command(NvmOpcode::Compare, 0, 1, Sgl::Transport { length: 4096 });
    fused.flags |= 1;
    assert_eq!(plan(&fused, &SHAPE), Err(Status::INVALID_FIELD.dnr()));
}
