//! Nodes: where they stand and whether they take volumes.

use std::collections::BTreeMap;

use super::{NODE_LABEL, Name, RACK_LABEL, ZONE_LABEL};

/// Whether a node takes volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum NodeState {
    /// It does.
    #[default]
    Ready,
    /// It keeps what it has and takes no more.
    Cordoned,
    /// What it has is to go elsewhere.
    Draining,
    /// It does not answer.
    Unreachable,
}

/// A node as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Unique in the cluster.
    pub name: Name,
    /// Where it stands, if that is known.
    pub zone: Option<Name>,
    /// Where in the zone.
    pub rack: Option<Name>,
    /// Whatever else is told of it, for selectors, topology and custom failure domains. Its pools have them too.
    pub labels: BTreeMap<Name, Name>,
    /// Whether it takes volumes.
    pub state: NodeState,
}

impl NodeSpec {
    /// A node that is ready, without zone, rack or labels.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let state = NodeState::default();
        Self { name: name.into(), zone: None, rack: None, labels: BTreeMap::new(), state }
    }

    /// Its labels and the three that say where it stands; nobody can overwrite those.
    pub(crate) fn all_labels(&self) -> BTreeMap<Name, Name> {
        let mut labels = self.labels.clone();
        labels.insert(NODE_LABEL.into(), self.name.clone());
        for (key, value) in [(RACK_LABEL, &self.rack), (ZONE_LABEL, &self.zone)] {
            match value {
                Some(value) => labels.insert(key.into(), value.clone()),
                None => labels.remove(key),
            };
        }
        labels
    }
}
