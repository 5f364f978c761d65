//! What holds for every cluster and every request.
//!
//! Random clusters with few names and tight bounds, so that rules refuse often and meet each other; requests of all
//! kinds, one after the other, recorded where they were placed. A naive model, which knows sums only by adding up all
//! volumes again, says what each rule has to say of each pool. A failure prints the cluster and the requests, shrunk.

mod model;
mod world;

use std::collections::BTreeSet;

use model::Model;
use proptest::prelude::*;
use sluice_placement::{
    Cluster, Explanation, NodeSpec, NodeState, PlaceError, PoolSpec, PoolState, Refusal, Request, Verdict,
};
use world::{Step, World, world};

/// Places and records one after the other, checking each against the model.
fn run(world: &World, mut check: impl FnMut(&Cluster, &Model, &Request)) -> (Cluster, Model) {
    let (mut cluster, mut model) = (world.cluster(), Model::new(world));
    for step in &world.steps {
        match step {
            Step::Place(request) => {
                check(&cluster, &model, request);
                if let Ok(decision) = cluster.place(request) {
                    let volume = request.at(decision.pools());
                    cluster.record(volume.clone()).expect("what was placed can be recorded");
                    model.volumes.push(volume);
                }
            }
            Step::Release(index) => {
                if let Some(at) = index.checked_rem(model.volumes.len()) {
                    let volume = model.volumes.remove(at);
                    assert_eq!(cluster.release(&volume.name), Some(volume));
                }
            }
            Step::Observe(index, used_mib) => {
                let at = index % model.pools.len();
                model.pools[at].thin_used_bytes = u64::from(*used_mib) << 20;
                cluster.set_pool(model.pools[at].clone()).expect("it was set before");
            }
        }
    }
    (cluster, model)
}

