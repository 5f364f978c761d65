//! A page of a map's node. A node's contents are a stream of bytes, [leaf](super::leaf) or
//! [interior](super::interior), cut into as many pages as it needs, each placed on its own.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..48 | head | generation: the checkpoint's |
//! | 48..56 | next | reference to the node's next page; none: this is the last |
//! | 56 | level | of the node: 0 is a leaf |
//! | 57 | reserved | zero |
//! | 58..60 | part | which page of the node this is, from 0 |
//! | 60..64 | used_bytes | of the stream in this page |
//! | 64..4096 | stream | the rest is zero |

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{BLOCK_BYTES, Damage, Head, Kind, PageRef};

/// Room for the stream in a page.
pub(crate) const STREAM_BYTES: usize = BLOCK_BYTES - STREAM;

const STREAM: usize = 64;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    head: [u8; 48],
    next: U64,
    level: u8,
    reserved: u8,
    part: U16,
    used_bytes: U32,
}

const _: () = assert!(size_of::<Raw>() == STREAM);
const _: () = assert!(offset_of!(Raw, next) == 48);
const _: () = assert!(offset_of!(Raw, part) == 58);
const _: () = assert!(offset_of!(Raw, used_bytes) == 60);

/// See the module's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NodePage {
    pub(crate) next: PageRef,
    pub(crate) level: u8,
    pub(crate) part: u16,
}

impl NodePage {
    /// Writes the page with its part of the stream.
    pub(crate) fn encode(&self, stream: &[u8], pool: Uuid, page: (u64, u64), block: &mut [u8]) {
        let (address, generation) = page;
        let raw = Raw {
            head: [0; 48],
            next: self.next.0.into(),
            level: self.level,
            reserved: 0,
            part: self.part.into(),
            used_bytes: u32::try_from(stream.len()).expect("at most a page").into(),
        };
        block[..STREAM].copy_from_slice(raw.as_bytes());
        let (used, rest) = block[STREAM..].split_at_mut(stream.len());
        used.copy_from_slice(stream);
        rest.fill(0);
        Head { kind: Kind::Node, pool, generation, address }.seal(block);
    }

    /// The page and its part of the stream.
    pub(crate) fn decode(page: PageRef, pool: Uuid, block: &[u8]) -> Result<(Self, &[u8]), Damage> {
        let generation = Head::open(block, Kind::Node, pool, page.address())?;
        if !page.admits(generation) {
            return Err(Damage::Generation);
        }
        let (raw, stream) = Raw::ref_from_prefix(block).map_err(|_| Damage::Magic)?;
        let used = stream.split_at_checked(raw.used_bytes.get() as usize);
        let (used, rest) = used.ok_or(Damage::Contents("a node's stream overflows its page"))?;
        if raw.reserved != 0 || rest.iter().any(|byte| *byte != 0) {
            return Err(Damage::Contents("a node page has unknown contents"));
        }
        let next = PageRef(raw.next.get());
        Ok((Self { next, level: raw.level, part: raw.part.get() }, used))
    }
}
