//! A block of the journal: the records of one round.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: the era |
//! | 48..56 | sequence | of this block, from 1; block `s` is in place `s % journal_blocks` of the ring |
//! | 56..64 | durable | the blocks up to this sequence were durable when this one was written |
//! | 64..66 | used_bytes | of the records |
//! | 66..72 | reserved | zero |
//! | 72..4096 | records | back to back, [`record`](super::record); the rest is zero |
//!
//! `durable` tells a block that was never written, after which the journal ends, from one that rotted.

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{BLOCK_BYTES, Damage, Head, Kind};

/// Room for records in a block.
pub(crate) const RECORD_BYTES: usize = BLOCK_BYTES - RECORDS;

/// Where records begin.
pub(crate) const RECORDS: usize = 72;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    head: [u8; 48],
    sequence: U64,
    durable: U64,
    used_bytes: U16,
    reserved: [u8; 6],
}

const _: () = assert!(size_of::<Raw>() == RECORDS);
const _: () = assert!(offset_of!(Raw, sequence) == 48);
const _: () = assert!(offset_of!(Raw, used_bytes) == 64);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalHead {
    pub(crate) era: u64,
    pub(crate) sequence: u64,
    pub(crate) durable: u64,
    pub(crate) used_bytes: u16,
}

impl JournalHead {
    /// Completes a block whose records are in place.
    pub(crate) fn seal(&self, pool: Uuid, address: u64, block: &mut [u8]) {
        let raw = Raw {
            head: [0; 48],
            sequence: self.sequence.into(),
            durable: self.durable.into(),
            used_bytes: self.used_bytes.into(),
            reserved: [0; 6],
        };
        block[..RECORDS].copy_from_slice(raw.as_bytes());
        block[RECORDS + usize::from(self.used_bytes)..].fill(0);
        Head { kind: Kind::Journal, pool, generation: self.era, address }.seal(block);
    }

    pub(crate) fn open(pool: Uuid, address: u64, block: &[u8]) -> Result<Self, Damage> {
        let era = Head::open(block, Kind::Journal, pool, address)?;
        let (raw, _records) = Raw::ref_from_prefix(block).map_err(|_| Damage::Magic)?;
        let used_bytes = raw.used_bytes.get();
        if usize::from(used_bytes) > RECORD_BYTES || raw.reserved != [0; 6] {
            return Err(Damage::Contents("a journal block's head has unknown contents"));
        }
        Ok(Self { era, sequence: raw.sequence.get(), durable: raw.durable.get(), used_bytes })
    }

    /// The records of the block that this heads.
    pub(crate) fn records<'b>(&self, block: &'b [u8]) -> &'b [u8] {
        &block[RECORDS..RECORDS + usize::from(self.used_bytes)]
    }
}
