//! Keep Alive Timer (FID 0Fh), NVMe Base 2.0 section 5.27.1.12; the same unit as KATO of Connect.

use crate::bits::bit_fields;

bit_fields! {
    /// When the controller may give up on a silent host.
    pub struct KeepAliveTimer(u32) {
        /// KATO: timeout in milliseconds; 0: off. The controller rounds up to KAS.
        kato_ms, with_kato_ms: u32 = 0..32;
    }
}

impl KeepAliveTimer {
    /// Rounded up to the granularity KAS, `kas` in units of 100 ms; 0 stays off.
    #[must_use]
    pub const fn rounded(self, kas: u16) -> Self {
        let granularity_ms = kas as u64 * 100;
        if granularity_ms == 0 {
            return self;
        }
        let rounded = (self.bits() as u64).div_ceil(granularity_ms) * granularity_ms;
        let [r0, r1, r2, r3, over @ ..] = rounded.to_le_bytes();
        match u32::from_le_bytes(over) {
            0 => Self::from_bits(u32::from_le_bytes([r0, r1, r2, r3])),
            _ => Self::from_bits(u32::MAX),
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(KeepAliveTimer::default().with_kato_ms(120_000).bits(), 120_000);
    }

    #[test]
    fn rounds_up_to_the_granularity() {
        let rounded = |kato, kas| KeepAliveTimer::from_bits(kato).rounded(kas).kato_ms();
        assert_eq!(rounded(0, 10), 0);
        assert_eq!(rounded(1, 10), 1000);
        assert_eq!(rounded(1000, 10), 1000);
        assert_eq!(rounded(1001, 10), 2000);
        assert_eq!(rounded(7, 0), 7);
        assert_eq!(rounded(u32::MAX, 10), u32::MAX);
    }
}
