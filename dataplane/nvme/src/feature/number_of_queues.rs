//! Number of Queues (FID 07h), NVMe Base 2.0 section 5.27.1.5: asked for in Set Features, granted in the
//! completion of Set and Get Features. The admin queue is not counted.
//!
//! FFFFh asked for is Invalid Field in Command; setting it after the first I/O queue exists is Command
//! Sequence Error.

use crate::bits::bit_fields;

/// NSQR or NCQR no host may ask for: 65536 queues.
pub const QUEUES_INVALID: u16 = 0xffff;

bit_fields! {
    /// Numbers of I/O queues, both 0-based.
    pub struct NumberOfQueues(u32) {
        /// NSQR or NSQA: I/O submission queues.
        submission, with_submission: u16 = 0..16;
        /// NCQR or NCQA: I/O completion queues.
        completion, with_completion: u16 = 16..32;
    }
}

impl NumberOfQueues {
    /// As many submission as completion queues: `queues` of each, 1 to 65535.
    ///
    /// # Panics
    /// If `queues` is 0.
    #[must_use]
    pub const fn pairs(queues: u16) -> Self {
        assert!(queues > 0, "a controller has at least one I/O queue");
        Self::from_bits(0).with_submission(queues - 1).with_completion(queues - 1)
    }

    /// I/O qpairs a Fabrics host can make of this: 1 to 65536.
    #[must_use]
    pub fn qpairs(self) -> u32 {
        u32::from(self.submission().min(self.completion())) + 1
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(NumberOfQueues::default().with_submission(3).with_completion(0x0102).bits(), 0x0102_0003);
        assert_eq!(NumberOfQueues::pairs(4).bits(), 0x0003_0003);
    }

    #[test]
    fn a_qpair_needs_one_of_each() {
        assert_eq!(NumberOfQueues::pairs(1).qpairs(), 1);
        assert_eq!(NumberOfQueues::pairs(8).with_completion(2).qpairs(), 3);
        assert_eq!(NumberOfQueues::from_bits(u32::MAX).qpairs(), 65536);
    }
}
