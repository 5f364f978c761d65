//! One volume in the superblock.
//!
//! | bytes | field | meaning |
//! |---|---|---|
//! | 0..16 | uuid | of the volume, not nil |
//! | 16..24 | offset_bytes | start of its extent on the device, a multiple of 1 MiB |
//! | 24..32 | size_bytes | its capacity, a positive multiple of block_size |
//! | 32..36 | block_size | 512 or 4096 |
//! | 36..40 | flags | bit 0: published; bit 1: only the listed hosts may connect; others zero |
//! | 40 | name_bytes | length of the name, 1 to 63 |
//! | 41 | app_bytes | length of the application's name, 1 to 63 |
//! | 42 | host_count | listed hosts, 0 to 8; 0 if bit 1 is clear |
//! | 43..48 | reserved_0 | zero |
//! | 48..112 | name | ASCII, padded with zeroes |
//! | 112..176 | app | ASCII, padded with zeroes |
//! | 176..256 | reserved_1 | zero |
//! | 256..2048 | hosts | 8 x (length byte, 223 bytes of UTF-8 padded with zeroes) |
//!
//! Integers are little-endian. Records are sorted by offset_bytes.

use std::mem::offset_of;

use uuid::Uuid;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{MAX_HOST_NQN_BYTES, MAX_HOSTS};
use crate::{BlockSize, HostAccess, VolumeIndex, VolumeRecord, VolumeSpec};

/// See the module's table.
#[derive(Clone, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Record {
    uuid: [u8; 16],
    offset_bytes: U64,
    size_bytes: U64,
    block_size: U32,
    flags: Flags,
    name_bytes: u8,
    app_bytes: u8,
    host_count: u8,
    reserved_0: [u8; 5],
    name: [u8; 64],
    app: [u8; 64],
    reserved_1: [u8; 80],
    hosts: [Host; MAX_HOSTS],
}

/// One entry of the allow-list.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Host {
    length: u8,
    nqn: [u8; MAX_HOST_NQN_BYTES],
}

/// The record's flag word.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Flags(U32);

const _: () = assert!(size_of::<Record>() == 2048);
const _: () = assert!(offset_of!(Record, offset_bytes) == 16);
const _: () = assert!(offset_of!(Record, flags) == 36);
const _: () = assert!(offset_of!(Record, name) == 48);
const _: () = assert!(offset_of!(Record, app) == 112);
const _: () = assert!(offset_of!(Record, hosts) == 256);

impl Flags {
    const PUBLISHED: u32 = 1 << 0;
    const LISTED_HOSTS: u32 = 1 << 1;

    fn new(published: bool, listed_hosts: bool) -> Self {
        let bit = |set: bool, bit: u32| if set { bit } else { 0 };
        Self(U32::new(bit(published, Self::PUBLISHED) | bit(listed_hosts, Self::LISTED_HOSTS)))
    }

    fn published(self) -> bool {
        self.0.get() & Self::PUBLISHED != 0
    }

    fn listed_hosts(self) -> bool {
        self.0.get() & Self::LISTED_HOSTS != 0
    }
}

impl Record {
    /// The record in its 2048 bytes; what it says is not checked yet.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self::read_from_bytes(bytes).expect("a record's bytes")
    }

    /// The volume it describes, which gets `slot`.
    ///
    /// A record is valid if writing what it was read as gives the same bytes: that checks padding, reserved bytes
    /// and unknown flags all at once.
    pub(super) fn decode(&self, slot: u32) -> Result<VolumeRecord, &'static str> {
        let spec = VolumeSpec {
            name: text(&self.name, self.name_bytes)?,
            app: text(&self.app, self.app_bytes)?,
            size_bytes: self.size_bytes.get(),
            block_size: BlockSize::from_bytes(self.block_size.get())
                .ok_or("a volume's block size is unknown")?,
            uuid: Uuid::from_bytes(self.uuid),
        };
        spec.check().map_err(|_| "a volume's name, size or UUID is invalid")?;
        let access = self.access()?;
        access.check().map_err(|_| "a volume's host NQN is invalid")?;
        let index = VolumeIndex::new(slot, 0);
        let mut record = VolumeRecord::new(spec, index, self.offset_bytes.get());
        (record.published, record.access) = (self.flags.published(), access);
        if Self::from(&record) == *self { Ok(record) } else { Err("a volume's record has unknown contents") }
    }

    fn access(&self) -> Result<HostAccess, &'static str> {
        if !self.flags.listed_hosts() {
            return Ok(HostAccess::Any);
        }
        let hosts = self.hosts.get(..usize::from(self.host_count)).ok_or("a volume lists too many hosts")?;
        hosts.iter().map(|host| text(&host.nqn, host.length)).collect::<Result<_, _>>().map(HostAccess::Hosts)
    }
}

impl From<&VolumeRecord> for Record {
    /// # Panics
    /// If a name or list is longer than its place: the table's checks keep that out.
    fn from(volume: &VolumeRecord) -> Self {
        let mut record = Self::new_zeroed();
        record.uuid = volume.uuid.into_bytes();
        record.offset_bytes = volume.offset_bytes.into();
        record.size_bytes = volume.size_bytes.into();
        record.block_size = volume.block_size.bytes().into();
        record.flags = Flags::new(volume.published, matches!(volume.access, HostAccess::Hosts(_)));
        record.name_bytes = put(&mut record.name, &volume.name);
        record.app_bytes = put(&mut record.app, &volume.app);
        if let HostAccess::Hosts(hosts) = &volume.access {
            record.host_count = u8::try_from(hosts.len()).expect("at most MAX_HOSTS");
            for (place, nqn) in record.hosts[..hosts.len()].iter_mut().zip(hosts) {
                place.length = put(&mut place.nqn, nqn);
            }
        }
        record
    }
}

/// Copies `text` to the front of a zeroed field; returns its length.
fn put(field: &mut [u8], text: &str) -> u8 {
    field[..text.len()].copy_from_slice(text.as_bytes());
    u8::try_from(text.len()).expect("fields are shorter than 256 bytes")
}

/// The text of `length` bytes at the front of a field.
fn text(field: &[u8], length: u8) -> Result<String, &'static str> {
    let bytes = field.get(..usize::from(length)).ok_or("a volume's text is too long")?;
    str::from_utf8(bytes).map(str::to_owned).map_err(|_| "a volume's text is not UTF-8")
}
