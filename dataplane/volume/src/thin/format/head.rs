//! The head that every metadata block begins with.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..8 | magic | which structure it is: [`Kind`] |
//! | 8..12 | version | of the format, [`FORMAT_VERSION`] |
//! | 12..16 | crc32c | of all 4096 bytes, with this field zero |
//! | 16..32 | pool_uuid | whose it is |
//! | 32..40 | generation | tells stale from current, as the structure says |
//! | 40..48 | address | its own place, in blocks of 4096 bytes from the device's start |
//!
//! Integers are little-endian. The first 16 bytes of a superblock, and what its checksum covers, stay what they are in
//! every later version, so that a release can tell what it cannot read from what is damaged.

use std::mem::offset_of;
use std::ops::Range;

use crc_fast::CrcAlgorithm;
use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{BLOCK_BYTES, FORMAT_VERSION};

/// See the module's table.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    magic: [u8; 8],
    version: U32,
    crc32c: U32,
    pool_uuid: [u8; 16],
    generation: U64,
    address: U64,
}

const _: () = assert!(size_of::<Raw>() == Head::BYTES);
const _: () = assert!(offset_of!(Raw, crc32c) == 12);
const _: () = assert!(offset_of!(Raw, pool_uuid) == 16);
const _: () = assert!(offset_of!(Raw, generation) == 32);
const _: () = assert!(offset_of!(Raw, address) == 40);

/// Which structure a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// [`Superblock`](super::superblock::Superblock); generation: counts superblocks.
    Superblock,
    /// [`Mark`](super::mark::Mark); generation: counts marks.
    Mark,
    /// [`JournalHead`](super::journal::JournalHead) and records; generation: the era.
    Journal,
    /// [`NodePage`](super::node::NodePage) and a part of a node; generation: the checkpoint's.
    Node,
    /// [`IndexPage`](super::index::IndexPage); generation: the checkpoint's.
    Index,
    /// [`CatalogPage`](super::catalog::CatalogPage); generation: the checkpoint's.
    Catalog,
    /// [`HostsPage`](super::hosts::HostsPage); generation: the checkpoint's.
    Hosts,
    /// [An application](super::app_page); generation: the checkpoint's.
    App,
}

impl Kind {
    pub(crate) const fn magic(self) -> [u8; 8] {
        match self {
            Self::Superblock => *b"SLUICEPL",
            Self::Mark => *b"SLUICEMK",
            Self::Journal => *b"SLUICEJB",
            Self::Node => *b"SLUICEND",
            Self::Index => *b"SLUICEIX",
            Self::Catalog => *b"SLUICECT",
            Self::Hosts => *b"SLUICEHO",
            Self::App => *b"SLUICEAP",
        }
    }
}

/// What is wrong with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// All zeroes.
    Blank,
    /// Another structure, or none of ours.
    Magic,
    /// A later format, or none.
    Version(u32),
    /// Torn or rotten.
    Checksum,
    /// Left from a pool that was here before.
    OtherPool,
    /// Written to, or read from, the wrong place.
    Misplaced,
    /// An older or newer block than the one that was asked for.
    Generation,
    /// The device could not read it.
    Unreadable,
    /// The checksum holds and the contents make no sense.
    Contents(&'static str),
}

impl Damage {
    /// The same, for errors that say where.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Blank => "it is blank",
            Self::Magic => "it holds something else",
            Self::Version(_) => "it is of another format version",
            Self::Checksum => "its checksum does not match",
            Self::OtherPool => "it belongs to another pool",
            Self::Misplaced => "it belongs to another place",
            Self::Generation => "it is of another generation",
            Self::Unreadable => "it cannot be read",
            Self::Contents(what) => what,
        }
    }
}

/// What a block says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) pool: Uuid,
    pub(crate) generation: u64,
    /// In blocks of 4096 bytes.
    pub(crate) address: u64,
}

impl Head {
    /// Length of the head; the structure's own fields follow.
    pub(crate) const BYTES: usize = 48;
    const CRC32C: Range<usize> = 12..16;

