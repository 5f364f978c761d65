//! Which of the pools that would do is best.

use std::fmt;

use crate::cluster::{Cluster, Node};
use crate::query::{Near, Query};
use crate::rule::Look;

/// How far a pool is from the pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Distance {
    /// On the same node.
    Node,
    /// In the same rack.
    Rack,
    /// In the same zone.
    Zone,
    /// Anywhere else, as far as is known.
    Far,
}

/// How well a volume would lie in a pool: the least is the best. Each part decides only where all before it are
/// equal, so a later one never outweighs an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score {
    /// Which of the preferred topologies it lies in, from 0; their number if in none.
    pub topology_rank: u32,
    /// How far it is from the pod; `None` for all if none is known.
    pub distance: Option<Distance>,
    /// How many affinities that are preferred it would not fulfil.
    pub wishes_missed: u32,
    /// How full it would be, in whole percent of its fullest figure: sizes, room, or Min IOPS.
    pub full_percent: u64,
    /// How full its zone is now, in millionths.
    pub zone_ppm: u64,
    /// How full its node is now, in millionths.
    pub node_ppm: u64,
    /// As `full_percent`, in millionths.
    pub full_ppm: u64,
}

/// What all pools of a node have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeScore {
    topology_rank: u32,
    distance: Option<Distance>,
    zone_ppm: u64,
    node_ppm: u64,
}

impl NodeScore {
    pub(crate) fn new(query: &Query<'_>, node: &Node, cluster: &Cluster) -> Self {
        Self {
            topology_rank: topology_rank(query, node),
            distance: query.near.as_ref().map(|near| distance(near, node)),
            zone_ppm: cluster.zones[&node.zone].ppm(),
            node_ppm: node.load.ppm(),
        }
    }

    pub(crate) fn of(self, look: &Look<'_>) -> Score {
        let missed =
            look.query.preferred.iter().filter(|wish| !wish.is_met(wish.axis.of(look.node, look.pool)));
        let full_ppm = look.pool.books.load_with(&look.demand).ppm();
        let Self { topology_rank, distance, zone_ppm, node_ppm } = self;
        Score {
            topology_rank,
            distance,
            wishes_missed: count(missed.count()),
            full_percent: full_ppm / 10_000,
            zone_ppm,
            node_ppm,
            full_ppm,
        }
    }
}

/// 0 for all if nothing is preferred.
fn topology_rank(query: &Query<'_>, node: &Node) -> u32 {
    let first = query.ranked.iter().position(|term| term.is_met(&node.labels));
    count(first.unwrap_or(query.ranked.len()))
}

fn distance(near: &Near<'_>, node: &Node) -> Distance {
    let same = |ours: Option<_>, theirs| ours.is_some() && ours == theirs;
    if node.word == near.node.word {
        Distance::Node
    } else if same(node.rack, near.node.rack) {
        Distance::Rack
    } else if same(node.zone, near.node.zone) {
        Distance::Zone
    } else {
        Distance::Far
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a request lists fewer")
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let distance = match self.distance {
            None => "",
            Some(Distance::Node) => "on the pod's node, ",
            Some(Distance::Rack) => "in the pod's rack, ",
            Some(Distance::Zone) => "in the pod's zone, ",
            Some(Distance::Far) => "far from the pod, ",
        };
        let Self { topology_rank, wishes_missed, .. } = self;
        write!(f, "topology rank {topology_rank}, {distance}{wishes_missed} wishes missed, ")?;
        let percent = |ppm: u64| format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100);
        let (full, zone, node) = (percent(self.full_ppm), percent(self.zone_ppm), percent(self.node_ppm));
        write!(f, "{full} full with it; its zone is {zone} and its node {node} full now")
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn earlier_parts_go_before_all_later_ones() {
        let full = Score {
            topology_rank: 0,
            distance: Some(Distance::Node),
            wishes_missed: 0,
            full_percent: 99,
            zone_ppm: 990_000,
            node_ppm: 990_000,
            full_ppm: 990_001,
        };
        let empty = Score { full_percent: 0, zone_ppm: 0, node_ppm: 0, full_ppm: 0, ..full };
        assert!(empty < full);
        assert!(full < Score { wishes_missed: 1, ..empty });
        assert!(Score { wishes_missed: 9, ..full } < Score { distance: Some(Distance::Rack), ..empty });
        assert!(Score { distance: Some(Distance::Far), ..full } < Score { topology_rank: 1, ..empty });
    }

    #[test]
    fn a_score_in_words() {
        let score = Score {
            topology_rank: 1,
            distance: Some(Distance::Zone),
            wishes_missed: 0,
            full_percent: 12,
            zone_ppm: 31_000,
            node_ppm: 9_950,
            full_ppm: 123_456,
        };
        let words = "topology rank 1, in the pod's zone, 0 wishes missed, 12.34 % full with it; its zone is 3.10 % and \
                     its node 0.99 % full now";
        assert_eq!(score.to_string(), words);
    }
}
