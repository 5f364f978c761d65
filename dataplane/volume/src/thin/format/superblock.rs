//! The superblock: where everything else is.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: counts superblocks, 1 at first |
//! | 48..56 | device_bytes | size of the device that the pool uses |
//! | 56..60 | device_block_size | 512 or 4096 |
//! | 60..64 | chunk_bytes | 131072 |
//! | 64..72 | journal_block | first block of the journal, 256 |
//! | 72..80 | journal_blocks | its length, 64 to 4096 |
//! | 80..88 | era | generation of the superblock that the pool was opened with |
//! | 88..96 | replay_from | sequence of the first journal block that is not in this checkpoint |
//! | 96..100 | next_id | what the next volume or snapshot will be called |
//! | 100..104 | entries | slots of the catalog in use or not: its length |
//! | 104..232 | index | 16 references to the catalog's [index pages](super::index) |
//! | 232..256 | apps | 3 references to index pages of [applications](super::app_page) |
//! | 256..512 | profile | 32 words of 8 bytes, the device's quality of service as it was measured: the scheduler's |
//! | 512..4096 | reserved | zero |
//!
//! Both copies say the same but for the head's address and checksum.

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{BLOCK_BYTES, CHUNK_BYTES, Damage, Head, JOURNAL_BLOCK, Kind, PageRef};
use crate::thin::geometry::Geometry;

/// References to index pages that a superblock holds.
pub(crate) const INDEX_PAGES: usize = 16;

/// References to index pages of applications that a superblock holds; as index pages they are numbered after the
/// catalog's.
pub(crate) const APP_INDEX_PAGES: usize = 3;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    head: [u8; 48],
    device_bytes: U64,
    device_block_size: U32,
    chunk_bytes: U32,
    journal_block: U64,
    journal_blocks: U64,
    era: U64,
    replay_from: U64,
    next_id: U32,
    entries: U32,
    index: [U64; INDEX_PAGES],
    apps: [U64; APP_INDEX_PAGES],
    profile: [U64; 32],
    reserved: [u8; 3584],
}

const _: () = assert!(size_of::<Raw>() == BLOCK_BYTES);
const _: () = assert!(offset_of!(Raw, device_bytes) == 48);
const _: () = assert!(offset_of!(Raw, chunk_bytes) == 60);
const _: () = assert!(offset_of!(Raw, journal_blocks) == 72);
const _: () = assert!(offset_of!(Raw, replay_from) == 88);
const _: () = assert!(offset_of!(Raw, index) == 104);
const _: () = assert!(offset_of!(Raw, apps) == 232);
const _: () = assert!(offset_of!(Raw, reserved) == 512);

/// See the module's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) pool: Uuid,
    pub(crate) generation: u64,
    pub(crate) device_bytes: u64,
    pub(crate) device_block_size: u32,
    pub(crate) journal_blocks: u64,
    pub(crate) era: u64,
    pub(crate) replay_from: u64,
    pub(crate) next_id: u32,
    pub(crate) entries: u32,
    pub(crate) index: [PageRef; INDEX_PAGES],
    pub(crate) apps: [PageRef; APP_INDEX_PAGES],
    pub(crate) profile: [u64; 32],
}

impl Superblock {
    /// Of a pool that is not there yet: generation 0.
    pub(crate) fn blank(geometry: &Geometry) -> Self {
        Self {
            pool: Uuid::nil(),
            generation: 0,
            device_bytes: geometry.device_bytes,
            device_block_size: geometry.device_block_size,
            journal_blocks: geometry.journal_blocks,
            era: 0,
            replay_from: 1,
            next_id: 1,
            entries: 0,
            index: [PageRef::NONE; INDEX_PAGES],
            apps: [PageRef::NONE; APP_INDEX_PAGES],
            profile: [0; 32],
        }
    }

    /// The copy for `address`.
    pub(crate) fn encode(&self, address: u64, block: &mut [u8]) {
        let raw = Raw {
            head: [0; 48],
            device_bytes: self.device_bytes.into(),
            device_block_size: self.device_block_size.into(),
            chunk_bytes: u32::try_from(CHUNK_BYTES).expect("128 KiB").into(),
            journal_block: JOURNAL_BLOCK.into(),
            journal_blocks: self.journal_blocks.into(),
            era: self.era.into(),
            replay_from: self.replay_from.into(),
            next_id: self.next_id.into(),
            entries: self.entries.into(),
            index: self.index.map(|page| page.0.into()),
            apps: self.apps.map(|page| page.0.into()),
            profile: self.profile.map(U64::new),
            reserved: [0; 3584],
        };
        block.copy_from_slice(raw.as_bytes());
        Head { kind: Kind::Superblock, pool: self.pool, generation: self.generation, address }.seal(block);
    }

    /// The copy found at `address`. Whether it fits the device is for the caller to check.
    pub(crate) fn decode(address: u64, block: &[u8]) -> Result<Self, Damage> {
        let head = Head::open_any(block, Kind::Superblock, address)?;
        let raw = Raw::ref_from_bytes(block).map_err(|_| Damage::Magic)?;
        let superblock = Self {
            pool: head.pool,
            generation: head.generation,
            device_bytes: raw.device_bytes.get(),
            device_block_size: raw.device_block_size.get(),
            journal_blocks: raw.journal_blocks.get(),
            era: raw.era.get(),
            replay_from: raw.replay_from.get(),
            next_id: raw.next_id.get(),
            entries: raw.entries.get(),
            index: raw.index.map(|page| PageRef(page.get())),
            apps: raw.apps.map(|page| PageRef(page.get())),
            profile: raw.profile.map(U64::get),
        };
        superblock.check(raw).map(|()| superblock)
    }

    fn check(&self, raw: &Raw) -> Result<(), Damage> {
        let wrong = |what| Err(Damage::Contents(what));
        if u64::from(raw.chunk_bytes.get()) != CHUNK_BYTES || raw.journal_block.get() != JOURNAL_BLOCK {
            return wrong("its chunk size or journal is not this format's");
        }
        if !matches!(self.device_block_size, 512 | 4096) {
            return wrong("its device block size is unknown");
        }
        if !(64..=4096).contains(&self.journal_blocks) || !self.journal_blocks.is_multiple_of(32) {
            return wrong("its journal's length is out of range");
        }
        if self.era == 0 || self.era > self.generation || self.replay_from == 0 || self.next_id == 0 {
            return wrong("its counters contradict each other");
        }
        if raw.reserved != [0; 3584] {
            return wrong("its reserved bytes are not zero");
        }
        Ok(())
    }
}
