//! Thin pools: volumes, snapshots and clones that share what they have in common, over one device.
//!
//! [`ThinPool`] stands where a device does: I/O in, completions out, nothing blocks. See `docs/volume-format.md` for
//! what is on the device and why every crash leaves it whole.
//!
//! ```text
//!   VolumeIo ──► one lookup ──► one request ──────────────► device queue      mapped, the volume's own
//!            ──► plan ──► data ──┬────────────────────────► device queue      everything else
//!                     └─ record ─┴─► journal block ───────► device queue
//!                                     map changed, completion
//! ```
//!
//! Invariants:
//! - a block is overwritten in place only if nobody else sees it and no record in doubt speaks of it;
//! - a read never sees a block before its data are on the device, and never a chunk that has another owner;
//! - what is reported done is what an opening after a crash finds; what was flushed, also after loss of power.

pub(crate) mod app;
mod buffers;
mod check;
mod drains;
mod engine;
mod flusher;
pub(crate) mod format;
mod geometry;
mod hash;
mod journal;
mod long;
mod open;
mod pages;
mod pending;
mod pool;
mod seal;
mod side;
mod table;
mod tag;
mod volume;
mod window;

pub use crate::pool::FormatOptions;
pub use app::{AppRecord, Label, MAX_APPS, MAX_LABEL_BYTES, MAX_LABELS};
pub use check::{
    Affected, Affects, CheckProgress, CheckReport, Complaint, Fault, LiveFinding, LiveReport, Opening,
    Remedy, Repaired, Structure, Summary, ThinCheck, ThinRepair,
};
pub use engine::control::ThinDone;
pub use engine::{CloneSpec, Flaw, MAX_GROUP, SnapshotSpec};
pub use format::{FORMAT_VERSION, HEAD_BYTES};
pub use pool::{ThinInfo, ThinPool};
pub use side::{BACKGROUND_SLOTS, Background};
pub use table::MAX_ENTRIES;
pub use volume::{Provision, Role, ThinRecord};
