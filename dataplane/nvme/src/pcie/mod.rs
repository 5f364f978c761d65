//! What exists over PCIe only: properties of the memory-based transport model and the commands that make queues.
//!
//! | offset | bytes | property |
//! |---|---|---|
//! | 0Ch, 10h | 4 | INTMS, INTMC: interrupt masks, unused with MSI-X |
//! | 24h | 4 | AQA, Admin Queue Attributes |
//! | 28h | 8 | ASQ, Admin Submission Queue Base Address |
//! | 30h | 8 | ACQ, Admin Completion Queue Base Address |
//! | 1000h | 4 each | doorbells: tail of submission queue y, head of completion queue y |

pub mod create_queue;
pub mod doorbell_buffer;

use crate::bits::bit_fields;

/// Offset of AQA.
pub const AQA: u32 = 0x24;
/// Offset of ASQ.
pub const ASQ: u32 = 0x28;
/// Offset of ACQ.
pub const ACQ: u32 = 0x30;
/// Offset of the first doorbell (NVMe over PCIe Transport 1.0 section 3.1.2).
pub const DOORBELLS: u32 = 0x1000;

bit_fields! {
    /// AQA, NVMe Base 2.0 section 3.1.3.8.
    pub struct AdminQueueAttributes(u32) {
        /// ASQS: entries of the submission queue, 0-based.
        asqs, with_asqs: u16 = 0..12;
        /// ACQS: entries of the completion queue, 0-based.
        acqs, with_acqs: u16 = 16..28;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(AdminQueueAttributes::default().with_asqs(63).with_acqs(31).bits(), 0x001f_003f);
    }
}
