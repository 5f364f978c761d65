//! A page of the catalog's index.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: the checkpoint's |
//! | 48..52 | number | which of the superblock's index pages: 0 to 15 the catalog's, 16 to 18 the applications' |
//! | 52..64 | reserved | zero |
//! | 64..4096 | pages | 504 references to [catalog pages](super::catalog) or [applications](super::app_page); none:
//! nothing there |

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{BLOCK_BYTES, Damage, Head, Kind, PageRef};

/// Pages that an index page refers to.
pub(crate) const PAGES: usize = 504;

/// See the module's table.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct IndexPage {
    head: [u8; 48],
    number: U32,
    reserved: [u8; 12],
    pages: [U64; PAGES],
}

const _: () = assert!(size_of::<IndexPage>() == BLOCK_BYTES);
const _: () = assert!(offset_of!(IndexPage, number) == 48);
const _: () = assert!(offset_of!(IndexPage, pages) == 64);

impl IndexPage {
    /// Writes page `number`, which refers to `pages`.
    pub(crate) fn encode(number: u32, pages: &[PageRef], pool: Uuid, page: (u64, u64), block: &mut [u8]) {
        let (address, generation) = page;
        let mut raw =
            Self { head: [0; 48], number: number.into(), reserved: [0; 12], pages: [U64::ZERO; PAGES] };
        for (place, page) in raw.pages.iter_mut().zip(pages) {
            *place = page.0.into();
        }
        block.copy_from_slice(raw.as_bytes());
        Head { kind: Kind::Index, pool, generation, address }.seal(block);
    }

    /// The references of page `number`.
    pub(crate) fn decode(
        number: u32,
        page: PageRef,
        pool: Uuid,
        block: &[u8],
    ) -> Result<Vec<PageRef>, Damage> {
        let generation = Head::open(block, Kind::Index, pool, page.address())?;
        if !page.admits(generation) {
            return Err(Damage::Generation);
        }
        let raw = Self::ref_from_bytes(block).map_err(|_| Damage::Magic)?;
        if raw.number.get() != number || raw.reserved != [0; 12] {
            return Err(Damage::Contents("an index page has unknown contents"));
        }
        Ok(raw.pages.iter().map(|page| PageRef(page.get())).collect())
    }
}
