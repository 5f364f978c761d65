//! What fails together.

use std::fmt;

use super::Name;

/// The label that has a node's name, as CSI topology and selectors see it.
pub const NODE_LABEL: &str = "topology.sluice.io/node";
/// The label that has a node's rack.
pub const RACK_LABEL: &str = "topology.sluice.io/rack";
/// The label that has a node's zone.
pub const ZONE_LABEL: &str = "topology.sluice.io/zone";

/// A kind of failure domain: pools with the same value of it fail together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Each device by itself.
    Device,
    /// All devices of a node.
    Node,
    /// All nodes of a rack. Racks of one name in two zones are two racks.
    Rack,
    /// All nodes of a zone.
    Zone,
    /// All pools whose label of this key has the same value: a power feed, a switch, a firmware.
    Label(Name),
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => f.write_str("device"),
            Self::Node => f.write_str("node"),
            Self::Rack => f.write_str("rack"),
            Self::Zone => f.write_str("zone"),
            Self::Label(key) => write!(f, "label {key}"),
        }
    }
}
