//! What refuses a pool: each limit one step either side, each refusal with its figures and its words.

use sluice_placement::{
    NodeSpec, NodeState, PoolName, PoolSpec, PoolState, Provisioning, Refusal, Request, Selector, Test,
    Topology, ZONE_LABEL,
};

use crate::bed::{GIB, cluster, node, placed, pool, put_at, refusals, shortage, single, volume};

const STEP: u64 = 1 << 20;

fn sized(size_bytes: u64) -> Request {
    Request { size_bytes, ..volume("data") }
}

#[test]
fn sizes_add_up_to_the_overcommitted_limit_and_not_a_step_more() {
    let mut cluster = single();
    put_at(&mut cluster, &Request { size_bytes: 150 * GIB, ..volume("old") }, "a1", "d0");
    assert_eq!(placed(&cluster, &sized(50 * GIB)), ["a1/d0"]);
    let asked_bytes = 50 * GIB + STEP;
    let expected = Refusal::Overcommitted {
        asked_bytes,
        provisioned_bytes: 150 * GIB,
        limit_bytes: 200 * GIB,
        free_bytes: 50 * GIB,
    };
    let words = "51201 MiB is asked for, sizes add up to 150 GiB of at most 200 GiB: 50 GiB is left";
    assert_eq!(expected.to_string(), words);
    assert_eq!(refusals(&cluster, &sized(asked_bytes), "a1/d0"), [expected]);
}

#[test]
fn thick_volumes_take_their_room_at_once() {
    let mut cluster = single();
    let thick = |size_bytes| Request { provisioning: Provisioning::Thick, ..sized(size_bytes) };
    put_at(&mut cluster, &Request { volume: "old".into(), ..thick(60 * GIB) }, "a1", "d0");
    // What thin volumes have written counts, too.
    cluster.set_pool(PoolSpec { thin_used_bytes: 5 * GIB, ..pool("a1", "d0") }).unwrap();
    assert_eq!(placed(&cluster, &thick(35 * GIB)), ["a1/d0"]);
    let expected = Refusal::NoRoom {
        asked_bytes: 35 * GIB + STEP,
        taken_bytes: 65 * GIB,
        usable_bytes: 100 * GIB,
        free_bytes: 35 * GIB,
    };
    assert_eq!(refusals(&cluster, &thick(35 * GIB + STEP), "a1/d0"), [expected]);
    assert_eq!(placed(&cluster, &sized(36 * GIB)), ["a1/d0"], "a thin one promises only");
}

#[test]
fn thin_volumes_begin_below_the_fill_bound_only() {
    let mut cluster = single();
    cluster.set_pool(PoolSpec { thin_used_bytes: 80 * GIB - 1, ..pool("a1", "d0") }).unwrap();
    assert_eq!(placed(&cluster, &sized(STEP)), ["a1/d0"]);
    cluster.set_pool(PoolSpec { thin_used_bytes: 80 * GIB, ..pool("a1", "d0") }).unwrap();
    let expected = Refusal::NearlyFull { taken_bytes: 80 * GIB, bound_bytes: 80 * GIB };
    assert_eq!(expected.to_string(), "80 GiB is taken, and thin volumes begin only below 80 GiB");
    assert_eq!(refusals(&cluster, &sized(STEP), "a1/d0"), [expected]);
    let thick = Request { provisioning: Provisioning::Thick, ..sized(20 * GIB) };
    assert_eq!(placed(&cluster, &thick), ["a1/d0"], "what a thick one takes is known");
}

#[test]
fn what_nobody_recorded_counts_all_the_same() {
    let mut cluster = single();
    let found = PoolSpec { unrecorded_bytes: 195 * GIB, unrecorded_iops: 900, ..pool("a1", "d0") };
    cluster.set_pool(found).unwrap();
    let request = Request { min_iops: 101, ..volume("data") };
    let rules: Vec<_> = refusals(&cluster, &request, "a1/d0").iter().map(Refusal::rule).collect();
    assert_eq!(rules, ["overcommit", "fill", "min-iops"]);
}

