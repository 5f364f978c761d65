//! Identify I/O Command Set (CNS 1Ch), NVMe Base 2.0 section 5.17.2.21: which combinations of command sets
//! the controller can enable at once.
//!
//! 512 vectors of 8 bytes, the first zero one ends the list. A host picks one by its index with the I/O
//! Command Set Profile feature.

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// I/O Command Set Vector.
    pub struct CommandSetVector(u64) {
        /// NVM Command Set.
        nvm, with_nvm: bool = 0..1;
        /// Key Value Command Set.
        key_value, with_key_value: bool = 1..2;
        /// Zoned Namespace Command Set.
        zoned, with_zoned: bool = 2..3;
    }
}

/// The structure as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CommandSets {
    /// Combinations; the zero vector ends them.
    pub vectors: [CommandSetVector; 512],
}

wire_layout!(CommandSets: 4096 { vectors @ 0 });

impl CommandSets {
    /// What a controller of the NVM Command Set alone reports.
    #[must_use]
    pub fn nvm_only() -> Self {
        let mut sets = Self::default();
        sets.vectors[0] = CommandSetVector::default().with_nvm(true);
        sets
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let sets = CommandSets::nvm_only();
        let bytes = sets.as_bytes();
        assert_eq!(bytes[0], 1);
        assert!(bytes[1..].iter().all(|&byte| byte == 0));
        assert!(CommandSets::read_from_bytes(bytes).is_ok_and(|read| read == sets));
    }
}
