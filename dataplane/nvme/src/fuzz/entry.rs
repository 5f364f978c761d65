//! Queue entries and their parts.

use super::{Target, structure};
use crate::cqe::Cqe;
use crate::opcode::{AdminOpcode, DataTransfer, FabricsType, NvmOpcode};
use crate::sgl::Sgl;
use crate::sqe::{IoControl, Sqe};
use crate::status::Status;
use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "sqe", run: sqe, golden: golden_write },
    Target { name: "cqe", run: cqe, golden: golden_completion },
    Target { name: "sgl", run: sgl, golden: || Sgl::Transport { length: 4096 }.encode().to_vec() },
    Target { name: "status", run: status, golden: || Status::LBA_OUT_OF_RANGE.bits().to_le_bytes().to_vec() },
    Target { name: "opcode", run: opcode, golden: || vec![AdminOpcode::Identify.wire()] },
];

/// A submission queue entry and its views for I/O commands.
pub fn sqe(input: &[u8]) {
    let Some(mut sqe) = structure::<Sqe>(input) else { return };
    assert!((1..=0x1_0000).contains(&sqe.nlb()));
    let (slba, control) = (sqe.slba(), sqe.io_control());
    sqe.set_slba(slba);
    sqe.cdw12 = U32::new(control.cdw12());
    assert_eq!(sqe.as_bytes(), &input[..size_of::<Sqe>()]);
    let control = control.with_fua(!sqe.fua()).with_deallocate(!sqe.deallocate());
    assert_eq!((control.fua(), control.deallocate()), (!sqe.fua(), !sqe.deallocate()));
    assert_eq!(IoControl::new(control.cdw12()).nlb(), sqe.nlb());
    let sgl = sqe.sgl();
    sqe.set_sgl(sgl);
    assert_eq!(sqe.sgl(), sgl);
}

/// A completion queue entry.
pub fn cqe(input: &[u8]) {
    let Some(cqe) = structure::<Cqe>(input) else { return };
    let again = Cqe::new(cqe.cid.get(), cqe.status()).with_result(cqe.result());
    assert_eq!((again.dw0, again.dw1, again.cid), (cqe.dw0, cqe.dw1, cqe.cid));
    assert_eq!(again.status(), cqe.status());
}

/// An SGL descriptor.
pub fn sgl(input: &[u8]) {
    let Some(dptr) = input.first_chunk::<16>() else { return };
    let sgl = Sgl::decode(dptr);
    assert_eq!(Sgl::decode(&sgl.encode()), sgl);
}

/// A status field.
pub fn status(input: &[u8]) {
    let Some(field) = input.first_chunk::<2>() else { return };
    let status = Status::from_bits(u16::from_le_bytes(*field));
    assert_eq!(Status::from_cqe_field(status.to_cqe_field()), status);
    assert_eq!(status.is_success(), status.sct() == 0 && status.sc() == 0);
    assert!(status.dnr().is_dnr() && status.with_more().is_more());
    assert!(!format!("{status}").is_empty());
}

/// Opcodes: a known one is written back as it was read.
pub fn opcode(input: &[u8]) {
    for &byte in input {
        assert!(AdminOpcode::from_wire(byte).is_none_or(|opcode| opcode.wire() == byte));
        assert!(NvmOpcode::from_wire(byte).is_none_or(|opcode| opcode.wire() == byte));
        assert!(FabricsType::from_wire(byte).is_none_or(|fctype| fctype.wire() == byte));
        let _ = DataTransfer::of(byte);
    }
}

fn golden_write() -> Vec<u8> {
    let mut sqe = Sqe { opcode: NvmOpcode::Write.wire(), nsid: U32::new(1), ..Sqe::default() };
    sqe.set_slba(64);
    sqe.cdw12 = U32::new(IoControl::of_blocks(8).with_fua(true).cdw12());
    sqe.set_sgl(Sgl::InCapsule { offset: 0, length: 4096 });
    sqe.as_bytes().to_vec()
}

fn golden_completion() -> Vec<u8> {
    Cqe::new(7, Status::INVALID_FIELD.dnr()).with_result(0x1_0000_0002).as_bytes().to_vec()
}
