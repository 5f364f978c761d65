//! Write Atomicity Normal (FID 0Ah), NVM Command Set 1.0 section 4.1.3.4.

use crate::bits::bit_fields;

bit_fields! {
    /// Whether the host relies on AWUN and NAWUN.
    pub struct WriteAtomicity(u32) {
        /// DN: disable normal; the host needs atomicity only over power failures.
        dn, with_dn: bool = 0..1;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(WriteAtomicity::default().with_dn(true).bits(), 1);
    }
}
