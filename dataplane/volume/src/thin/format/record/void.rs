//! Earlier writes of a run never happened: their data could not be written, or they come again further on.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 3 |
//! | 1 | reserved | zero |
//! | 2 | first | as in the [write](super::write) |
//! | 3 | count | likewise |
//! | 4..8 | map | likewise |
//! | 8..12 | index | likewise |
//! | 12..16 | chunk | likewise |
//!
//! It speaks of every earlier [write](super::write) that agrees with it in all these fields.

use std::mem::offset_of;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{LENGTH, RESERVED, Run};
use crate::thin::format::Damage;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved: u8,
    first: u8,
    count: u8,
    map: U32,
    index: U32,
    chunk: U32,
}

const _: () = assert!(size_of::<Raw>() == Void::BYTES);
const _: () = assert!(offset_of!(Raw, chunk) == 12);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Void {
    pub(crate) map: u32,
    pub(crate) index: u32,
    pub(crate) chunk: u32,
    pub(crate) run: Run,
}

impl Void {
    pub(super) const KIND: u8 = 3;
    pub(super) const BYTES: usize = 16;

    /// What makes `write` void.
    pub(crate) fn of(write: &super::Write) -> Self {
        Self { map: write.map, index: write.index, chunk: write.chunk, run: write.run }
    }

    pub(super) fn encode(&self, out: &mut [u8]) {
        let raw = Raw {
            kind: Self::KIND,
            reserved: 0,
            first: self.run.first,
            count: self.run.count,
            map: self.map.into(),
            index: self.index.into(),
            chunk: self.chunk.into(),
        };
        out.copy_from_slice(raw.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        if raw.reserved != 0 {
            return Err(RESERVED);
        }
        Ok(Self {
            map: raw.map.get(),
            index: raw.index.get(),
            chunk: raw.chunk.get(),
            run: Run::decode(raw.first, raw.count)?,
        })
    }
}
