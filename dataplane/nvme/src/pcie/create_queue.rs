//! Create I/O Completion Queue and Create I/O Submission Queue, NVMe Base 2.0 section 5.4, section 5.5.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | PRP1 | | address of the queue |
//! | CDW10 | 15:0 | QID |
//! | CDW10 | 31:16 | QSIZE, entries, 0-based |
//! | CDW11 | 0 | PC, the queue lies in one piece |
//! | CDW11 of a completion queue | 1, 31:16 | IEN and IV, interrupts and their vector |
//! | CDW11 of a submission queue | 2:1, 31:16 | QPRIO and CQID, priority and completion queue |

use crate::bits::bit_fields;
use crate::layout::wire_enum;
use crate::opcode::AdminOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::{U32, U64};

bit_fields! {
    /// CDW10 of both.
    pub struct QueueShape(u32) {
        /// QID: the queue's identifier, at least 1.
        qid, with_qid: u16 = 0..16;
        /// QSIZE: entries, 0-based.
        qsize, with_qsize: u16 = 16..32;
    }
}

bit_fields! {
    /// CDW11 of Create I/O Completion Queue.
    pub struct CompletionQueueFlags(u32) {
        /// PC: physically contiguous.
        pc, with_pc: bool = 0..1;
        /// IEN: interrupts enabled.
        ien, with_ien: bool = 1..2;
        /// IV: interrupt vector.
        iv, with_iv: u16 = 16..32;
    }
}

bit_fields! {
    /// CDW11 of Create I/O Submission Queue.
    pub struct SubmissionQueueFlags(u32) {
        /// PC: physically contiguous.
        pc, with_pc: bool = 0..1;
        /// QPRIO: see [`QueuePriority`].
        qprio, with_qprio: u8 = 1..3;
        /// CQID: the completion queue.
        cqid, with_cqid: u16 = 16..32;
    }
}

wire_enum! {
    /// QPRIO: class of a submission queue under weighted round robin arbitration.
    pub enum QueuePriority: u8 {
        Urgent = 0 => "Urgent",
        High = 1 => "High",
        Medium = 2 => "Medium",
        Low = 3 => "Low",
    }
}

/// The command that makes a completion queue of `shape` at `address`.
#[must_use]
pub fn create_completion_queue(shape: QueueShape, flags: CompletionQueueFlags, address: u64) -> Sqe {
    create(AdminOpcode::CreateIoCompletionQueue, shape, flags.bits(), address)
}

/// The command that makes a submission queue of `shape` at `address`.
#[must_use]
pub fn create_submission_queue(shape: QueueShape, flags: SubmissionQueueFlags, address: u64) -> Sqe {
    create(AdminOpcode::CreateIoSubmissionQueue, shape, flags.bits(), address)
}

fn create(opcode: AdminOpcode, shape: QueueShape, cdw11: u32, address: u64) -> Sqe {
    Sqe {
        opcode: opcode.wire(),
        dptr: zerocopy::transmute!([U64::new(address), U64::ZERO]),
        cdw10: U32::new(shape.bits()),
        cdw11: U32::new(cdw11),
        ..Sqe::default()
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn golden() {
        let shape = QueueShape::default().with_qid(1).with_qsize(255);
        let flags = CompletionQueueFlags::default().with_pc(true).with_ien(true).with_iv(2);
        let sqe = create_completion_queue(shape, flags, 0x1_0000_3000);
        assert_eq!(sqe.as_bytes()[0], 5);
        assert_eq!(sqe.as_bytes()[24..32], [0, 0x30, 0, 0, 1, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..48], [1, 0, 255, 0, 3, 0, 2, 0]);
        let priority = QueuePriority::Low.wire();
        let flags = SubmissionQueueFlags::default().with_pc(true).with_qprio(priority).with_cqid(1);
        let sqe = create_submission_queue(shape, flags, 0x1_0000_2000);
        assert_eq!((sqe.as_bytes()[0], &sqe.as_bytes()[44..48]), (1, &[7, 0, 1, 0][..]));
    }
}
