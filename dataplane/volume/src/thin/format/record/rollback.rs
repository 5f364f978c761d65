//! A volume is again what a snapshot is; if it has grown since, it keeps its size.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 6 |
//! | 1..4 | reserved_0 | zero |
//! | 4..8 | map | id of the volume |
//! | 8..12 | source | id of the snapshot |
//! | 12..16 | reserved_1 | zero |

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED};
use crate::thin::format::Damage;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved_0: [u8; 3],
    map: U32,
    source: U32,
    reserved_1: [u8; 4],
}

const _: () = assert!(size_of::<Raw>() == Rollback::BYTES);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rollback {
    pub(crate) map: u32,
    pub(crate) source: u32,
}

impl Rollback {
    pub(super) const KIND: u8 = 6;
    pub(super) const BYTES: usize = 16;

    pub(super) fn encode(self, out: &mut [u8]) {
        let (map, source) = (self.map.into(), self.source.into());
        let raw = Raw { kind: Self::KIND, reserved_0: [0; 3], map, source, reserved_1: [0; 4] };
        out.copy_from_slice(raw.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved_0 != [0; 3] || raw.reserved_1 != [0; 4] {
            return Err(RESERVED);
        }
        Ok(Self { map: raw.map.get(), source: raw.source.get() })
    }
}
