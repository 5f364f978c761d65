//! Why a control operation was refused or failed.

use sluice_device::IoError;
use uuid::Uuid;

use crate::thin::{FORMAT_VERSION, MAX_ENTRIES};
use crate::{BlockSize, MAX_HOST_NQN_BYTES, MAX_HOSTS, VolumeIndex};

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
    /// An earlier write of metadata failed, so memory and disk may differ.
    #[error("the pool's metadata could not be written earlier: check the device, then restart the daemon")]
    Suspended,
    /// The device is too small for metadata and a little data.
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
    /// The buffer pool has no buffers to spare for the pool's own work.
    #[error("no buffer of {needed_bytes} bytes for the pool's own work: configure more I/O buffers")]
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
    /// An early release wrote the pool.
    #[error(
        "the pool has format {version}, which only its own release reads: copy its volumes off with that"
    )]
    OlderFormat {
        /// The version found.
        version: u32,
    },
    /// Import: another pool is on the device.
    #[error("the device holds pool {found}, not {expected}: check which device this is")]
    OtherPool {
        /// Which was asked for.
        expected: Uuid,
        /// Which is there.
        found: Uuid,
    },
    /// A metadata block is not what it must be.
    #[error("{structure} at block {block}: {detail}: check the pool, or restore the device from a backup")]
    Damaged {
        /// What should be there.
        structure: &'static str,
        /// Where, in blocks of 4096 bytes.
        block: u64,
        /// What is wrong.
        detail: &'static str,
    },
    /// Metadata blocks are sound, each by itself, and contradict each other.
    #[error(transparent)]
    Malformed(#[from] crate::map::Malformed),
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
    /// The catalog is full.
    #[error(
        "the pool has {MAX_ENTRIES} volumes and snapshots, the most it can hold: delete one or use another pool"
    )]
    TooManyVolumes,
    /// Not enough space is free.
    #[error(
        "{needed_bytes} bytes are needed and {free_bytes} free: delete volumes or snapshots, or ask for less"
    )]
    PoolFull {
        /// What is needed.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// The size is beyond what a map reaches.
    #[error("a volume of {size_bytes} bytes: ask for at most 512 TiB")]
    TooLong {
        /// What was asked for.
        size_bytes: u64,
    },
    /// Volumes do not shrink.
    #[error(
        "the volume has {current_bytes} bytes and cannot shrink to {size_bytes}: ask for more, or copy it"
    )]
    Shrink {
        /// What was asked for.
        size_bytes: u64,
        /// What it has.
        current_bytes: u64,
    },
    /// The operation is for volumes.
    #[error("{name:?} is a snapshot: clone it, and do that with the clone")]
    IsSnapshot {
        /// Its name.
        name: String,
    },
    /// Rollback: not to a snapshot of another volume.
    #[error("{snapshot:?} is no snapshot of volume {volume:?}: roll back to one of its own, or clone that")]
    NotItsSnapshot {
        /// The volume's name.
        volume: String,
        /// The other's name.
        snapshot: String,
    },
    /// A group of none, or of too many.
    #[error("a group of {count} snapshots: give 1 to 64")]
    Group {
        /// How many were given.
        count: usize,
    },
    /// A volume or a UUID occurs twice in a group.
    #[error("snapshot {name:?} has the volume or UUID of another in its group: name each volume once")]
    GroupTwice {
        /// The later one.
        name: String,
    },
    /// Commit or abort: no group is prepared, or its deadline is past.
    #[error("no group of snapshots is prepared: prepare it again")]
    NothingPrepared,
    /// Prepare: writes in flight took longer than the deadline.
    #[error("the group's writes in flight took too long: try again with more time")]
    PrepareExpired,
    /// An application has too many labels.
    #[error("{count} labels: give at most 16")]
    TooManyLabels {
        /// How many were given.
        count: usize,
    },
    /// A label is malformed.
    #[error("label {key:?}: keys occur once and have 1 to 63 bytes, values at most 63, none of them NUL")]
    Label {
        /// Its key.
        key: String,
    },
    /// There is no room for another application.
    #[error("the pool has records of 1024 applications, the most it can hold: remove one")]
    TooManyApps,
    /// Volumes name the application.
    #[error("application {name:?} owns volumes: delete them before removing it")]
    AppInUse {
        /// Its name.
        name: String,
    },
    /// There is no such application.
    #[error("there is no application {name:?} on record")]
    NoSuchApp {
        /// Its name.
        name: String,
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
