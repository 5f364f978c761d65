//! Error Recovery (FID 05h), NVM Command Set 1.0 section 4.1.3.2; a value per namespace.

use crate::bits::bit_fields;

bit_fields! {
    /// How long to try, and what a deallocated block answers.
    pub struct ErrorRecovery(u32) {
        /// TLER: time limited error recovery in 100 ms; 0: no limit.
        tler, with_tler: u16 = 0..16;
        /// DULBE: reading a deallocated block is an error.
        dulbe, with_dulbe: bool = 16..17;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(ErrorRecovery::default().with_tler(10).with_dulbe(true).bits(), 0x0001_000a);
    }
}
