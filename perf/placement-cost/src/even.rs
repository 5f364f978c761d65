//! How even a cluster is filled.

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_placement::{Cluster, Name, NodeSpec, PoolSpec};

/// What is taken of what there is, over a drive, a node or a zone.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    taken: u64,
    whole: u64,
}

impl Part {
    fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.whole += other.whole;
    }

    #[expect(clippy::cast_precision_loss, reason = "shown with a digit or two")]
    fn percent(self) -> f64 {
        self.taken as f64 * 100.0 / self.whole as f64
    }
}

/// How full the emptiest, the middle and the fullest of some things are.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) min_percent: f64,
    pub(crate) median_percent: f64,
    pub(crate) max_percent: f64,
}

impl Spread {
    fn of(parts: impl Iterator<Item = Part>) -> Self {
        let mut percents: Vec<f64> = parts.map(Part::percent).collect();
        percents.sort_by(f64::total_cmp);
        let last = percents.len() - 1;
        let (min_percent, max_percent) = (percents[0], percents[last]);
        Self { min_percent, median_percent: percents[last / 2], max_percent }
    }
}

/// Sizes of volumes against what they may add up to, and Mins against what is guaranteed.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Figures {
    pub(crate) capacity: Spread,
    pub(crate) iops: Spread,
}

impl Figures {
    fn of<'a>(parts: impl Iterator<Item = &'a (Part, Part)> + Clone) -> Self {
        let capacity = Spread::of(parts.clone().map(|(capacity, _)| *capacity));
        Self { capacity, iops: Spread::of(parts.map(|(_, iops)| *iops)) }
    }
}

/// Per drive, node and zone.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Evenness {
    pub(crate) drives: Figures,
    pub(crate) nodes: Figures,
    pub(crate) zones: Figures,
}

impl Evenness {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let zones: BTreeMap<&Name, &Option<Name>> =
            cluster.nodes().map(|node: &NodeSpec| (&node.name, &node.zone)).collect();
        let drives: Vec<(&PoolSpec, (Part, Part))> =
            cluster.pools().map(|pool| (pool, part(cluster, pool))).collect();
        let nodes = sums(&drives, |pool| &pool.name.node);
        let zones = sums(&drives, |pool| zones[&pool.name.node]);
        Self {
            drives: Figures::of(drives.iter().map(|(_, parts)| parts)),
            nodes: Figures::of(nodes.values()),
            zones: Figures::of(zones.values()),
        }
    }
}

fn part(cluster: &Cluster, pool: &PoolSpec) -> (Part, Part) {
    let taken = cluster.provisioned_bytes(&pool.name).unwrap_or(0);
    let promised = cluster.promised_iops(&pool.name).unwrap_or(0);
    let capacity = Part { taken, whole: pool.limit_bytes() };
    (capacity, Part { taken: promised, whole: pool.guaranteed_iops.unwrap_or(0) })
}

fn sums<'a, K: Ord + 'a>(
    drives: &[(&'a PoolSpec, (Part, Part))],
    key: impl Fn(&'a PoolSpec) -> &'a K,
) -> BTreeMap<&'a K, (Part, Part)> {
    let mut sums: BTreeMap<&K, (Part, Part)> = BTreeMap::new();
    for (pool, (capacity, iops)) in drives {
        let sum = sums.entry(key(pool)).or_default();
        sum.0.add(*capacity);
        sum.1.add(*iops);
    }
    sums
}
