//! Random clusters and what happens to them.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sluice_placement::{
    Affinity, Bounds, Cluster, Domain, NODE_LABEL, Name, NodeSpec, NodeState, Pod, PoolName, PoolSpec,
    PoolState, Provisioning, Relation, Request, Segments, Selector, Strength, Test, Topology, ZONE_LABEL,
};

use crate::model::Model;

const MIB: u64 = 1 << 20;
const NODES: u8 = 5;

/// Something that happens.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// A volume is asked for, and recorded if there is a place.
    Place(Box<Request>),
    /// One of the volumes goes.
    Release(usize),
    /// One of the pools tells how much MiB its thin volumes take.
    Observe(usize, u16),
}

/// A cluster and what happens to it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) nodes: Vec<NodeSpec>,
    pub(crate) pools: Vec<PoolSpec>,
    pub(crate) steps: Vec<Step>,
}

impl World {
    pub(crate) fn cluster(&self) -> Cluster {
        let mut cluster = Cluster::new();
        self.nodes.iter().for_each(|node| cluster.set_node(node.clone()));
        self.pools.iter().for_each(|pool| cluster.set_pool(pool.clone()).expect("it can be"));
        cluster
    }

    /// The same knowledge in another order: pools after any nodes, volumes after any pools, states at first unknown.
    pub(crate) fn shuffled(&self, seed: u64, model: &Model) -> Cluster {
        let mut cluster = Cluster::new();
        let mix = |index: usize| (index as u64 + 1).wrapping_mul(seed | 1).rotate_left(17);
        let order = |length: usize| {
            let mut order: Vec<usize> = (0..length).collect();
            order.sort_by_key(|index| mix(*index));
            order
        };
        for at in order(model.nodes.len()) {
            cluster.set_node(NodeSpec { zone: Some("at first".into()), ..model.nodes[at].clone() });
        }
        for at in order(model.pools.len()) {
            cluster
                .set_pool(PoolSpec { state: PoolState::Lost, ..model.pools[at].clone() })
                .expect("it can be");
        }
        for at in order(model.volumes.len()) {
            cluster.record(model.volumes[at].clone()).expect("it was recorded before");
        }
        for at in order(model.pools.len()) {
            cluster.set_pool(model.pools[at].clone()).expect("it can be");
        }
        order(model.nodes.len()).into_iter().for_each(|at| cluster.set_node(model.nodes[at].clone()));
        cluster
    }
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let nodes = vec((node(), vec(pool(), 1..4)), usize::from(NODES));
    let steps = vec(
        prop_oneof![
            8 => request("v").prop_map(|request| Step::Place(Box::new(request))),
            2 => any::<usize>().prop_map(Step::Release),
            1 => (any::<usize>(), 0u16..200).prop_map(|(index, mib)| Step::Observe(index, mib)),
        ],
        1..30,
    );
    (nodes, steps).prop_map(|(nodes, mut steps)| {
        let mut world = World { nodes: Vec::new(), pools: Vec::new(), steps: Vec::new() };
        for (index, (node, pools)) in nodes.into_iter().enumerate() {
            let name: Name = format!("n{index}").into();
            for (index, pool) in pools.into_iter().enumerate() {
                world.pools.push(PoolSpec { name: PoolName::new(&name, &format!("d{index}")), ..pool });
            }
            world.nodes.push(NodeSpec { name, ..node });
        }
        for (index, step) in steps.iter_mut().enumerate() {
            if let Step::Place(request) = step {
                request.volume = format!("v{index}").into();
            }
        }
        world.steps = steps;
        world
    })
}

fn name(of: &'static [&'static str]) -> impl Strategy<Value = Name> {
    select(of).prop_map(Name::from)
}

fn labels() -> impl Strategy<Value = std::collections::BTreeMap<Name, Name>> {
    btree_map(name(&["feed", "tier"]), name(&["left", "right"]), 0..3)
}

fn node() -> impl Strategy<Value = NodeSpec> {
    let state = prop_oneof![
        8 => Just(NodeState::Ready),
        1 => select(&[NodeState::Cordoned, NodeState::Draining, NodeState::Unreachable][..]),
    ];
    let zone = prop_oneof![1 => Just(None), 6 => name(&["a", "b"]).prop_map(Some)];
    let rack = prop_oneof![1 => Just(None), 4 => name(&["1", "2"]).prop_map(Some)];
    (zone, rack, labels(), state).prop_map(|(zone, rack, labels, state)| NodeSpec {
        zone,
        rack,
        labels,
        state,
        ..NodeSpec::new("")
    })
}

