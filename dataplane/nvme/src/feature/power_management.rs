//! Power Management (FID 02h), NVMe Base 2.0 section 5.27.1.2.

use crate::bits::bit_fields;

bit_fields! {
    /// The power state to be in.
    pub struct PowerManagement(u32) {
        /// PS: power state, 0 to NPSS.
        ps, with_ps: u8 = 0..5;
        /// WH: workload hint.
        wh, with_wh: u8 = 5..8;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(PowerManagement::default().with_ps(0x11).with_wh(2).bits(), 0x51);
    }
}
