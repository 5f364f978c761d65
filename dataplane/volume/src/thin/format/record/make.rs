//! There is a new volume, snapshot or clone.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 4 |
//! | 1 | reserved | zero |
//! | 2 | part | of a group that is made at once: which one, from 0 |
//! | 3 | parts | how many the group has, 1 to 255 |
//! | 4..8 | source | id of the map it begins as; 0: nothing is mapped |
//! | 8..264 | entry | its [entry](crate::thin::format::entry), without references |
//!
//! The records of a group follow each other, over blocks if need be, and count from the last one on: a journal that
//! ends in their midst has none of them.

use std::mem::offset_of;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::LENGTH;
use crate::thin::format::Damage;
use crate::thin::format::entry::Entry;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    kind: u8,
    reserved: u8,
    part: u8,
    parts: u8,
    source: U32,
    entry: [u8; Entry::BYTES],
}

const _: () = assert!(size_of::<Raw>() == Make::BYTES);
const _: () = assert!(offset_of!(Raw, entry) == 8);

/// See the module's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Make {
    pub(crate) part: u8,
    pub(crate) parts: u8,
    pub(crate) source: u32,
    pub(crate) entry: Entry,
}

impl Make {
    pub(super) const KIND: u8 = 4;
    pub(super) const BYTES: usize = 264;

    pub(super) fn encode(&self, out: &mut [u8]) {
        let mut raw = Raw::new_zeroed();
        (raw.kind, raw.part, raw.parts) = (Self::KIND, self.part, self.parts);
        raw.source = self.source.into();
        self.entry.encode(&mut raw.entry);
        out.copy_from_slice(raw.as_bytes());
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let raw = Raw::ref_from_bytes(bytes).map_err(|_| LENGTH)?;
        let entry = Entry::decode(&raw.entry)?.ok_or(Damage::Contents("a record makes nothing"))?;
        if raw.reserved != 0 || raw.part >= raw.parts || !entry.root.is_none() || !entry.hosts.is_none() {
            return Err(Damage::Contents("a record makes something impossible"));
        }
        Ok(Self { part: raw.part, parts: raw.parts, source: raw.source.get(), entry })
    }
}
