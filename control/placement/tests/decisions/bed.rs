//! The cluster that the examples begin with, and short ways to ask it.

use sluice_placement::{
    Bounds, Cluster, NodeSpec, PlaceError, PoolName, PoolSpec, Refusal, Request, Shortage, Verdict,
};

pub(crate) const GIB: u64 = 1 << 30;

/// Usable: 100 GiB; sizes may add up to 200 GiB; thin volumes begin below 80 GiB taken; 3 volumes.
pub(crate) const BOUNDS: Bounds =
    Bounds { reserve_permille: 0, overcommit_percent: 200, thin_fill_permille: 800, max_volumes: 3 };

pub(crate) fn node(name: &str, zone: &str, rack: &str) -> NodeSpec {
    NodeSpec { zone: Some(zone.into()), rack: Some(rack.into()), ..NodeSpec::new(name) }
}

/// 100 GiB, 1000 IOPS guaranteed, on NVMe.
pub(crate) fn pool(node: &str, name: &str) -> PoolSpec {
    let media = ["nvme".into()].into();
    PoolSpec { guaranteed_iops: Some(1000), media, bounds: BOUNDS, ..PoolSpec::new(node, name, 100 * GIB) }
}

/// ```text
///   zone a             zone b
///   rack 1    rack 2   rack 1
///   a1: d0 d1 a2: d0   b1: d0 d1
/// ```
pub(crate) fn cluster() -> Cluster {
    let mut cluster = Cluster::new();
    for (name, zone, rack, pools) in
        [("a1", "a", "1", &["d0", "d1"][..]), ("a2", "a", "2", &["d0"]), ("b1", "b", "1", &["d0", "d1"])]
    {
        cluster.set_node(node(name, zone, rack));
        pools.iter().for_each(|name_of_pool| cluster.set_pool(pool(name, name_of_pool)).unwrap());
    }
    cluster
}

/// One node with one pool.
pub(crate) fn single() -> Cluster {
    let mut cluster = Cluster::new();
    cluster.set_node(node("a1", "a", "1"));
    cluster.set_pool(pool("a1", "d0")).unwrap();
    cluster
}

/// A thin volume of 10 GiB.
pub(crate) fn volume(name: &str) -> Request {
    Request::new(name, "shop", 10 * GIB)
}

pub(crate) fn names(pools: &[PoolName]) -> Vec<String> {
    pools.iter().map(PoolName::to_string).collect()
}

/// Where it would go.
pub(crate) fn placed(cluster: &Cluster, request: &Request) -> Vec<String> {
    names(&cluster.place(request).unwrap().pools())
}

/// Places it and records it there.
pub(crate) fn put(cluster: &mut Cluster, request: &Request) -> Vec<String> {
    let pools = cluster.place(request).unwrap().pools();
    let names = names(&pools);
    cluster.record(request.at(pools)).unwrap();
    names
}

/// Records it in a pool, whatever the rules say.
pub(crate) fn put_at(cluster: &mut Cluster, request: &Request, node: &str, pool: &str) {
    cluster.record(request.at(vec![PoolName::new(node, pool)])).unwrap();
}

pub(crate) fn shortage(cluster: &Cluster, request: &Request) -> Shortage {
    match cluster.place(request) {
        Err(PlaceError::Shortage(shortage)) => *shortage,
        other => panic!("not a shortage: {other:?}"),
    }
}

/// Why one pool is refused; nothing if it is not.
pub(crate) fn refusals(cluster: &Cluster, request: &Request, pool: &str) -> Vec<Refusal> {
    let explanation = cluster.explain(request).unwrap();
    let candidate = explanation.candidates.into_iter().find(|candidate| candidate.pool.to_string() == pool);
    match candidate.expect("every pool is explained").verdict {
        Verdict::Refused { refusals } => refusals,
        _ => Vec::new(),
    }
}
