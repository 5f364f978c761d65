//! What a volume is asked to be, and what it is.

use std::fmt;
use std::ops::Range;

use uuid::Uuid;

use crate::format::{EXTENT_ALIGN_BYTES, MAX_HOST_NQN_BYTES, MAX_HOSTS};
use crate::name::is_label;
use crate::{VolumeError, VolumeIndex};

/// Bytes per block, as the volume's hosts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum BlockSize {
    /// 512 bytes.
    B512,
    /// 4096 bytes.
    #[default]
    B4096,
}

impl BlockSize {
    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::B512 => 512,
            Self::B4096 => 4096,
        }
    }

    /// The block size of so many bytes, if there is one.
    #[must_use]
    pub const fn from_bytes(bytes: u32) -> Option<Self> {
        match bytes {
            512 => Some(Self::B512),
            4096 => Some(Self::B4096),
            _ => None,
        }
    }
}

impl fmt::Display for BlockSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes())
    }
}

/// A volume to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSpec {
    /// Unique in the pool: a DNS label of 1 to 63 bytes.
    pub name: String,
    /// The application that owns it: a DNS label of 1 to 63 bytes.
    pub app: String,
    /// Capacity: a positive multiple of the block size. The extent behind it is rounded up to a MiB.
    pub size_bytes: u64,
    /// Not below the device's.
    pub block_size: BlockSize,
    /// Unique in the pool, not nil.
    pub uuid: Uuid,
}

impl VolumeSpec {
    /// Checks what can be checked without a pool.
    pub(crate) fn check(&self) -> Result<(), VolumeError> {
        check_label("volume", &self.name)?;
        check_label("application", &self.app)?;
        let block_bytes = u64::from(self.block_size.bytes());
        if self.size_bytes == 0 || !self.size_bytes.is_multiple_of(block_bytes) {
            return Err(VolumeError::Size { size_bytes: self.size_bytes, block_size: self.block_size });
        }
        if self.uuid.is_nil() {
            return Err(VolumeError::NilUuid);
        }
        Ok(())
    }
}

fn check_label(of: &'static str, name: &str) -> Result<(), VolumeError> {
    if is_label(name) { Ok(()) } else { Err(VolumeError::Name { of, name: name.to_owned() }) }
}

/// Which hosts may connect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HostAccess {
    /// Every host.
    #[default]
    Any,
    /// These host NQNs, at most 8 of at most 223 bytes; none of them: no host.
    Hosts(Vec<String>),
}

impl HostAccess {
    /// Checks number, length and form of the NQNs.
    pub(crate) fn check(&self) -> Result<(), VolumeError> {
        let Self::Hosts(hosts) = self else { return Ok(()) };
        if hosts.len() > MAX_HOSTS {
            return Err(VolumeError::TooManyHosts { count: hosts.len() });
        }
        match hosts.iter().find(|nqn| !is_nqn(nqn)) {
            Some(nqn) => Err(VolumeError::HostNqn { nqn: nqn.clone() }),
            None => Ok(()),
        }
    }
}

/// NVMe Base, NVMe Qualified Names: UTF-8 without NUL, begins with `nqn.`, at most 223 bytes.
fn is_nqn(nqn: &str) -> bool {
    nqn.len() <= MAX_HOST_NQN_BYTES && nqn.starts_with("nqn.") && !nqn.contains('\0')
}

/// A volume of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRecord {
    /// Its name on the data path.
    pub index: VolumeIndex,
    /// Unique in the pool.
    pub name: String,
    /// The application that owns it.
    pub app: String,
    /// Unique in the pool.
    pub uuid: Uuid,
    /// Bytes per block.
    pub block_size: BlockSize,
    /// Capacity in bytes.
    pub size_bytes: u64,
    /// Capacity in blocks: LBAs are `0..blocks`.
    pub blocks: u64,
    /// Where its first byte is on the device; a multiple of 1 MiB.
    pub offset_bytes: u64,
    /// Whether hosts may reach it at all.
    pub published: bool,
    /// Which hosts, if published.
    pub access: HostAccess,
}

impl VolumeRecord {
    /// The record of a new, unpublished volume at `offset_bytes`.
    pub(crate) fn new(spec: VolumeSpec, index: VolumeIndex, offset_bytes: u64) -> Self {
        let VolumeSpec { name, app, size_bytes, block_size, uuid } = spec;
        let blocks = size_bytes / u64::from(block_size.bytes());
        let (published, access) = (false, HostAccess::Any);
        Self { index, name, app, uuid, block_size, size_bytes, blocks, offset_bytes, published, access }
    }

    /// The device bytes it holds: its size rounded up to the alignment of extents.
    pub(crate) fn extent(&self) -> Range<u64> {
        self.offset_bytes..self.offset_bytes + self.size_bytes.next_multiple_of(EXTENT_ALIGN_BYTES)
    }
}
