//! What is known changes: volumes grow, ask for more, and go; nodes move; capacity is asked for.

use sluice_placement::{
    Capacity, ChangeError, ClusterError, Domain, PoolName, PoolSpec, PoolState, Provisioning, Refusal,
    Request, RequestError,
};

use crate::bed::{GIB, cluster, node, placed, pool, put, put_at, single, volume};

#[test]
fn a_volume_grows_within_its_pool_or_not_at_all() {
    let mut cluster = single();
    put_at(&mut cluster, &volume("data"), "a1", "d0");
    put_at(&mut cluster, &Request { size_bytes: 100 * GIB, ..volume("other") }, "a1", "d0");
    let refusal = Refusal::Overcommitted {
        asked_bytes: 90 * GIB + (1 << 20),
        provisioned_bytes: 110 * GIB,
        limit_bytes: 200 * GIB,
        free_bytes: 90 * GIB,
    };
    let refused = Err(ChangeError::Refused { pool: PoolName::new("a1", "d0"), refusal });
    assert_eq!(cluster.resize("data", 100 * GIB + (1 << 20)), refused);
    assert_eq!(cluster.resize("data", 100 * GIB), Ok(()));
    assert_eq!(cluster.resize("data", 100 * GIB), Ok(()), "as it is");
    assert_eq!(cluster.volume("data").unwrap().size_bytes, 100 * GIB);
    assert_eq!(cluster.provisioned_bytes(&PoolName::new("a1", "d0")), Some(200 * GIB));
    let words = cluster.resize("data", 99 * GIB).unwrap_err().to_string();
    assert_eq!(words, "volume data has 100 GiB and does not shrink to 99 GiB");
    assert!(matches!(cluster.resize("nobody", GIB), Err(ChangeError::UnknownVolume { .. })));
    assert!(matches!(cluster.resize("data", GIB + 1), Err(ChangeError::Request(RequestError::Size { .. }))));
}

#[test]
fn growing_is_allowed_where_nothing_new_is() {
    let mut cluster = single();
    put_at(&mut cluster, &volume("data"), "a1", "d0");
    cluster.set_pool(PoolSpec { state: PoolState::Cordoned, ..pool("a1", "d0") }).unwrap();
    assert_eq!(cluster.resize("data", 20 * GIB), Ok(()));
}

#[test]
fn a_min_is_raised_if_every_device_can_keep_it() {
    let mut cluster = cluster();
    let request = Request { replicas: 2, spread: Domain::Zone, min_iops: 300, ..volume("data") };
    assert_eq!(put(&mut cluster, &request), ["a1/d0", "b1/d0"]);
    let other = Request { min_iops: 500, app: "other".into(), ..volume("other") };
    put_at(&mut cluster, &other, "b1", "d0");
    let promised = |cluster: &sluice_placement::Cluster| {
        ["a1", "b1"].map(|node| cluster.promised_iops(&PoolName::new(node, "d0")).unwrap())
    };
    let refusal =
        Refusal::MinIops { asked_iops: 201, promised_iops: 800, guaranteed_iops: 1000, free_iops: 200 };
    let refused = Err(ChangeError::Refused { pool: PoolName::new("b1", "d0"), refusal });
    assert_eq!(cluster.set_min("data", 501), refused);
    assert_eq!(promised(&cluster), [300, 800], "in neither pool");
    assert_eq!(cluster.set_min("data", 500), Ok(()));
    assert_eq!(promised(&cluster), [500, 1000]);
    assert_eq!(cluster.set_min("data", 0), Ok(()));
    assert_eq!(promised(&cluster), [0, 500]);
}

#[test]
fn lowering_a_min_is_allowed_on_a_device_that_guarantees_less_than_before() {
    let mut cluster = single();
    put_at(&mut cluster, &Request { min_iops: 1000, ..volume("data") }, "a1", "d0");
    cluster.set_pool(PoolSpec { guaranteed_iops: Some(500), ..pool("a1", "d0") }).unwrap();
    assert_eq!(cluster.set_min("data", 900), Ok(()));
    assert!(cluster.set_min("data", 901).is_err());
}

