//! The head of a superblock copy.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..8 | magic | `SLUICEPL`; in every version |
//! | 8..12 | version | of the format, [`FORMAT_VERSION`]; in every version |
//! | 12..16 | crc32c | of the header and the records, with this field zero; in every version |
//! | 16..24 | generation | counts superblock changes, 1 at first |
//! | 24..40 | pool_uuid | names the pool |
//! | 40..48 | device_bytes | size of the device when formatted |
//! | 48..52 | device_block_size | likewise |
//! | 52..56 | record_count | volumes, 0 to [`MAX_VOLUMES`] |
//! | 56..60 | copy | which copy this is, 0 or 1 |
//! | 60..2048 | reserved | zero |
//!
//! Integers are little-endian.

use std::mem::offset_of;
use std::ops::Range;

use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{FORMAT_VERSION, MAX_VOLUMES};
use crate::table::Table;

/// See the module's table.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    magic: [u8; 8],
    version: U32,
    crc32c: U32,
    generation: U64,
    pool_uuid: [u8; 16],
    device_bytes: U64,
    device_block_size: U32,
    record_count: U32,
    copy: U32,
    reserved: [u8; 1988],
}

const MAGIC: [u8; 8] = *b"SLUICEPL";

const _: () = assert!(size_of::<Header>() == 2048);
const _: () = assert!(offset_of!(Header, crc32c) == 12);
const _: () = assert!(offset_of!(Header, generation) == 16);
const _: () = assert!(offset_of!(Header, device_bytes) == 40);
const _: () = assert!(offset_of!(Header, copy) == 56);
const _: () = assert!(offset_of!(Header, reserved) == 60);

impl Header {
    /// Where the checksum is.
    pub(super) const CRC32C: Range<usize> = 12..16;

    /// The header of `table` as copy `copy`, without its checksum.
    pub(super) fn new(table: &Table, copy: u32) -> Self {
        let record_count = u32::try_from(table.records.len()).expect("at most MAX_VOLUMES");
        Self {
            magic: MAGIC,
            version: FORMAT_VERSION.into(),
            crc32c: U32::ZERO,
            generation: table.generation.into(),
            pool_uuid: table.uuid.into_bytes(),
            device_bytes: table.device_bytes.into(),
            device_block_size: table.device_block_size.into(),
            record_count: record_count.into(),
            copy: copy.into(),
            reserved: [0; 1988],
        }
    }

    /// The header at the front of a copy.
    pub(super) fn read(image: &[u8]) -> Self {
        let (header, _records) = Self::read_from_prefix(image).expect("a copy is longer than its header");
        header
    }

    /// Whether this is a superblock of whatever version.
    pub(super) fn is_superblock(&self) -> bool {
        self.magic == MAGIC
    }

    pub(super) fn version(&self) -> u32 {
        self.version.get()
    }

    pub(super) fn crc32c(&self) -> u32 {
        self.crc32c.get()
    }

    /// Volumes, checked to fit the copy.
    pub(super) fn record_count(&self) -> Result<usize, &'static str> {
        let count = self.record_count.get() as usize;
        if count <= MAX_VOLUMES { Ok(count) } else { Err("it counts too many volumes") }
    }

    /// The table this heads, still without records.
    pub(super) fn table(&self, copy: u32) -> Result<Table, &'static str> {
        if self.version() == 0 {
            return Err("its version is zero");
        }
        if self.copy.get() != copy {
            return Err("it is the other copy");
        }
        if self.reserved != [0; 1988] {
            return Err("its reserved bytes are not zero");
        }
        Ok(Table {
            uuid: Uuid::from_bytes(self.pool_uuid),
            generation: self.generation.get(),
            device_bytes: self.device_bytes.get(),
            device_block_size: self.device_block_size.get(),
            records: Vec::new(),
        })
    }
}
