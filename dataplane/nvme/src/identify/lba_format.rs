//! LBA Format, NVM Command Set 1.0 section 4.1.5.1: 64 of them in Identify Namespace.
//!
//! | bits | field |
//! |---|---|
//! | 15:0 | MS, metadata bytes per block |
//! | 23:16 | LBADS, block of 2^n bytes; 0: the format is not supported |
//! | 25:24 | RP, relative performance, 0 best |

use crate::bits::bit_fields;

bit_fields! {
    /// One supported block format.
    pub struct LbaFormat(u32) {
        /// MS: metadata bytes per block.
        ms, with_ms: u16 = 0..16;
        /// LBADS: data bytes per block as a power of two, at least 9.
        lbads, with_lbads: u8 = 16..24;
        /// RP: relative performance: 0 best, 1 better, 2 good, 3 degraded.
        rp, with_rp: u8 = 24..26;
    }
}

impl LbaFormat {
    /// The format of blocks of `block_bytes` without metadata.
    ///
    /// # Panics
    /// If `block_bytes` is not a power of two of at least 512.
    #[must_use]
    pub const fn of_block_bytes(block_bytes: u32) -> Self {
        assert!(block_bytes.is_power_of_two() && block_bytes >= 512, "no block size of NVMe");
        let [lbads, ..] = block_bytes.trailing_zeros().to_le_bytes();
        Self::from_bits(0).with_lbads(lbads)
    }

    /// Bytes of data per block; `None` if the format is not supported or out of range.
    #[must_use]
    pub const fn block_bytes(self) -> Option<u32> {
        match self.lbads() {
            9..=31 => Some(1 << self.lbads()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(LbaFormat::of_block_bytes(512).bits(), 0x0009_0000);
        assert_eq!(LbaFormat::of_block_bytes(4096).with_rp(1).with_ms(8).bits(), 0x010c_0008);
    }

    #[test]
    fn block_size_round_trips_inside_its_range() {
        for power in 9..=31 {
            let format = LbaFormat::of_block_bytes(1 << power);
            assert_eq!(format.block_bytes(), Some(1 << power));
        }
        for lbads in [0, 8, 32, 255] {
            assert_eq!(LbaFormat::default().with_lbads(lbads).block_bytes(), None);
        }
    }
}