    /// Completes `block`, whose body is in place, by its head and checksum.
    pub(crate) fn seal(&self, block: &mut [u8]) {
        let raw = Raw {
            magic: self.kind.magic(),
            version: FORMAT_VERSION.into(),
            crc32c: U32::ZERO,
            pool_uuid: self.pool.into_bytes(),
            generation: self.generation.into(),
            address: self.address.into(),
        };
        block[..Self::BYTES].copy_from_slice(raw.as_bytes());
        let crc = checksum(block);
        block[Self::CRC32C].copy_from_slice(&crc.to_le_bytes());
    }

    /// The head of a `kind` block found at `address`, in whichever pool.
    pub(crate) fn open_any(block: &[u8], kind: Kind, address: u64) -> Result<Self, Damage> {
        assert_eq!(block.len(), BLOCK_BYTES, "metadata is read in whole blocks");
        let (raw, _body) = Raw::read_from_prefix(block).map_err(|_| Damage::Magic)?;
        if raw.magic != kind.magic() {
            let blank = block.iter().all(|byte| *byte == 0);
            return Err(if blank { Damage::Blank } else { Damage::Magic });
        }
        let version = raw.version.get();
        // Version 1 had another checksum; a version that rotted is no version.
        if version != 1 && raw.crc32c.get() != checksum(block) {
            return Err(Damage::Checksum);
        }
        if version != FORMAT_VERSION {
            return Err(Damage::Version(version));
        }
        if raw.address.get() != address {
            return Err(Damage::Misplaced);
        }
        Ok(Self { kind, pool: Uuid::from_bytes(raw.pool_uuid), generation: raw.generation.get(), address })
    }

    /// The generation of `pool`'s `kind` block found at `address`.
    pub(crate) fn open(block: &[u8], kind: Kind, pool: Uuid, address: u64) -> Result<u64, Damage> {
        let head = Self::open_any(block, kind, address)?;
        if head.pool == pool { Ok(head.generation) } else { Err(Damage::OtherPool) }
    }
}

/// CRC32C of a block, taking the checksum's own place as zero.
fn checksum(block: &[u8]) -> u32 {
    let Range { start, end } = Head::CRC32C;
    let mut digest = crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(&block[..start]);
    digest.update(&[0; 4]);
    digest.update(&block[end..]);
    u32::try_from(digest.finalize()).expect("CRC32C has 32 bits")
}

#[cfg(test)]
mod test {
    use super::*;

    const HEAD: Head =
        Head { kind: Kind::Mark, pool: Uuid::from_u128(0x0102_0304), generation: 5, address: 64 };

    fn block() -> Vec<u8> {
        let mut block = vec![0; BLOCK_BYTES];
        block[100] = 7;
        HEAD.seal(&mut block);
        block
    }

    #[test]
    fn golden_bytes() {
        let mut golden = vec![0; 48];
        golden[..8].copy_from_slice(b"SLUICEMK");
        golden[8] = 2;
        golden[28..32].copy_from_slice(&[1, 2, 3, 4]);
        golden[32] = 5;
        golden[40] = 64;
        let mut block = block();
        assert_ne!(block[12..16], [0; 4]);
        block[12..16].fill(0);
        assert_eq!(block[..48], golden);
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let pristine = block();
        assert_eq!(Head::open(&pristine, Kind::Mark, HEAD.pool, 64), Ok(5));
        for bit in (0..48 * 8).chain([100 * 8, 4095 * 8 + 7]) {
            let mut block = pristine.clone();
            block[bit / 8] ^= 1 << (bit % 8);
            assert!(Head::open_any(&block, Kind::Mark, 64).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let block = block();
        let open = |kind, address| Head::open_any(&block, kind, address).map(|_| ());
        assert_eq!(open(Kind::Journal, 64), Err(Damage::Magic));
        assert_eq!(open(Kind::Mark, 65), Err(Damage::Misplaced));
        assert_eq!(Head::open(&block, Kind::Mark, Uuid::from_u128(1), 64), Err(Damage::OtherPool));
        assert_eq!(Head::open_any(&vec![0; BLOCK_BYTES], Kind::Mark, 64), Err(Damage::Blank));
        let mut newer = block.clone();
        newer[8] = 3;
        assert_eq!(Head::open_any(&newer, Kind::Mark, 64), Err(Damage::Checksum));
        newer[12..16].fill(0);
        let crc = checksum(&newer);
        newer[12..16].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Head::open_any(&newer, Kind::Mark, 64), Err(Damage::Version(3)));
    }
}
