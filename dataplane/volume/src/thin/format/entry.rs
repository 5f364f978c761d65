//! A volume or snapshot, in the catalog and in the record that makes it.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..16 | uuid | not nil |
//! | 16..20 | id | of its map; never used again in this pool; 0: no entry here, all else zero |
//! | 20..24 | flags | bit 0: snapshot; 1: thick; 2: published; 3: only the listed hosts may connect; others zero |
//! | 24..32 | size_bytes | its capacity, a positive multiple of block_size |
//! | 32..36 | block_size | 512 or 4096 |
//! | 36..40 | origin | id of what it is a snapshot or clone of; 0: of nothing |
//! | 40..48 | created_us | when, in microseconds of Unix time, as its maker's clock had it |
//! | 48..56 | root | reference to the root of its map; none: nothing is mapped. In a record: none |
//! | 56..64 | hosts | reference to its [hosts page](super::hosts). In a record: none |
//! | 64 | name_bytes | length of the name, 1 to 63 |
//! | 65 | app_bytes | length of the application's name, 1 to 63 |
//! | 66..72 | reserved_0 | zero |
//! | 72..136 | name | ASCII, padded with zeroes |
//! | 136..200 | app | ASCII, padded with zeroes |
//! | 200..232 | qos | 4 words of 8 bytes, whose meaning is the scheduler's |
//! | 232..256 | reserved_1 | zero |

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::text::{put, take};
use super::{Damage, PageRef};
use crate::{BlockSize, VolumeSpec};

/// See the module's table.
#[derive(Clone, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RawEntry {
    uuid: [u8; 16],
    id: U32,
    flags: Flags,
    size_bytes: U64,
    block_size: U32,
    origin: U32,
    created_us: U64,
    root: U64,
    hosts: U64,
    name_bytes: u8,
    app_bytes: u8,
    reserved_0: [u8; 6],
    name: [u8; 64],
    app: [u8; 64],
    qos: [U64; 4],
    reserved_1: [u8; 24],
}

/// The entry's flag word.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Flags(U32);

const _: () = assert!(size_of::<RawEntry>() == Entry::BYTES);
const _: () = assert!(offset_of!(RawEntry, flags) == 20);
const _: () = assert!(offset_of!(RawEntry, origin) == 36);
const _: () = assert!(offset_of!(RawEntry, root) == 48);
const _: () = assert!(offset_of!(RawEntry, name_bytes) == 64);
const _: () = assert!(offset_of!(RawEntry, name) == 72);
const _: () = assert!(offset_of!(RawEntry, qos) == 200);

impl Flags {
    const SNAPSHOT: u32 = 1 << 0;
    const THICK: u32 = 1 << 1;
    const PUBLISHED: u32 = 1 << 2;
    const LISTED_HOSTS: u32 = 1 << 3;

    fn of(entry: &Entry) -> Self {
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        Self(U32::new(
            bit(entry.snapshot, Self::SNAPSHOT)
                | bit(entry.thick, Self::THICK)
                | bit(entry.published, Self::PUBLISHED)
                | bit(entry.listed_hosts, Self::LISTED_HOSTS),
        ))
    }

    fn has(self, bit: u32) -> bool {
        self.0.get() & bit != 0
    }
}

/// See the module's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u32,
    pub(crate) spec: VolumeSpec,
    pub(crate) snapshot: bool,
    pub(crate) thick: bool,
    pub(crate) published: bool,
    pub(crate) listed_hosts: bool,
    pub(crate) origin: u32,
    pub(crate) created_us: u64,
    pub(crate) qos: [u64; 4],
    pub(crate) root: PageRef,
    pub(crate) hosts: PageRef,
}

impl Entry {
    /// Its length.
    pub(crate) const BYTES: usize = 256;

    pub(crate) fn encode(&self, place: &mut [u8]) {
        place.copy_from_slice(RawEntry::from(self).as_bytes());
    }

    /// The entry in its 256 bytes; `None`: the slot is free.
    ///
    /// An entry is valid if writing what it was read as gives the same bytes: that checks padding, reserved bytes
    /// and unknown flags all at once.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, Damage> {
        let raw = RawEntry::ref_from_bytes(bytes).map_err(|_| Damage::Contents("an entry is cut off"))?;
        if raw.id.get() == 0 {
            let free = bytes.iter().all(|byte| *byte == 0);
            return if free { Ok(None) } else { Err(Damage::Contents("a free entry is not blank")) };
        }
        let entry = Self::read(raw)?;
        entry.spec.check().map_err(|_| Damage::Contents("an entry's name, size or UUID is invalid"))?;
        if RawEntry::from(&entry) == *raw {
            Ok(Some(entry))
        } else {
            Err(Damage::Contents("an entry has unknown contents"))
        }
    }

    fn read(raw: &RawEntry) -> Result<Self, Damage> {
        let block_size = BlockSize::from_bytes(raw.block_size.get());
        let spec = VolumeSpec {
            name: take(&raw.name, raw.name_bytes)?,
            app: take(&raw.app, raw.app_bytes)?,
            size_bytes: raw.size_bytes.get(),
            block_size: block_size.ok_or(Damage::Contents("an entry's block size is unknown"))?,
            uuid: Uuid::from_bytes(raw.uuid),
        };
        Ok(Self {
            id: raw.id.get(),
            spec,
            snapshot: raw.flags.has(Flags::SNAPSHOT),
            thick: raw.flags.has(Flags::THICK),
            published: raw.flags.has(Flags::PUBLISHED),
            listed_hosts: raw.flags.has(Flags::LISTED_HOSTS),
            origin: raw.origin.get(),
            created_us: raw.created_us.get(),
            qos: raw.qos.map(U64::get),
            root: PageRef(raw.root.get()),
            hosts: PageRef(raw.hosts.get()),
        })
    }
}

impl From<&Entry> for RawEntry {
    fn from(entry: &Entry) -> Self {
        let mut raw = Self::new_zeroed();
        raw.uuid = entry.spec.uuid.into_bytes();
        raw.id = entry.id.into();
        raw.flags = Flags::of(entry);
        raw.size_bytes = entry.spec.size_bytes.into();
        raw.block_size = entry.spec.block_size.bytes().into();
        raw.origin = entry.origin.into();
        raw.created_us = entry.created_us.into();
        raw.qos = entry.qos.map(U64::new);
        raw.root = entry.root.0.into();
        raw.hosts = entry.hosts.0.into();
        raw.name_bytes = put(&mut raw.name, &entry.spec.name);
        raw.app_bytes = put(&mut raw.app, &entry.spec.app);
        raw
    }
}
