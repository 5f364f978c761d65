//! Names, shared and never changed.

use std::fmt;
use std::sync::Arc;

/// A name, a label's key or its value. Cheap to repeat: refusals and decisions carry many.
pub type Name = Arc<str>;

/// A pool is named by its node and by its device there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolName {
    /// The node.
    pub node: Name,
    /// The pool's name on the node, which is its device's.
    pub pool: Name,
}

impl PoolName {
    /// The pool of this name on this node.
    #[must_use]
    pub fn new(node: &str, pool: &str) -> Self {
        Self { node: node.into(), pool: pool.into() }
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.pool)
    }
}
