//! Pools and volumes: thin volumes, snapshots and clones on one device.
//!
//! [`thin::ThinPool`] stands between the target and a [`BlockDevice`](sluice_device::BlockDevice). It knows where each
//! block of a volume is, and creates, deletes, snapshots and publishes volumes durably through the same device queue,
//! without ever blocking its caller. It does no I/O of its own, reads no clock and counts nothing but space.
//!
//! The target knows [`VolumeIo`] in, completions out, and control operations begun and collected. [`map`] says where
//! blocks are, [`thin`] what is on the device, and `docs/volume-format.md` why every crash leaves that whole.
//!
//! ```text
//!   VolumeIo ──► map ──► Request ────────┐
//!   begin_create... ──► record ──► Request ─┴─► device queue ──► Completion ──► caller | engine
//! ```
#![forbid(unsafe_code)]

mod error;
mod index;
mod io;
pub mod map;
mod name;
mod pool;
mod spec;
pub mod thin;

pub use error::VolumeError;
pub use index::VolumeIndex;
pub use io::VolumeIo;
pub use name::MAX_NAME_BYTES;
pub use pool::{FormatOptions, PoolState, VolumeLimits};
pub use spec::{BlockSize, HostAccess, MAX_HOST_NQN_BYTES, MAX_HOSTS, VolumeSpec};
