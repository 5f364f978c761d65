//! Choosing pools by their labels, as Kubernetes chooses nodes.

use std::fmt;

use super::Name;

/// What a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// One of these.
    In(Vec<Name>),
    /// None of these; a pool without the label will do.
    NotIn(Vec<Name>),
    /// There.
    Exists,
    /// Not there.
    Missing,
}

/// A label of a pool, or of its node, that must be as said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// The label's key.
    pub key: Name,
    /// What it must be.
    pub test: Test,
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.test {
            Test::In(values) => write!(f, "{key} in ({})", values.join(", ")),
            Test::NotIn(values) => write!(f, "{key} not in ({})", values.join(", ")),
            Test::Exists => write!(f, "{key}"),
            Test::Missing => write!(f, "!{key}"),
        }
    }
}
