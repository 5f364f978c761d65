//! Blocks of a map are nowhere: they read as zeroes.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 2 |
//! | 1..4 | reserved | zero |
//! | 4..8 | map | id of the volume |
//! | 8..16 | start | first block of 4096 bytes, of the volume |
//! | 16..24 | end | one beyond the last |

use std::mem::offset_of;

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
    start: U64,
    end: U64,
}

const _: () = assert!(size_of::<Raw>() == Unmap::BYTES);
const _: () = assert!(offset_of!(Raw, start) == 8);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unmap {
    pub(crate) map: u32,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Unmap {
    pub(super) const KIND: u8 = 2;
    pub(super) const BYTES: usize = 24;

    pub(super) fn encode(&self, out: &mut [u8]) {
        let raw = Raw {
            kind: Self::KIND,
            reserved: [0; 3],
            map: self.map.into(),
            start: self.start.into(),
            end: self.end.into(),
        };
        out.copy_from_slice(raw.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved != [0; 3] {
            return Err(RESERVED);
        }
        let (start, end) = (raw.start.get(), raw.end.get());
        if start >= end {
            return Err(Damage::Contents("a record unmaps nothing"));
        }
        Ok(Self { map: raw.map.get(), start, end })
    }
}
