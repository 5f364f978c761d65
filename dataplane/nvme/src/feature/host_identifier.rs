//! Host Identifier (FID 81h), NVMe Base 2.0 section 5.27.1.25: a data structure of 16 bytes, or 8 where EXHID
//! is clear. Fabrics hosts give theirs in Connect and may only read it here, with EXHID set.

use crate::bits::bit_fields;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// CDW11 of Get and Set Features, also dword 0 of the completion.
    pub struct HostIdentifierSize(u32) {
        /// EXHID: extended, 128-bit identifier.
        exhid, with_exhid: bool = 0..1;
    }
}

/// The 128-bit identifier, bytes as the host gave them; zero means that the host gave none.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(transparent)]
pub struct HostIdentifier(pub [u8; 16]);

const _: () = assert!(size_of::<HostIdentifier>() == 16);

impl HostIdentifier {
    /// Whether the host gave none.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        u128::from_le_bytes(self.0) == 0
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(HostIdentifierSize::default().with_exhid(true).bits(), 1);
        assert_eq!(HostIdentifier(*b"0123456789abcdef").as_bytes(), b"0123456789abcdef");
    }

    #[test]
    fn zero_is_none() {
        assert!(HostIdentifier::default().is_zero());
        assert!(!HostIdentifier([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).is_zero());
    }
}
