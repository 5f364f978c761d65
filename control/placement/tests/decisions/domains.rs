//! Replicas and failure domains; an application's volumes among each other.

use sluice_placement::{Affinity, Domain, NodeSpec, PoolSpec, Refusal, Relation, Request, Strength, Verdict};

use crate::bed::{cluster, node, placed, pool, put, put_at, refusals, shortage, volume};

fn replicas(replicas: u8, spread: Domain) -> Request {
    Request { replicas, spread, ..volume("data") }
}

fn wish(relation: Relation, domain: Domain, strength: Strength) -> Request {
    Request { affinities: vec![Affinity { relation, domain, strength }], ..volume("log") }
}

#[test]
fn no_two_replicas_share_a_domain() {
    let cluster = cluster();
    assert_eq!(placed(&cluster, &replicas(2, Domain::Zone)), ["a1/d0", "b1/d0"]);
    assert_eq!(placed(&cluster, &replicas(3, Domain::Node)), ["a1/d0", "a2/d0", "b1/d0"]);
    assert_eq!(placed(&cluster, &replicas(5, Domain::Device)).len(), 5);
    // Rack 1 of zone a is not rack 1 of zone b.
    assert_eq!(placed(&cluster, &replicas(3, Domain::Rack)), ["a1/d0", "a2/d0", "b1/d0"]);
}

#[test]
fn too_few_domains_are_a_shortage() {
    let cluster = cluster();
    let shortage = shortage(&cluster, &replicas(3, Domain::Zone));
    assert_eq!((shortage.found, shortage.pools, shortage.refused.len()), (2, 5, 0));
    let words =
        "no place for volume data of 10 GiB and 3 replicas, of which 2 have a zone each: there are 5 pools";
    assert_eq!(shortage.to_string(), words);
}

#[test]
fn the_explanation_says_whose_domain_it_is() {
    let explanation = cluster().explain(&replicas(2, Domain::Zone)).unwrap();
    let told: Vec<String> = explanation
        .candidates
        .iter()
        .map(|candidate| match &candidate.verdict {
            Verdict::Chosen { replica, .. } => format!("{} replica {replica}", candidate.pool),
            Verdict::DomainTaken { by, .. } => format!("{} beside {by}", candidate.pool),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "a1/d0 replica 0",
        "b1/d0 replica 1",
        "a1/d1 beside a1/d0",
        "a2/d0 beside a1/d0",
        "b1/d1 beside b1/d0",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_custom_label_is_a_domain_and_its_lack_is_none() {
    let mut cluster = cluster();
    for (name, zone, feed) in [("a1", "a", "left"), ("b1", "b", "left")] {
        let labels = [("feed".into(), feed.into())].into();
        cluster.set_node(NodeSpec { labels, ..node(name, zone, "1") });
    }
    let request = replicas(2, Domain::Label("feed".into()));
    assert_eq!(shortage(&cluster, &request).found, 1);
    let unknown = Refusal::NoDomain { domain: Domain::Label("feed".into()) };
    assert_eq!(refusals(&cluster, &request, "a2/d0"), [unknown]);
    // A pool's own label goes before its node's.
    let labels = [("feed".into(), "right".into())].into();
    cluster.set_pool(PoolSpec { labels, ..pool("b1", "d1") }).unwrap();
    assert_eq!(placed(&cluster, &request), ["a1/d0", "b1/d1"]);
    let single = replicas(1, Domain::Label("feed".into()));
    assert_eq!(refusals(&cluster, &single, "a2/d0"), [], "one replica shares its domain with nobody");
}

#[test]
fn apart_means_where_no_other_volume_of_the_application_is() {
    let mut cluster = cluster();
    put_at(&mut cluster, &volume("data"), "a2", "d0");
    put_at(&mut cluster, &Request { app: "other".into(), ..volume("foreign") }, "b1", "d0");
    let apart = |domain| wish(Relation::Apart, domain, Strength::Required);
    assert_eq!(
        refusals(&cluster, &apart(Domain::Zone), "a1/d0"),
        [Refusal::NotApart { domain: Domain::Zone }]
    );
    assert_eq!(refusals(&cluster, &apart(Domain::Zone), "b1/d0"), []);
    assert_eq!(refusals(&cluster, &apart(Domain::Rack), "a1/d0"), []);
    assert_eq!(refusals(&cluster, &apart(Domain::Device), "a2/d0").len(), 1);
}

#[test]
fn together_means_where_one_is_once_there_is_one() {
    let mut cluster = cluster();
    let together = wish(Relation::Together, Domain::Node, Strength::Required);
    assert_eq!(refusals(&cluster, &together, "a1/d0"), [], "the first goes anywhere");
    put_at(&mut cluster, &volume("data"), "b1", "d0");
    assert_eq!(placed(&cluster, &together), ["b1/d1"]);
    let refused = refusals(&cluster, &together, "a1/d0");
    assert_eq!(refused, [Refusal::NotTogether { domain: Domain::Node }]);
    cluster.release("data");
    assert_eq!(refusals(&cluster, &together, "a1/d0"), []);
}

#[test]
fn a_preference_is_passed_over_only_where_nothing_fulfils_it() {
    let mut cluster = cluster();
    put_at(&mut cluster, &volume("data"), "a1", "d0");
    let together = wish(Relation::Together, Domain::Device, Strength::Preferred);
    assert_eq!(put(&mut cluster, &together), ["a1/d0"]);
    put_at(&mut cluster, &volume("more"), "a1", "d0");
    // The pool is full of volumes now: the next wish gives way instead of failing.
    assert_eq!(placed(&cluster, &Request { volume: "late".into(), ..together }), ["b1/d0"]);
}
