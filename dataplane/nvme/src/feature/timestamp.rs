//! Timestamp (FID 0Eh), NVMe Base 2.0 section 5.27.1.11: an 8-byte data structure.
//!
//! | bytes | field |
//! |---|---|
//! | 5:0 | milliseconds since 1970-01-01 00:00 UTC |
//! | 6 | bit 0 SYNCH, bits 3:1 TO; reserved in Set Features |

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// Byte 6.
    pub struct TimestampAttributes(u8) {
        /// SYNCH: the clock may have stood still since it was set.
        synch, with_synch: bool = 0..1;
        /// TO: 0 initialized to zero by a reset, 1 set by Set Features.
        origin, with_origin: u8 = 1..4;
    }
}

/// The data structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Timestamp {
    milliseconds: [u8; 6],
    /// Origin and continuity.
    pub attributes: TimestampAttributes,
    /// Reserved.
    pub reserved7: u8,
}

wire_layout!(Timestamp: 8 { milliseconds @ 0, attributes @ 6 });

impl Timestamp {
    /// The time in milliseconds since 1970, less than 2^48.
    #[must_use]
    pub const fn milliseconds(&self) -> u64 {
        let [m0, m1, m2, m3, m4, m5] = self.milliseconds;
        u64::from_le_bytes([m0, m1, m2, m3, m4, m5, 0, 0])
    }

    /// The structure for `milliseconds` since 1970, modulo 2^48.
    #[must_use]
    pub const fn new(milliseconds: u64, attributes: TimestampAttributes) -> Self {
        let [m0, m1, m2, m3, m4, m5, ..] = milliseconds.to_le_bytes();
        Self { milliseconds: [m0, m1, m2, m3, m4, m5], attributes, reserved7: 0 }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let attributes = TimestampAttributes::default().with_synch(true).with_origin(1);
        let timestamp = Timestamp::new(0xff01_0203_0405_0607, attributes);
        assert_eq!(timestamp.as_bytes(), [7, 6, 5, 4, 3, 2, 3, 0]);
        assert_eq!(timestamp.milliseconds(), 0x0203_0405_0607);
    }
}
