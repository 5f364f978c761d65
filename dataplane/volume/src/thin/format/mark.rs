//! A mark: up to where the journal's writes need no proof.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: number of the mark, from 1 in each era |
//! | 48..56 | era | the journal's |
//! | 56..64 | closed | the journal blocks up to this sequence, and all data they speak of, are durable |
//! | 64..4096 | reserved | zero |
//!
//! Mark `n` is written to both places of pair `n % 2`, so that neither a torn write nor one rotten block loses the
//! last mark that counts.

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{BLOCK_BYTES, Damage, Head, Kind};

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    head: [u8; 48],
    era: U64,
    closed: U64,
    reserved: [u8; 4032],
}

const _: () = assert!(size_of::<Raw>() == BLOCK_BYTES);
const _: () = assert!(offset_of!(Raw, era) == 48);
const _: () = assert!(offset_of!(Raw, closed) == 56);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    pub(crate) number: u64,
    pub(crate) era: u64,
    pub(crate) closed: u64,
}

impl Mark {
    pub(crate) fn encode(&self, pool: Uuid, address: u64, block: &mut [u8]) {
        let raw =
            Raw { head: [0; 48], era: self.era.into(), closed: self.closed.into(), reserved: [0; 4032] };
        block.copy_from_slice(raw.as_bytes());
        Head { kind: Kind::Mark, pool, generation: self.number, address }.seal(block);
    }

    pub(crate) fn decode(pool: Uuid, address: u64, block: &[u8]) -> Result<Self, Damage> {
        let number = Head::open(block, Kind::Mark, pool, address)?;
        let raw = Raw::ref_from_bytes(block).map_err(|_| Damage::Magic)?;
        if raw.reserved != [0; 4032] {
            return Err(Damage::Contents("a mark's reserved bytes are not zero"));
        }
        Ok(Self { number, era: raw.era.get(), closed: raw.closed.get() })
    }
}
