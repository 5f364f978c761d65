//! Which of the pools that would do is taken.

use sluice_placement::{
    Distance, Domain, NODE_LABEL, Pod, Request, RequestError, Topology, Verdict, ZONE_LABEL,
};

use crate::bed::{GIB, cluster, node, placed, put, put_at, refusals, volume};

fn with_pod(node: &str, within: Option<Domain>) -> Request {
    Request { pod: Some(Pod { node: node.into(), within }), ..volume("data") }
}

#[test]
fn an_empty_cluster_fills_zone_by_zone_and_node_by_node() {
    let mut cluster = cluster();
    let order: Vec<String> = (0..5).flat_map(|n| put(&mut cluster, &volume(&format!("v{n}")))).collect();
    // Of three drives in zone a two are taken, of two in zone b one: b is the emptier.
    assert_eq!(order, ["a1/d0", "b1/d0", "a2/d0", "b1/d1", "a1/d1"]);
}

#[test]
fn the_emptier_pool_is_better_whatever_its_zone() {
    let mut cluster = cluster();
    for (name, node, pool) in [("1", "a1", "d0"), ("2", "a1", "d1"), ("3", "b1", "d0"), ("4", "a2", "d0")] {
        put_at(&mut cluster, &volume(name), node, pool);
    }
    put_at(&mut cluster, &Request { size_bytes: 100 * GIB, ..volume("big") }, "b1", "d0");
    assert_eq!(placed(&cluster, &volume("next")), ["b1/d1"]);
}

#[test]
fn what_is_scarcest_counts() {
    let mut cluster = cluster();
    let hungry = Request { min_iops: 900, ..volume("hungry") };
    put_at(&mut cluster, &hungry, "a1", "d0");
    let large = Request { size_bytes: 100 * GIB, ..volume("large") };
    put_at(&mut cluster, &large, "a1", "d1");
    let within = Request { pod: with_pod("a1", Some(Domain::Node)).pod, ..volume("next") };
    // 90 % of the IOPS weigh more than half of the sizes.
    assert_eq!(placed(&cluster, &within), ["a1/d1"]);
}

#[test]
fn preferred_topologies_are_taken_in_their_order() {
    let mut cluster = cluster();
    let zone = |zone: &str| [(ZONE_LABEL.into(), zone.into())].into();
    let exact = [(NODE_LABEL.into(), "a2".into()), (ZONE_LABEL.into(), "a".into())].into();
    let topology = Topology { requisite: vec![zone("a"), zone("b")], preferred: vec![exact, zone("b")] };
    let request = |name: &str| Request { topology: topology.clone(), ..volume(name) };
    let order: Vec<String> = (0..10).flat_map(|n| put(&mut cluster, &request(&format!("v{n}")))).collect();
    assert_eq!(order[..3], ["a2/d0", "a2/d0", "a2/d0"]);
    assert!(order[3..9].iter().all(|pool| pool.starts_with("b1/")), "{order:?}");
    assert_eq!(order[9], "a1/d0");
}

#[test]
fn near_the_pod_goes_first() {
    let mut cluster = cluster();
    // A node without pools, in zone a and rack 2.
    cluster.set_node(node("compute", "a", "2"));
    let explanation = cluster.explain(&with_pod("compute", None)).unwrap();
    let told: Vec<(String, Option<Distance>)> = explanation
        .candidates
        .iter()
        .filter_map(|candidate| match candidate.verdict {
            Verdict::Chosen { score, .. } | Verdict::Open { score } => {
                Some((candidate.pool.to_string(), score.distance))
            }
            _ => None,
        })
        .collect();
    let expected = [
        ("a2/d0", Distance::Rack),
        ("a1/d0", Distance::Zone),
        ("a1/d1", Distance::Zone),
        ("b1/d0", Distance::Far),
        ("b1/d1", Distance::Far),
    ];
    assert_eq!(told, expected.map(|(pool, distance)| (pool.to_owned(), Some(distance))));
    assert_eq!(placed(&cluster, &with_pod("b1", None)), ["b1/d0"]);
}

#[test]
fn a_pod_may_require_to_share_its_domain() {
    let cluster = cluster();
    let request = with_pod("b1", Some(Domain::Zone));
    assert_eq!(placed(&cluster, &request), ["b1/d0"]);
    let words = refusals(&cluster, &request, "a1/d0")[0].to_string();
    assert_eq!(words, "it is not in the same zone as the pod on node b1");
}

#[test]
fn a_pod_that_cannot_be_compared_with_is_an_error() {
    let cluster = cluster();
    let error = |node, within| cluster.explain(&with_pod(node, within)).unwrap_err();
    assert_eq!(error("c9", None), RequestError::UnknownNode { node: "c9".into() });
    assert_eq!(error("a1", Some(Domain::Device)), RequestError::PodWithinDevice);
    let feed = Domain::Label("feed".into());
    let expected = RequestError::PodNowhere { node: "a1".into(), domain: feed.clone() };
    assert_eq!(error("a1", Some(feed)), expected);
}