/// Pools by what they were told, and the refusals of each.
fn refused(explanation: &Explanation) -> impl Iterator<Item = (&sluice_placement::PoolName, &[Refusal])> {
    explanation.candidates.iter().map(|candidate| match &candidate.verdict {
        Verdict::Refused { refusals } => (&candidate.pool, refusals.as_slice()),
        _ => (&candidate.pool, [].as_slice()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every refusal is what the model says with its own figures, none is left out, and none is made up.
    #[test]
    fn refusals_are_true_and_complete(world in world()) {
        run(&world, |cluster, model, request| {
            let explanation = cluster.explain(request).expect("requests are well formed");
            assert_eq!(explanation.candidates.len(), model.pools.len());
            for (pool, refusals) in refused(&explanation) {
                assert_eq!(refusals, model.refusals(request, pool), "{pool}");
            }
        });
    }

    /// A volume is placed if and only if there are as many domains as replicas with a pool that takes it; and then no
    /// two replicas share one.
    #[test]
    fn a_place_is_found_where_there_is_one(world in world()) {
        run(&world, |cluster, model, request| {
            let open: Vec<_> =
                model.names().filter(|pool| model.refusals(request, pool).is_empty()).collect();
            let domains: BTreeSet<_> = open.iter().map(|pool| model.domain(pool, &request.spread)).collect();
            let replicas = usize::from(request.replicas);
            let enough = if replicas == 1 { !open.is_empty() } else { domains.len() >= replicas };
            match cluster.place(request) {
                Ok(decision) => {
                    assert!(enough);
                    let pools = decision.pools();
                    assert!(pools.len() == replicas && pools.iter().all(|pool| open.contains(&pool)));
                    let distinct: BTreeSet<_> =
                        pools.iter().map(|pool| model.domain(pool, &request.spread)).collect();
                    assert!(replicas == 1 || distinct.len() == replicas, "{pools:?}");
                }
                Err(PlaceError::Shortage(shortage)) => {
                    assert!(!enough);
                    assert_eq!(shortage.pools, model.pools.len());
                    let found = if replicas == 1 { 0 } else { domains.len() };
                    assert_eq!(shortage.found, found);
                }
                Err(error) => panic!("{error}"),
            }
        });
    }

    /// What was placed is within every bound, added up again from nothing.
    #[test]
    fn no_budget_is_exceeded(world in world()) {
        let (cluster, model) = run(&world, |_, _, _| {});
        for pool in &model.pools {
            let provisioned = model.recorded_bytes(&pool.name) + pool.unrecorded_bytes;
            let promised = model.recorded_iops(&pool.name) + pool.unrecorded_iops;
            assert_eq!(cluster.provisioned_bytes(&pool.name), Some(provisioned));
            assert_eq!(cluster.promised_iops(&pool.name), Some(promised));
            let limit = model::limit_bytes(pool);
            assert!(provisioned <= limit.max(pool.unrecorded_bytes), "{}: {provisioned} of {limit}", pool.name);
            let guaranteed = pool.guaranteed_iops.unwrap_or(0);
            assert!(promised <= guaranteed.max(pool.unrecorded_iops), "{}: {promised}", pool.name);
            assert!(model.volumes_in(&pool.name).count() <= pool.bounds.max_volumes as usize);
        }
    }

    /// The chosen ones and the explanation are one; nothing open is better than what was chosen from all domains; and
    /// wishes are passed over only where no open pool fulfils them.
    #[test]
    fn the_best_is_chosen(world in world()) {
        run(&world, |cluster, model, request| {
            let Ok(decision) = cluster.place(request) else { return };
            let explanation = cluster.explain(request).expect("it was placed");
            let wishes = |pool| model.wishes(request, pool);
            let open = model.names().filter(|pool| model.refusals(request, pool).is_empty());
            let least = open.map(wishes).min().expect("it was placed");
            assert_eq!(wishes(&decision.choices[0].pool), least);
            for (index, choice) in decision.choices.iter().enumerate() {
                let candidate = &explanation.candidates[index];
                let verdict = Verdict::Chosen { replica: index, score: choice.score };
                assert_eq!((&candidate.pool, &candidate.verdict), (&choice.pool, &verdict));
            }
            let last = decision.choices.last().expect("at least one");
            for candidate in &explanation.candidates[decision.choices.len()..] {
                match &candidate.verdict {
                    Verdict::Open { score } => assert!(*score >= last.score),
                    Verdict::DomainTaken { by, score } => {
                        assert_eq!(model.domain(by, &request.spread), model.domain(&candidate.pool, &request.spread));
                        let rival = decision.choices.iter().find(|choice| choice.pool == *by);
                        assert!(*score >= rival.expect("it was chosen").score);
                    }
                    Verdict::Chosen { .. } => panic!("chosen but not decided"),
                    Verdict::Refused { .. } => {}
                }
            }
        });
    }

    /// In whatever order all of it becomes known, the answer is the same.
    #[test]
    fn the_order_of_news_is_of_no_consequence(world in world(), seed: u64, last in world::request("last")) {
        let (cluster, model) = run(&world, |_, _, _| {});
        let mut later = world.shuffled(seed, &model);
        assert_eq!(cluster.explain(&last), later.explain(&last));
        assert_eq!(cluster.place(&last), later.place(&last));
        // Set again as it is, it is what it was.
        model.nodes.iter().for_each(|node| later.set_node(node.clone()));
        assert_eq!(cluster.explain(&last), later.explain(&last));
    }

    /// Drives that cannot be used, wherever they are, change no decision.
    #[test]
    fn unusable_drives_change_nothing(world in world(), at: usize, how in 0u8..5, last in world::request("last")) {
        let (mut cluster, model) = run(&world, |_, _, _| {});
        let before = cluster.place(&last);
        let node = &model.nodes[at % model.nodes.len()];
        let (name, state) = if how == 0 { ("added", NodeState::Unreachable) } else { (&*node.name, node.state) };
        cluster.set_node(NodeSpec { name: name.into(), state, ..node.clone() });
        let state = match how {
            0 => PoolState::Online,
            1 => PoolState::Cordoned,
            2 => PoolState::Draining,
            3 => PoolState::Unhealthy { reason: "hot".into() },
            _ => PoolState::Lost,
        };
        cluster.set_pool(PoolSpec { state, guaranteed_iops: Some(5000), ..PoolSpec::new(name, "added", 1 << 40) })
            .expect("its node is known");
        match (before, cluster.place(&last)) {
            (Err(PlaceError::Shortage(before)), Err(PlaceError::Shortage(after))) => {
                assert_eq!((before.found, before.pools + 1), (after.found, after.pools));
            }
            (before, after) => assert_eq!(before, after),
        }
    }

    /// The largest volume that capacity tells of is placed, and one a step larger is not.
    #[test]
    fn capacity_is_exact(world in world(), last in world::request("last")) {
        let (cluster, _) = run(&world, |_, _, _| {});
        let last = Request { replicas: 1, ..last };
        let capacity = cluster.capacity(&last).expect("requests are well formed");
        let sized = |size_bytes| cluster.place(&Request { size_bytes, ..last.clone() });
        assert!(capacity.largest_bytes <= capacity.available_bytes);
        if capacity.largest_bytes > 0 {
            assert!(sized(capacity.largest_bytes).is_ok());
        }
        assert!(sized(capacity.largest_bytes + (1 << 20)).is_err());
    }

    /// The device itself, asked to promise what was placed on it, promises it, and refuses what was refused.
    #[test]
    fn the_devices_admission_agrees(world in world()) {
        run(&world, |cluster, model, request| {
            let explanation = cluster.explain(request).expect("requests are well formed");
            for (pool, refusals) in refused(&explanation) {
                let (mut admission, old, new) = model.admission(request, pool);
                let refuses = refusals.iter().any(|refusal| refusal.rule() == "min-iops");
                assert_eq!(admission.replace(old, new).is_err(), refuses, "{pool}");
            }
        });
    }
}
