//! The cluster and what is asked of it.

use clap::ValueEnum;
use sluice_placement::{
    Affinity, Cluster, Domain, Name, NodeSpec, Pod, PoolSpec, Relation, Request, Segments, Strength,
    Topology, ZONE_LABEL,
};

const ZONES: u32 = 4;
const DRIVES_PER_NODE: u32 = 10;
const NODES_PER_RACK: u32 = 5;
/// Volumes of one application.
const VOLUMES_PER_APP: u32 = 20;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) drives: u32,
    pub(crate) volumes: u32,
    pub(crate) seed: u64,
}

impl Scale {
    /// Nodes in turn over the zones; every other row of them has drives of 8 TiB and 150,000 IOPS, the rest of half
    /// of both.
    pub(crate) fn cluster(self) -> Cluster {
        let mut cluster = Cluster::new();
        for node in 0..self.nodes() {
            let zone = node % ZONES;
            let name = node_name(node);
            let rack = Some(format!("rack-{}", node / ZONES / NODES_PER_RACK).into());
            cluster.set_node(NodeSpec { zone: Some(zone_name(zone)), rack, ..NodeSpec::new(&name) });
            let large = u64::from(node / ZONES % 2) + 1;
            let drives = DRIVES_PER_NODE.min(self.drives - node * DRIVES_PER_NODE);
            for drive in 0..drives {
                let pool = PoolSpec::new(&name, &format!("nvme{drive}"), large << 42);
                let pool = PoolSpec { guaranteed_iops: Some(large * 75_000), ..pool };
                cluster.set_pool(pool).expect("its node was set");
            }
        }
        cluster
    }

    fn nodes(self) -> u32 {
        self.drives.div_ceil(DRIVES_PER_NODE)
    }
}

fn node_name(node: u32) -> Name {
    format!("node-{node:03}").into()
}

fn zone_name(zone: u32) -> Name {
    format!("zone-{zone}").into()
}

/// What kind of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// Anywhere.
    Anywhere,
    /// In zones that Kubernetes prefers in an order of its own, as without a pod.
    Zones,
    /// In the zone of a pod, near it.
    Pods,
    /// No two of an application on a node.
    Apart,
    /// Three replicas in three zones.
    Replicas,
    /// A mixture of all of them.
    Mixed,
}

impl Case {
    pub(crate) const ALL: [Self; 6] =
        [Self::Anywhere, Self::Zones, Self::Pods, Self::Apart, Self::Replicas, Self::Mixed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anywhere => "anywhere",
            Self::Zones => "zones",
            Self::Pods => "pods",
            Self::Apart => "apart",
            Self::Replicas => "replicas",
            Self::Mixed => "mixed",
        }
    }

    /// All volumes, made ready beforehand: only placing is to be timed.
    pub(crate) fn requests(self, scale: Scale) -> Vec<Request> {
        let mut random = Random(scale.seed);
        (0..scale.volumes).map(|number| self.request(number, scale, &mut random)).collect()
    }

    fn request(self, number: u32, scale: Scale, random: &mut Random) -> Request {
        // 64 GiB to 4 TiB, smaller ones more often; a Min for every other volume, 2000 to 16,000 IOPS.
        let size_bytes = (64 << 30) << random.below(7).min(random.below(7));
        let min_iops = if random.below(2) == 0 { 0 } else { 2000 << random.below(4) };
        let app = format!("app-{:04}", number / VOLUMES_PER_APP);
        let request = Request { min_iops, ..Request::new(&format!("volume-{number:05}"), &app, size_bytes) };
        let case = match self {
            Self::Mixed => Self::ALL[random.below(5) as usize],
            one => one,
        };
        case.with_wishes(request, scale, random)
    }

    fn with_wishes(self, request: Request, scale: Scale, random: &mut Random) -> Request {
        match self {
            Self::Anywhere | Self::Mixed => request,
            Self::Zones => Request { topology: topology(random.below(ZONES)), ..request },
            Self::Pods => {
                let pod = Pod { node: node_name(random.below(scale.nodes())), within: Some(Domain::Zone) };
                Request { pod: Some(pod), ..request }
            }
            Self::Apart => {
                let (relation, strength) = (Relation::Apart, Strength::Required);
                Request { affinities: vec![Affinity { relation, domain: Domain::Node, strength }], ..request }
            }
            // A third of size and Min each, so that they fill the cluster as the others do.
            Self::Replicas => {
                let size_bytes = (request.size_bytes / 3).next_multiple_of(1 << 20);
                Request {
                    replicas: 3,
                    spread: Domain::Zone,
                    size_bytes,
                    min_iops: request.min_iops / 3,
                    ..request
                }
            }
        }
    }
}

/// All zones, beginning with one.
fn topology(first: u32) -> Topology {
    let zone =
        |offset: u32| -> Segments { [(ZONE_LABEL.into(), zone_name((first + offset) % ZONES))].into() };
    let all: Vec<Segments> = (0..ZONES).map(zone).collect();
    Topology { requisite: all.clone(), preferred: all }
}

/// SplitMix64: a seed repeats it.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((u64::from(u32::MAX) & (mixed ^ (mixed >> 31))) % u64::from(end)).expect("below a u32")
    }
}
