//! Which pools a volume goes to, and why.
//!
//! A [`Cluster`] is what the control service knows: nodes and pools as observed, volumes as recorded. It keeps sums, so
//! that asking is one pass over the pools and changing is a few additions:
//!
//! ```text
//!   set_node, set_pool ──► Cluster ◄── record, release, resize, set_min
//!                             │
//!              Request ──► place ───► Decision: pools, best first
//!                          explain ─► Explanation: every pool's verdict, with figures
//!                          capacity ► how much more of the same could be placed
//! ```
//!
//! Two kinds of things are asked of a pool. *Rules* refuse it, and say by which figures. Among those that no rule
//! refuses, the *score* decides: an order, not a weighted sum, so that a wish is passed over only where no open pool
//! fulfils it. docs/placement.md has the rules and their reasons.
//!
//! Invariants:
//! - deciding changes nothing, and asking again gives the same answer;
//! - the answer depends on what is known, never on the order in which it became known;
//! - what `place` chose, `record` adds without breaking a bound; what is recorded counts even where it breaks one;
//! - `place` and `explain` judge by the same code, so they cannot disagree.
//!
//! Values in, decisions out: no clock, no I/O, no randomness, no floating point.
#![forbid(unsafe_code)]

mod bytes;
mod capacity;
mod change;
mod cluster;
mod explain;
mod model;
mod place;
mod query;
mod refusal;
mod rule;
mod score;

pub use bytes::Bytes;
pub use capacity::Capacity;
pub use change::ChangeError;
pub use cluster::{Cluster, ClusterError};
pub use explain::{Candidate, Explanation, Verdict};
pub use model::{
    Affinity, Bounds, Domain, MAX_CAPACITY_BYTES, MAX_MIN_IOPS, MAX_REPLICAS, MAX_SIZE_BYTES, MAX_VOLUMES,
    NODE_LABEL, Name, NodeSpec, NodeState, Pod, PoolName, PoolSpec, PoolState, Provisioning, RACK_LABEL,
    Relation, Request, RequestError, SIZE_STEP_BYTES, Segments, Selector, SpecError, Strength, Test,
    Topology, Volume, ZONE_LABEL,
};
pub use place::{Choice, Decision, PlaceError, Shortage};
pub use refusal::Refusal;
pub use score::{Distance, Score};
