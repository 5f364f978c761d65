//! Pools and volumes: linear slices of one device, recorded in its superblock.
//!
//! [`LinearPool`] stands between the target and a [`BlockDevice`](sluice_device::BlockDevice). It maps a volume's
//! blocks to the device's, and creates, deletes and publishes volumes durably through the same device queue,
//! without ever blocking its caller. It does no I/O of its own, reads no clock and counts nothing.
//!
//! The target knows [`VolumeIo`] in, completions out, and control operations begun and collected. Behind the same seam
//! stands [`thin::ThinPool`]: thin volumes, snapshots and clones, whose maps are in [`map`]. It is complete and tested,
//! and the target does not use it yet.
//!
//! ```text
//!   VolumeIo ──► mapping ──► Request ──┐
//!   begin_create... ──► job ──► Request ─┴─► device queue ──► Completion ──► caller | job
//! ```
//!
//! Invariants:
//! - a volume's extent lies within the pool's data, starts on a MiB and overlaps no other extent;
//! - an operation that was reported done is in both copies of the superblock, flushed;
//! - an extent is zeroed, and the zeroes flushed, before the volume that owns it appears in a superblock;
//! - a volume leaves the mapping before its record leaves the disk, and its I/O in flight is over by then.
#![forbid(unsafe_code)]

mod error;
mod format;
mod index;
mod io;
pub mod map;
mod name;
mod pool;
mod spec;
mod table;
pub mod thin;

pub use error::VolumeError;
pub use format::{DATA_OFFSET_BYTES, FORMAT_VERSION, MAX_HOST_NQN_BYTES, MAX_HOSTS, MAX_VOLUMES};
pub use index::VolumeIndex;
pub use io::VolumeIo;
pub use name::MAX_NAME_BYTES;
pub use pool::{ControlDone, FormatOptions, LinearPool, PoolInfo, PoolState, VolumeLimits};
pub use spec::{BlockSize, HostAccess, VolumeRecord, VolumeSpec};