#[test]
fn mins_add_up_to_what_the_device_guarantees() {
    let mut cluster = single();
    let min = |app: &str, min_iops| Request { min_iops, app: app.into(), ..volume("data") };
    put_at(&mut cluster, &Request { volume: "old".into(), ..min("other", 400) }, "a1", "d0");
    assert_eq!(placed(&cluster, &min("shop", 600)), ["a1/d0"]);
    let expected =
        Refusal::MinIops { asked_iops: 601, promised_iops: 400, guaranteed_iops: 1000, free_iops: 600 };
    let words = "601 IOPS more of Min are asked for, 400 of the 1000 that the device guarantees are promised: 600 are \
                 left";
    assert_eq!(expected.to_string(), words);
    assert_eq!(refusals(&cluster, &min("shop", 601), "a1/d0"), [expected]);
}

#[test]
fn an_applications_volumes_on_one_device_share_its_min() {
    let mut cluster = single();
    let min = |name: &str, min_iops| Request { min_iops, ..volume(name) };
    put_at(&mut cluster, &min("data", 800), "a1", "d0");
    // 800 are promised to the application already: another volume of it may have them as well, and 200 more.
    assert_eq!(placed(&cluster, &min("log", 1000)), ["a1/d0"]);
    put_at(&mut cluster, &min("log", 700), "a1", "d0");
    let name = PoolName::new("a1", "d0");
    assert_eq!(cluster.promised_iops(&name), Some(800));
    cluster.release("data");
    assert_eq!(cluster.promised_iops(&name), Some(700), "the next largest is left");
    cluster.release("log");
    assert_eq!(cluster.promised_iops(&name), Some(0));
}

#[test]
fn no_min_is_promised_on_a_device_that_nobody_measured() {
    let mut cluster = single();
    cluster.set_pool(PoolSpec { guaranteed_iops: None, ..pool("a1", "d0") }).unwrap();
    assert_eq!(placed(&cluster, &volume("data")), ["a1/d0"]);
    let request = Request { min_iops: 1, ..volume("data") };
    assert_eq!(refusals(&cluster, &request, "a1/d0"), [Refusal::NotCalibrated]);
}

#[test]
fn a_pool_holds_so_many_volumes() {
    let mut cluster = single();
    put_at(&mut cluster, &volume("one"), "a1", "d0");
    put_at(&mut cluster, &volume("two"), "a1", "d0");
    assert_eq!(placed(&cluster, &volume("three")), ["a1/d0"]);
    put_at(&mut cluster, &volume("three"), "a1", "d0");
    let expected = Refusal::TooManyVolumes { volumes: 3, max_volumes: 3 };
    assert_eq!(refusals(&cluster, &volume("four"), "a1/d0"), [expected]);
}

#[test]
fn nodes_and_pools_that_take_none_say_why() {
    let mut cluster = single();
    for (state, words) in [
        (NodeState::Cordoned, "the node is cordoned"),
        (NodeState::Draining, "the node is being drained"),
        (NodeState::Unreachable, "the node does not answer"),
    ] {
        cluster.set_node(NodeSpec { state, ..node("a1", "a", "1") });
        let found = refusals(&cluster, &volume("data"), "a1/d0");
        assert_eq!((found.len(), found[0].to_string()), (1, words.to_owned()));
    }
    cluster.set_node(node("a1", "a", "1"));
    for (state, words) in [
        (PoolState::Cordoned, "it is cordoned"),
        (PoolState::Draining, "it is being drained"),
        (
            PoolState::Unhealthy { reason: "spare blocks at 3 %".into() },
            "its drive warns: spare blocks at 3 %",
        ),
        (PoolState::Lost, "its drive is gone"),
    ] {
        cluster.set_pool(PoolSpec { state, ..pool("a1", "d0") }).unwrap();
        let found = refusals(&cluster, &volume("data"), "a1/d0");
        assert_eq!((found.len(), found[0].to_string()), (1, words.to_owned()));
    }
}

#[test]
fn media_must_be_all_that_is_asked_for() {
    let mut cluster = single();
    let request =
        |tags: &[&str]| Request { media: tags.iter().map(|tag| (*tag).into()).collect(), ..volume("data") };
    assert_eq!(placed(&cluster, &request(&["nvme"])), ["a1/d0"]);
    let found = refusals(&cluster, &request(&["nvme", "tlc"]), "a1/d0");
    assert_eq!(found, [Refusal::Media { tag: "tlc".into() }]);
    let media = ["nvme".into(), "tlc".into()].into();
    cluster.set_pool(PoolSpec { media, ..pool("a1", "d0") }).unwrap();
    assert_eq!(placed(&cluster, &request(&["nvme", "tlc"])), ["a1/d0"]);
}

