//! What a volume is asked to be.

use std::fmt;

use uuid::Uuid;

use crate::VolumeError;
use crate::name::is_label;

/// How many hosts an allow-list can name.
pub const MAX_HOSTS: usize = 8;

/// Longest host NQN, in bytes (NVMe Base, NVMe Qualified Names).
pub const MAX_HOST_NQN_BYTES: usize = 223;

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
    /// Capacity: a positive multiple of the block size.
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
