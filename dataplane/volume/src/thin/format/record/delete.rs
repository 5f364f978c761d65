//! A volume or snapshot is gone; what only it had mapped is free.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 5 |
//! | 1..4 | reserved | zero |
//! | 4..8 | map | its id |

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED};
use crate::thin::format::Damage;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved: [u8; 3],
    map: U32,
}

const _: () = assert!(size_of::<Raw>() == Delete::BYTES);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delete {
    pub(crate) map: u32,
}

impl Delete {
    pub(super) const KIND: u8 = 5;
    pub(super) const BYTES: usize = 8;

    pub(super) fn encode(self, out: &mut [u8]) {
        let raw = Raw { kind: Self::KIND, reserved: [0; 3], map: self.map.into() };
        out.copy_from_slice(raw.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved == [0; 3] { Ok(Self { map: raw.map.get() }) } else { Err(RESERVED) }
    }
}
