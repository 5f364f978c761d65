//! A volume has another size: larger, for volumes do not shrink.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 7 |
//! | 1..4 | reserved | zero |
//! | 4..8 | map | id of the volume |
//! | 8..16 | size_bytes | its new capacity |

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED};
use crate::thin::format::Damage;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved: [u8; 3],
    map: U32,
    size_bytes: U64,
}

const _: () = assert!(size_of::<Raw>() == Resize::BYTES);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resize {
    pub(crate) map: u32,
    pub(crate) size_bytes: u64,
}

impl Resize {
    pub(super) const KIND: u8 = 7;
    pub(super) const BYTES: usize = 16;

    pub(super) fn encode(self, out: &mut [u8]) {
        let (map, size_bytes) = (self.map.into(), self.size_bytes.into());
        let raw = Raw { kind: Self::KIND, reserved: [0; 3], map, size_bytes };
        out.copy_from_slice(raw.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved != [0; 3] {
            return Err(RESERVED);
        }
        Ok(Self { map: raw.map.get(), size_bytes: raw.size_bytes.get() })
    }
}
