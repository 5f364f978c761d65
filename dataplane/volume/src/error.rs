//! Why a control operation was refused or failed.

use sluice_device::IoError;
use uuid::Uuid;

use crate::format::{FORMAT_VERSION, MAX_HOST_NQN_BYTES, MAX_HOSTS, MAX_VOLUMES};
use crate::{BlockSize, VolumeIndex};

/// One enum for all control operations of a pool. Each message says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeError {
    /// A control operation runs, or its result was not collected.
    #[error("another control operation is under way: try again when it is done")]
    Busy,
    /// The operation needs an open pool.
    #[error("the pool is not open: open or format it first")]
    NotOpen,
    /// The operation needs a pool that is not open yet.
    #[error("the pool is open already")]
    AlreadyOpen,
    /// An earlier superblock write failed, so memory and disk may differ.
    #[error("the pool's superblock could not be written earlier: check the device, then restart the daemon")]
    Suspended,
    /// The device is too small for a superblock and one MiB of data.
    #[error("the device holds {size_bytes} bytes: a pool needs at least {needed_bytes}")]
    DeviceTooSmall {
        /// The device's size.
        size_bytes: u64,
        /// The smallest possible.
        needed_bytes: u64,
    },
    /// The device's block size is neither 512 nor 4096 bytes.
    #[error("the device's blocks have {block_size} bytes: a pool needs blocks of 512 or 4096")]
    DeviceBlockSize {
        /// In bytes.
        block_size: u32,
    },
    /// The buffer pool has no buffer to spare for the superblock.
    #[error("no buffer of {needed_bytes} bytes for the superblock: configure more I/O buffers")]
    NoBuffer {
        /// What was asked of the buffer pool.
        needed_bytes: u32,
    },
    /// Open: the superblock's place holds zeroes only.
    #[error("the device holds no pool: format it first")]
    NotFormatted,
    /// Open or format: the superblock's place holds something else.
    #[error(
        "the device's first MiB holds foreign data: check the device; to overwrite it, format with force"
    )]
    Foreign,
    /// Format: there is a pool already.
    #[error("the device already holds pool {uuid}: to destroy it with all its volumes, format with force")]
    AlreadyFormatted {
        /// The pool's UUID.
        uuid: Uuid,
    },
    /// A later release wrote the superblock.
    #[error("the pool has format {version}, this release knows up to {FORMAT_VERSION}: use a newer release")]
    NewerFormat {
        /// The version found.
        version: u32,
    },
    /// Both copies of the superblock are damaged.
    #[error("both copies of the pool's superblock are damaged ({detail}): restore the device from a backup")]
    Corrupt {
        /// What is wrong.
        detail: &'static str,
    },
    /// The device is smaller than the pool on it.
    #[error("the pool was made on {recorded_bytes} bytes, the device has {actual_bytes}: restore its size")]
    DeviceShrunk {
        /// When it was formatted.
        recorded_bytes: u64,
        /// Now.
        actual_bytes: u64,
    },
    /// The device's block size is not the one the pool was made with.
    #[error(
        "the pool was made on blocks of {recorded} bytes, the device has {actual}: open it with {recorded}"
    )]
    DeviceBlockSizeChanged {
        /// When it was formatted.
        recorded: u32,
        /// Now.
        actual: u32,
    },
    /// A volume's or application's name is no DNS label.
    #[error("{of} name {name:?}: use 1 to 63 lower-case letters, digits and hyphens, no hyphen at the ends")]
    Name {
        /// `volume` or `application`.
        of: &'static str,
        /// What was given.
        name: String,
    },
    /// The size is zero or not whole blocks.
    #[error("a volume of {size_bytes} bytes: give a positive multiple of its block size, {block_size}")]
    Size {
        /// What was asked for.
        size_bytes: u64,
        /// Its block size.
        block_size: BlockSize,
    },
    /// The volume's blocks are smaller than the device's.
    #[error("volume blocks of {volume} on device blocks of {device} bytes: choose {device}")]
    BlockSize {
        /// What was asked for.
        volume: BlockSize,
        /// The device's.
        device: u32,
    },
    /// A nil UUID.
    #[error("the volume's UUID is nil: generate one")]
    NilUuid,
    /// Another volume has the name.
    #[error("the pool already has a volume {name:?}: choose another name or delete that one")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Another volume has the UUID.
    #[error("the pool already has a volume with UUID {uuid}: generate another")]
    UuidTaken {
        /// The UUID.
        uuid: Uuid,
    },
    /// The superblock is full.
    #[error("the pool has {MAX_VOLUMES} volumes, the most it can hold: delete one or use another pool")]
    TooManyVolumes,
    /// No free extent is long enough.
    #[error(
        "no {needed_bytes} contiguous bytes are free, at most {largest_bytes}: ask for less or delete volumes"
    )]
    NoSpace {
        /// The size asked for, rounded up to whole extents.
        needed_bytes: u64,
        /// The longest free extent.
        largest_bytes: u64,
    },
    /// The index names no volume of this pool.
    #[error("there is no such volume: it may have been deleted")]
    NoSuchVolume {
        /// What was given.
        volume: VolumeIndex,
    },
    /// Delete: the volume is published.
    #[error("volume {name:?} is published: unpublish it before deleting it")]
    Published {
        /// Its name.
        name: String,
    },
    /// The allow-list is too long.
    #[error("{count} hosts in the allow-list: give at most {MAX_HOSTS}, or allow any host")]
    TooManyHosts {
        /// How many were given.
        count: usize,
    },
    /// An entry of the allow-list is no NQN.
    #[error("host NQN {nqn:?}: it must begin with \"nqn.\" and have at most {MAX_HOST_NQN_BYTES} bytes")]
    HostNqn {
        /// What was given.
        nqn: String,
    },
    /// The device failed an I/O of the operation.
    #[error("{doing} failed: {cause}")]
    Io {
        /// What the pool was doing.
        doing: &'static str,
        /// The device's answer.
        cause: IoError,
    },
}
