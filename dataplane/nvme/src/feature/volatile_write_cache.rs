//! Volatile Write Cache (FID 06h), NVMe Base 2.0 section 5.27.1.4. Supported only if Identify Controller's VWC
//! says that there is one.

use crate::bits::bit_fields;

bit_fields! {
    /// Whether writes may complete out of the cache.
    pub struct VolatileWriteCache(u32) {
        /// WCE: write cache enable.
        wce, with_wce: bool = 0..1;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(VolatileWriteCache::default().with_wce(true).bits(), 1);
    }
}