fn pool() -> impl Strategy<Value = PoolSpec> {
    let state = prop_oneof![
        10 => Just(PoolState::Online),
        1 => select(vec![PoolState::Cordoned, PoolState::Lost, PoolState::Unhealthy { reason: "old".into() }]),
    ];
    let bounds = (0u32..300, 100u32..300, 500u32..=1000, 1u32..8);
    let bounds =
        bounds.prop_map(|(reserve_permille, overcommit_percent, thin_fill_permille, max_volumes)| Bounds {
            reserve_permille,
            overcommit_percent,
            thin_fill_permille,
            max_volumes,
        });
    let bytes = (50u64..300, 0u64..100, prop_oneof![3 => Just(0), 1 => 0u64..100]);
    let iops = (option::weighted(0.8, 100u64..1500), prop_oneof![3 => Just(0), 1 => 0u64..300]);
    let media = btree_set(name(&["nvme", "tlc"]), 0..3);
    (state, bounds, bytes, iops, media, labels()).prop_map(|(state, bounds, bytes, iops, media, labels)| {
        // Odd bytes, so that rounding matters.
        let (capacity, used, unrecorded) = bytes;
        let spec = PoolSpec::new("", "", capacity * MIB + used * 4097);
        let (thin_used_bytes, unrecorded_bytes) = (used * MIB, unrecorded * MIB);
        let (guaranteed_iops, unrecorded_iops) = iops;
        let figures =
            PoolSpec { thin_used_bytes, unrecorded_bytes, guaranteed_iops, unrecorded_iops, ..spec };
        PoolSpec { state, bounds, media, labels, ..figures }
    })
}

fn domain() -> impl Strategy<Value = Domain> {
    let label = Domain::Label("feed".into());
    select(vec![Domain::Device, Domain::Node, Domain::Rack, Domain::Zone, label])
}

fn affinity() -> impl Strategy<Value = Affinity> {
    let relation = select(&[Relation::Together, Relation::Apart][..]);
    let strength = select(&[Strength::Required, Strength::Preferred, Strength::Preferred][..]);
    (relation, domain(), strength).prop_map(|(relation, domain, strength)| Affinity {
        relation,
        domain,
        strength,
    })
}

fn segments() -> impl Strategy<Value = Segments> {
    let zone = name(&["a", "b", "nowhere"]).prop_map(|zone| [(ZONE_LABEL.into(), zone)].into());
    let node = node_name().prop_map(|node| [(NODE_LABEL.into(), node)].into());
    let both = (name(&["a", "b"]), name(&["left", "right"]))
        .prop_map(|(zone, feed)| [(ZONE_LABEL.into(), zone), ("feed".into(), feed)].into());
    prop_oneof![zone, node, both]
}

fn node_name() -> impl Strategy<Value = Name> {
    (0..NODES).prop_map(|index| format!("n{index}").into())
}

fn selector() -> impl Strategy<Value = Selector> {
    let values = || vec(name(&["left", "right", "nowhere"]), 1..3);
    let test = prop_oneof![
        values().prop_map(Test::In),
        values().prop_map(Test::NotIn),
        Just(Test::Exists),
        Just(Test::Missing),
    ];
    (name(&["feed", "tier", "unknown", ZONE_LABEL]), test).prop_map(|(key, test)| Selector { key, test })
}

/// Only what any node can be asked about, so that every request is well formed.
fn pod() -> impl Strategy<Value = Pod> {
    let within = prop_oneof![3 => Just(None), 1 => Just(Some(Domain::Node))];
    (node_name(), within).prop_map(|(node, within)| Pod { node, within })
}

pub(crate) fn request(volume: &'static str) -> impl Strategy<Value = Request> {
    let figures = (1u64..80, prop_oneof![1 => Just(0), 2 => 0u32..800], any::<bool>());
    let replicas = (prop_oneof![3 => Just(1u8), 2 => 2u8..4], domain());
    let lists = (
        prop_oneof![2 => Just(vec![]), 1 => vec(affinity(), 1..3)],
        prop_oneof![3 => Just(vec![]), 1 => vec(segments(), 1..3)],
        prop_oneof![2 => Just(vec![]), 1 => vec(segments(), 1..3)],
        prop_oneof![3 => Just(vec![]), 1 => vec(selector(), 1..3)],
    );
    let media =
        prop_oneof![3 => Just(Default::default()), 1 => btree_set(name(&["nvme", "tlc", "other"]), 1..3)];
    let source = (node_name(), 0..3).prop_map(|(node, pool)| PoolName::new(&node, &format!("d{pool}")));
    let source = prop_oneof![8 => Just(vec![]), 1 => vec(source, 1..3)];
    let rest = (name(&["shop", "bank"]), option::weighted(0.3, pod()), media, source);
    (figures, replicas, lists, rest).prop_map(move |(figures, replicas, lists, (app, pod, media, source))| {
        let (size_mib, min_iops, thick) = figures;
        let (replicas, spread) = replicas;
        let (affinities, requisite, preferred, selectors) = lists;
        Request {
            provisioning: if thick { Provisioning::Thick } else { Provisioning::Thin },
            min_iops,
            replicas,
            spread,
            affinities,
            topology: Topology { requisite, preferred },
            pod,
            media,
            selectors,
            source,
            ..Request::new(volume, &app, size_mib * MIB)
        }
    })
}
