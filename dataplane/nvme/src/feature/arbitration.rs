//! Arbitration (FID 01h), NVMe Base 2.0 section 5.27.1.1.

use crate::bits::bit_fields;

bit_fields! {
    /// How commands of several queues are taken in turn.
    pub struct Arbitration(u32) {
        /// AB: arbitration burst, 2^n commands; 7: no limit.
        ab, with_ab: u8 = 0..3;
        /// LPW: low priority weight, 0-based.
        lpw, with_lpw: u8 = 8..16;
        /// MPW: medium priority weight, 0-based.
        mpw, with_mpw: u8 = 16..24;
        /// HPW: high priority weight, 0-based.
        hpw, with_hpw: u8 = 24..32;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let value = Arbitration::default().with_ab(7).with_lpw(1).with_mpw(2).with_hpw(3);
        assert_eq!(value.bits(), 0x0302_0107);
    }
}