#[test]
fn what_was_released_is_free_again() {
    let mut cluster = single();
    let thick = Request { size_bytes: 100 * GIB, provisioning: Provisioning::Thick, ..volume("data") };
    put(&mut cluster, &thick);
    assert!(cluster.place(&Request { volume: "more".into(), ..thick.clone() }).is_err());
    assert_eq!(cluster.release("data").map(|volume| volume.name), Some("data".into()));
    assert_eq!(cluster.release("data"), None);
    assert_eq!(placed(&cluster, &thick), ["a1/d0"]);
}

#[test]
fn what_cannot_be_is_not_recorded() {
    let mut cluster = single();
    let data = volume("data");
    let at = |pools: &[(&str, &str)]| {
        data.at(pools.iter().map(|(node, pool)| PoolName::new(node, pool)).collect())
    };
    let unknown = PoolName::new("a1", "d7");
    assert_eq!(cluster.record(at(&[("a1", "d7")])), Err(ClusterError::UnknownPool { pool: unknown }));
    let twice = cluster.record(at(&[("a1", "d0"), ("a1", "d0")]));
    assert!(matches!(twice, Err(ClusterError::SamePoolTwice { .. })));
    assert_eq!(cluster.provisioned_bytes(&PoolName::new("a1", "d0")), Some(0), "nothing is changed");
    assert_eq!(cluster.record(at(&[("a1", "d0")])), Ok(()));
    let recorded = RequestError::Recorded { volume: "data".into() };
    assert_eq!(cluster.record(at(&[("a1", "d0")])), Err(recorded.clone().into()));
    assert_eq!(cluster.place(&data).unwrap_err(), recorded.into());
}

#[test]
fn nodes_and_pools_in_use_stay() {
    let mut cluster = single();
    put_at(&mut cluster, &volume("data"), "a1", "d0");
    let name = PoolName::new("a1", "d0");
    let words = cluster.remove_pool(&name).unwrap_err().to_string();
    assert_eq!(words, "pool a1/d0 has 1 volumes: remove those first");
    assert!(cluster.remove_node("a1").is_err());
    cluster.release("data");
    assert_eq!((cluster.remove_pool(&name), cluster.remove_node("a1")), (Ok(()), Ok(())));
    assert_eq!((cluster.remove_pool(&name), cluster.remove_node("a1")), (Ok(()), Ok(())));
    let orphan = cluster.set_pool(pool("a1", "d0"));
    assert_eq!(orphan, Err(ClusterError::UnknownNode { node: "a1".into() }));
}

#[test]
fn a_node_that_moves_takes_its_figures_along() {
    let mut cluster = cluster();
    put_at(&mut cluster, &Request { size_bytes: 60 * GIB, ..volume("data") }, "a2", "d0");
    cluster.set_node(node("a2", "b", "2"));
    let mut fresh = crate::bed::cluster();
    fresh.set_node(node("a2", "b", "2"));
    put_at(&mut fresh, &Request { size_bytes: 60 * GIB, ..volume("data") }, "a2", "d0");
    assert_eq!(cluster.explain(&volume("next")), fresh.explain(&volume("next")));
}

#[test]
fn capacity_is_what_more_of_the_same_would_find() {
    let mut cluster = cluster();
    let gib =
        |available, largest| Capacity { available_bytes: available * GIB, largest_bytes: largest * GIB };
    assert_eq!(cluster.capacity(&volume("like")), Ok(gib(1000, 200)));
    put_at(&mut cluster, &Request { size_bytes: 150 * GIB, ..volume("data") }, "a1", "d0");
    assert_eq!(cluster.capacity(&volume("like")), Ok(gib(850, 200)));
    let thick = Request { provisioning: Provisioning::Thick, ..volume("like") };
    assert_eq!(cluster.capacity(&thick), Ok(gib(450, 100)));
    let none = Request { min_iops: 1001, ..volume("like") };
    assert_eq!(cluster.capacity(&none), Ok(Capacity::default()));
}