#[test]
fn selectors_read_a_pools_labels_and_then_its_nodes() {
    let mut cluster = single();
    let labels = [("tier".into(), "slow".into()), ("hall".into(), "7".into())].into();
    cluster.set_node(NodeSpec { labels, ..node("a1", "a", "1") });
    let labels = [("tier".into(), "fast".into()), (ZONE_LABEL.into(), "elsewhere".into())].into();
    cluster.set_pool(PoolSpec { labels, ..pool("a1", "d0") }).unwrap();
    let one = |value: &str| Test::In(vec!["other".into(), value.into()]);
    let not = |value: &str| Test::NotIn(vec![value.into()]);
    for (key, test, fits) in [
        ("tier", one("fast"), true),
        ("tier", one("slow"), false),
        ("tier", not("slow"), true),
        ("tier", not("fast"), false),
        ("hall", one("7"), true),
        ("hall", Test::Missing, false),
        ("floor", Test::Exists, false),
        ("floor", Test::Missing, true),
        ("floor", not("2"), true),
        ("floor", one("2"), false),
        // Where a node stands is no pool's to say.
        (ZONE_LABEL, one("a"), true),
        (ZONE_LABEL, one("elsewhere"), false),
    ] {
        let selector = Selector { key: key.into(), test };
        let request = Request { selectors: vec![selector.clone()], ..volume("data") };
        let expected = Refusal::Selector { selector: selector.to_string() };
        let expected = if fits { vec![] } else { vec![expected] };
        assert_eq!(refusals(&cluster, &request, "a1/d0"), expected, "{selector}");
    }
}

#[test]
fn no_label_says_that_a_node_stands_where_it_does_not() {
    let mut cluster = single();
    let labels = || [(ZONE_LABEL.into(), "b".into())].into();
    cluster.set_node(NodeSpec { labels: labels(), ..NodeSpec::new("a1") });
    cluster.set_pool(PoolSpec { labels: labels(), ..pool("a1", "d0") }).unwrap();
    let topology = Topology { requisite: vec![labels()], preferred: vec![] };
    let selectors = vec![Selector { key: ZONE_LABEL.into(), test: Test::Exists }];
    let request = Request { topology, selectors, ..volume("data") };
    let rules: Vec<_> = refusals(&cluster, &request, "a1/d0").iter().map(Refusal::rule).collect();
    assert_eq!(rules, ["topology", "selector"]);
}

#[test]
fn a_clone_lies_with_its_source() {
    let cluster = cluster();
    let request = Request { source: vec![PoolName::new("b1", "d1")], ..volume("clone") };
    assert_eq!(placed(&cluster, &request), ["b1/d1"]);
    assert_eq!(refusals(&cluster, &request, "a1/d0"), [Refusal::NotAtSource]);
}

#[test]
fn requisite_topology_is_kept_to() {
    let cluster = cluster();
    let zone = |zone: &str| [(ZONE_LABEL.into(), zone.into())].into();
    let topology = Topology { requisite: vec![zone("c"), zone("b")], preferred: vec![] };
    let request = Request { topology, ..volume("data") };
    assert_eq!(placed(&cluster, &request), ["b1/d0"]);
    assert_eq!(refusals(&cluster, &request, "a2/d0"), [Refusal::Topology { requisite: 2 }]);
}

#[test]
fn a_shortage_tells_what_stands_in_the_way() {
    let mut cluster = cluster();
    cluster.set_node(NodeSpec { state: NodeState::Cordoned, ..node("b1", "b", "1") });
    let request = Request { min_iops: 1001, media: ["nvme".into()].into(), ..volume("data") };
    let words = "no place for volume data of 10 GiB: of 5 pools min-iops refuses 5, node refuses 2; closest is a1/d0: \
                 1001 IOPS more of Min are asked for, 0 of the 1000 that the device guarantees are promised: 1000 are \
                 left";
    assert_eq!(shortage(&cluster, &request).to_string(), words);
    assert_eq!(
        shortage(&sluice_placement::Cluster::new(), &request).to_string(),
        "no place for volume data of 10 GiB: there are 0 pools"
    );
}
