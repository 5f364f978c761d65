//! What is known and what is asked, as plain values.

mod domain;
mod name;
mod node;
mod pool;
mod request;
mod selector;
mod volume;

pub use domain::{Domain, NODE_LABEL, RACK_LABEL, ZONE_LABEL};
pub use name::{Name, PoolName};
pub use node::{NodeSpec, NodeState};
pub use pool::{Bounds, MAX_CAPACITY_BYTES, MAX_VOLUMES, PoolSpec, PoolState, SpecError};
pub(crate) use request::check_size;
pub use request::{
    Affinity, MAX_MIN_IOPS, MAX_REPLICAS, MAX_SIZE_BYTES, Pod, Relation, Request, RequestError,
    SIZE_STEP_BYTES, Segments, Strength, Topology,
};
pub use selector::{Selector, Test};
pub use volume::{Provisioning, Volume};
