//! What nodes have to do so that what is comes to be what is desired.
//!
//! ```text
//!   Desired  ─┐            ┌─► steps per pool: actions on nodes, with what they need done first
//!             ├──► plan ───┼─► facts: what to record before going on
//!   Observed ─┘            └─► findings: what only people can put right
//! ```
//!
//! Whoever calls this records facts, runs steps, observes again and plans again, until nothing is left to do. It keeps
//! nothing in between, so it may stop anywhere and begin anew: what an action did is seen by observing, whether or not
//! its answer came back. One at a time works on a pool, and observes only when no action is under way there.
//!
//! Promises, whatever fails and in whatever order:
//! - **Only what was asked to go is deleted.** A deletion needs a record that says so, of what it deletes by UUID, or,
//!   before that was recorded, by name, application and block size. What nobody recorded is an orphan: it is told of.
//! - **What may hold data is never made anew.** A volume is published only once its UUID is recorded, and one whose
//!   UUID is recorded is never created again: if it is not there, it is lost, and that is told. So are snapshots.
//! - **A host that is to have no access has none.** Taking a host off a list leaves its connections; so the volume is
//!   unpublished before it is published to others.
//! - **No step is refused by a node that works**, provided that all it needs has succeeded, but for want of room.
//! - A volume is never there without the QoS of its application; Mins are lowered before others are raised.
//! - Deletions come last.
//!
//! Values in, decisions out: no clock, no I/O, no randomness.
#![forbid(unsafe_code)]

mod action;
mod desired;
mod finding;
mod observed;
mod plan;

pub use action::{Action, Plan, Step};
pub use desired::{Access, AppSpec, Desired, Intent, Qos, SnapshotName, SnapshotSpec, Source, VolumeSpec};
pub use finding::{Fact, Finding, Mismatch};
pub use observed::{Observed, ObservedPool, ObservedSnapshot, ObservedVolume};
pub use plan::plan;
pub use sluice_placement::{Name, PoolName};
