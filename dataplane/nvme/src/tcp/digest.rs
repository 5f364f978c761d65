//! Header and data digests: CRC32C in little-endian order (NVMe/TCP section 3.3.1.1).
//!
//! The header digest covers the PDU header, the data digest the data without padding. Payload arrives and
//! leaves in pieces, so the data digest can be computed piecewise.

use crc_fast::{CrcAlgorithm, Digest, crc32_iscsi};

/// A data digest that does not match. Not fatal: the command fails with Transient Transport Error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("data digest {received:#010x} where the data have {computed:#010x}")]
pub struct DigestError {
    /// The digest in the PDU.
    pub received: u32,
    /// The digest of the data in the PDU.
    pub computed: u32,
}

/// The CRC32C of `bytes`.
#[must_use]
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32_iscsi(bytes)
}

/// Compares the digest `received` on the wire with that of `bytes`.
///
/// # Errors
/// [`DigestError`] if they differ.
pub fn verify(bytes: &[u8], received: [u8; 4]) -> Result<(), DigestError> {
    compare(crc32c(bytes), received)
}

fn compare(computed: u32, received: [u8; 4]) -> Result<(), DigestError> {
    let received = u32::from_le_bytes(received);
    if received == computed { Ok(()) } else { Err(DigestError { received, computed }) }
}

/// A CRC32C over pieces. One of them serves a connection: restarted for every PDU, never rebuilt.
#[derive(Clone, Copy, Debug)]
pub struct Crc32c(Digest);

impl Crc32c {
    /// Ready for the first piece.
    #[must_use]
    pub fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    /// Forgets all pieces.
    pub fn restart(&mut self) {
        self.0.reset();
    }

    /// Takes in the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The CRC of all pieces so far.
    ///
    /// # Panics
    /// Never: a CRC32C has 32 bits.
    #[must_use]
    pub fn value(&self) -> u32 {
        u32::try_from(self.0.finalize()).expect("a CRC32C has 32 bits")
    }

    /// Compares the digest `received` on the wire with that of the pieces.
    ///
    /// # Errors
    /// [`DigestError`] if they differ.
    pub fn verify(&self, received: [u8; 4]) -> Result<(), DigestError> {
        compare(self.value(), received)
    }
}

impl Default for Crc32c {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// Vectors of RFC 3720 appendix B.4, digest bytes as they go on the wire.
    #[test]
    fn known_vectors_in_wire_order() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        for (data, wire) in [
            (&[0u8; 32][..], [0xaa, 0x36, 0x91, 0x8a]),
            (&[0xff; 32], [0x43, 0xab, 0xa8, 0x62]),
            (&ascending, [0x4e, 0x79, 0xdd, 0x46]),
            (&descending, [0x5c, 0xdb, 0x3f, 0x11]),
        ] {
            assert_eq!(crc32c(data).to_le_bytes(), wire);
            assert_eq!(verify(data, wire), Ok(()));
        }
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn pieces_make_the_whole() {
        let data: Vec<u8> = (0..5000u32).map(|i| (i * 7 % 251).to_le_bytes()[0]).collect();
        let mut crc = Crc32c::new();
        for step in [1, 3, 64, 333, 4096, 5000] {
            crc.restart();
            data.chunks(step).for_each(|piece| crc.update(piece));
            assert_eq!(crc.value(), crc32c(&data), "in pieces of {step}");
        }
    }

    #[test]
    fn mismatch_tells_both_digests() {
        let error = verify(b"123456789", [0; 4]).unwrap_err();
        assert_eq!(error, DigestError { received: 0, computed: 0xe306_9283 });
    }
}
