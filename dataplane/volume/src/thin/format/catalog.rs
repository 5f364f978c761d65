//! A page of the catalog: fifteen slots for volumes and snapshots.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: the checkpoint's |
//! | 48..52 | number | of the page: it holds slots `15 * number` and following |
//! | 52..64 | reserved_0 | zero |
//! | 64..3904 | entries | 15 [entries](super::entry), blank where a slot is free |
//! | 3904..4096 | reserved_1 | zero |

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::entry::Entry;
use super::{BLOCK_BYTES, Damage, Head, Kind, PageRef};

/// Slots of a page.
pub(crate) const SLOTS: usize = 15;

/// See the module's table.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct CatalogPage {
    head: [u8; 48],
    number: U32,
    reserved_0: [u8; 12],
    entries: [[u8; Entry::BYTES]; SLOTS],
    reserved_1: [u8; 192],
}

const _: () = assert!(size_of::<CatalogPage>() == BLOCK_BYTES);
const _: () = assert!(offset_of!(CatalogPage, entries) == 64);
const _: () = assert!(offset_of!(CatalogPage, reserved_1) == 3904);

impl CatalogPage {
    /// Writes page `number` with the given slots.
    pub(crate) fn encode<'e>(
        number: u32,
        entries: impl Iterator<Item = Option<&'e Entry>>,
        pool: Uuid,
        page: (u64, u64),
        block: &mut [u8],
    ) {
        let (address, generation) = page;
        let mut raw = Self::new_zeroed();
        raw.number = number.into();
        for (place, entry) in raw.entries.iter_mut().zip(entries) {
            if let Some(entry) = entry {
                entry.encode(place);
            }
        }
        block.copy_from_slice(raw.as_bytes());
        Head { kind: Kind::Catalog, pool, generation, address }.seal(block);
    }

    /// The slots of page `number`.
    pub(crate) fn decode(
        number: u32,
        page: PageRef,
        pool: Uuid,
        block: &[u8],
    ) -> Result<Vec<Option<Entry>>, Damage> {
        let generation = Head::open(block, Kind::Catalog, pool, page.address())?;
        if !page.admits(generation) {
            return Err(Damage::Generation);
        }
        let raw = Self::ref_from_bytes(block).map_err(|_| Damage::Magic)?;
        if raw.number.get() != number || raw.reserved_0 != [0; 12] || raw.reserved_1 != [0; 192] {
            return Err(Damage::Contents("a catalog page has unknown contents"));
        }
        raw.entries.iter().map(|bytes| Entry::decode(bytes)).collect()
    }
}
