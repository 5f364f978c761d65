//! The superblock: what of a pool is on its device, version 1.
//!
//! ```text
//!   bytes from the device's start
//!   0         512 KiB                 1 MiB                                            end
//!   ├─ copy 0 ─┼─ copy 1 ─────────────┼─ extent ─┼─ free ─┼─ extent ─┼─ ... ─┼─ < 1 MiB ──┤
//!   copy:  [`Header`] 2048 bytes, then `record_count` x [`Record`] 2048 bytes, the rest is meaningless
//! ```
//!
//! Both copies say the same; they differ in the header's `copy` and `crc32c`. A change is written to copy 0 and
//! flushed, then to copy 1 and flushed, and only then reported done. Hence, whatever the moment of a crash, and
//! even if one copy is lost to the medium afterwards:
//!
//! | moment | copy 0 | copy 1 | opens as |
//! |---|---|---|---|
//! | before | g | g | g |
//! | writing copy 0 | torn | g | g |
//! | copy 0 written | g + 1 | g | g + 1 (not yet reported: either is right) |
//! | writing copy 1 | g + 1 | torn | g + 1 |
//! | after, reported | g + 1 | g + 1 | g + 1, from either copy alone |
//!
//! The valid copy with the higher generation wins, and opening rewrites the other if it differs. The first 16 bytes
//! of [`Header`] stay what they are in every later version, so that this release can refuse what it cannot read.

mod header;
mod record;

use std::ops::Range;

use crc_fast::CrcAlgorithm;
use zerocopy::IntoBytes;

use crate::table::Table;
use header::Header;
use record::Record;

/// The superblock format this release writes, and the highest it reads.
pub const FORMAT_VERSION: u32 = 1;

/// How many volumes a pool can hold: a copy is 256 records long and the header takes the first.
pub const MAX_VOLUMES: usize = 255;

/// How many hosts an allow-list can name.
pub const MAX_HOSTS: usize = 8;

/// Longest host NQN, in bytes (NVMe Base, NVMe Qualified Names).
pub const MAX_HOST_NQN_BYTES: usize = 223;

/// Where volume data begins on the device.
pub const DATA_OFFSET_BYTES: u64 = 1 << 20;

/// Extents start at and have the length of multiples of this.
pub(crate) const EXTENT_ALIGN_BYTES: u64 = 1 << 20;

/// Copies of the superblock.
pub(crate) const COPIES: u32 = 2;

/// Length of a copy: header and all records.
pub(crate) const COPY_BYTES: usize = 512 << 10;

const _: () = assert!(size_of::<Header>() + MAX_VOLUMES * size_of::<Record>() == COPY_BYTES);
const _: () = assert!(COPIES as u64 * COPY_BYTES as u64 == DATA_OFFSET_BYTES);

/// Where copy `copy` starts on the device, in bytes.
pub(crate) fn copy_offset_bytes(copy: u32) -> u64 {
    u64::from(copy) * COPY_BYTES as u64
}

/// Writes `table` as copy `copy` into `image`; returns how many of its bytes matter, from the front.
///
/// `image` has [`COPY_BYTES`] bytes, all of which are overwritten.
pub(crate) fn encode(table: &Table, copy: u32, image: &mut [u8]) -> usize {
    let used = used_bytes(table.records.len());
    image.fill(0);
    for (place, record) in
        image[size_of::<Header>()..].chunks_exact_mut(size_of::<Record>()).zip(&table.records)
    {
        place.copy_from_slice(Record::from(record).as_bytes());
    }
    let header = Header::new(table, copy);
    image[..size_of::<Header>()].copy_from_slice(header.as_bytes());
    let crc = checksum(&image[..used]);
    image[Header::CRC32C].copy_from_slice(&crc.to_le_bytes());
    used
}

/// What a copy's place turned out to hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Zeroes only.
    Nothing,
    /// Something that is no superblock.
    Foreign,
    /// A superblock of a later version.
    Newer(u32),
    /// A superblock, torn or damaged; the text says where it fails.
    Damaged(&'static str),
    /// A valid copy.
    Valid(Table),
}

/// Reads the [`COPY_BYTES`] of a copy.
pub(crate) fn decode(image: &[u8], copy: u32) -> Found {
    let header = Header::read(image);
    if !header.is_superblock() {
        let blank = image.iter().all(|byte| *byte == 0);
        return if blank { Found::Nothing } else { Found::Foreign };
    }
    if header.version() > FORMAT_VERSION {
        return Found::Newer(header.version());
    }
    decode_table(&header, image, copy).map_or_else(Found::Damaged, Found::Valid)
}

/// Checks everything, in the order in which a check may rely on the earlier ones.
fn decode_table(header: &Header, image: &[u8], copy: u32) -> Result<Table, &'static str> {
    let used = used_bytes(header.record_count()?);
    if header.crc32c() != checksum(&image[..used]) {
        return Err("its checksum does not match");
    }
    let mut table = header.table(copy)?;
    for (slot, bytes) in (0..).zip(image[size_of::<Header>()..used].chunks_exact(size_of::<Record>())) {
        table.records.push(Record::read(bytes).decode(slot)?);
    }
    table.check()?;
    Ok(table)
}

/// Bytes of a copy that its checksum covers.
fn used_bytes(record_count: usize) -> usize {
    size_of::<Header>() + record_count * size_of::<Record>()
}

/// CRC32C of a copy's used bytes, taking the checksum's own place as zero.
fn checksum(used: &[u8]) -> u32 {
    let Range { start, end } = Header::CRC32C;
    let mut digest = crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(&used[..start]);
    digest.update(&[0; 4]);
    digest.update(&used[end..]);
    u32::try_from(digest.finalize()).expect("CRC32C has 32 bits")
}

#[cfg(test)]
mod test;
