//! Blocks of a map are now in a chunk.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0 | kind | 1 |
//! | 1 | reserved | zero |
//! | 2 | first | first block of the run within the chunk, 0 to 31 |
//! | 3 | count | its length, 1 to `32 - first` |
//! | 4..8 | map | id of the volume |
//! | 8..12 | index | which chunk of the volume |
//! | 12..16 | chunk | which chunk of the device |
//! | 16..24 | data_crc64 | CRC-64/NVME of the run's bytes |
//!
//! The record is written together with the data. Unless a [mark](crate::thin::format::mark) vouches for it,
//! recovery reads the data and takes the record for true only if they have this checksum.

use std::mem::offset_of;

use zerocopy::little_endian::{U32, U64};
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
    data_crc64: U64,
}

const _: () = assert!(size_of::<Raw>() == Write::BYTES);
const _: () = assert!(offset_of!(Raw, chunk) == 12);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) map: u32,
    pub(crate) index: u32,
    pub(crate) chunk: u32,
    pub(crate) run: Run,
    pub(crate) data_crc64: u64,
}

impl Write {
    pub(super) const KIND: u8 = 1;
    pub(crate) const BYTES: usize = 24;

    pub(super) fn encode(&self, out: &mut [u8]) {
        let raw = Raw {
            kind: Self::KIND,
            reserved: 0,
            first: self.run.first,
            count: self.run.count,
            map: self.map.into(),
            index: self.index.into(),
            chunk: self.chunk.into(),
            data_crc64: self.data_crc64.into(),
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
            data_crc64: raw.data_crc64.get(),
        })
    }
}
