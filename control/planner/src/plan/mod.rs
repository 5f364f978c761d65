//! Comparing what is desired with what is, pool by pool: nothing a pool has depends on another one.

mod apps;
mod deletions;
mod orphans;
mod snapshots;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};

use sluice_placement::{Name, PoolName};

use crate::action::{Action, Plan, Step};
use crate::desired::{Desired, Intent, SnapshotName, SnapshotSpec, VolumeSpec};
use crate::finding::{Fact, Finding};
use crate::observed::{Observed, ObservedPool};

/// What is to be done now, what was learned, and what nobody but people can put right.
#[must_use]
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    let by_pool = by_pool(desired);
    let nothing = Recorded::default();
    let pools: BTreeSet<&PoolName> = desired.pools.iter().chain(observed.pools.keys()).collect();
    for name in pools {
        let Some(here) = observed.pools.get(name) else {
            plan.findings.push(Finding::NoAnswer { pool: name.clone() });
            continue;
        };
        let recorded = by_pool.get(name).unwrap_or(&nothing);
        let mut planner = PoolPlanner::new(desired, observed, recorded, (name, here));
        planner.run();
        if !planner.steps.is_empty() {
            plan.pools.insert(name.clone(), planner.steps);
        }
        plan.facts.append(&mut planner.facts);
        plan.findings.append(&mut planner.findings);
    }
    plan.facts.extend(apps_gone(desired, observed));
    plan
}

/// What is recorded for one pool.
#[derive(Default)]
struct Recorded<'a> {
    volumes: Vec<(&'a Name, &'a VolumeSpec)>,
    snapshots: Vec<(&'a SnapshotName, &'a SnapshotSpec)>,
}

/// Looked through once: a cluster has a thousand pools.
fn by_pool(desired: &Desired) -> BTreeMap<&PoolName, Recorded<'_>> {
    let mut by_pool: BTreeMap<&PoolName, Recorded<'_>> = BTreeMap::new();
    for (name, spec) in &desired.volumes {
        by_pool.entry(&spec.pool).or_default().volumes.push((name, spec));
    }
    for (name, spec) in &desired.snapshots {
        by_pool.entry(&spec.pool).or_default().snapshots.push((name, spec));
    }
    by_pool
}

/// Applications that are to go and have nothing left anywhere. A pool that does not answer may have something.
fn apps_gone(desired: &Desired, observed: &Observed) -> impl Iterator<Item = Fact> {
    let all_answer = desired.pools.iter().all(|pool| observed.pools.contains_key(pool));
    let gone = move |app: &Name| {
        let named = desired.volumes.values().any(|volume| volume.app == *app);
        all_answer && !named && !observed.pools.values().any(|pool| pool.apps.contains_key(app))
    };
    let going = desired.apps.iter().filter(|(_, spec)| spec.intent == Intent::Deleted);
    going.filter(move |(app, _)| gone(app)).map(|(app, _)| Fact::AppGone { app: app.clone() })
}

/// Whether something can be used as a source or snapshotted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ready {
    /// It is there.
    Now,
    /// It is there once a step is done.
    After(usize),
    /// It is not, and nothing makes it so.
    Never,
}

impl Ready {
    fn step(self) -> Option<usize> {
        match self {
            Self::After(step) => Some(step),
            Self::Now | Self::Never => None,
        }
    }
}

/// One pool's part of a plan.
struct PoolPlanner<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    recorded: &'a Recorded<'a>,
    pool: &'a PoolName,
    here: &'a ObservedPool,
    steps: Vec<Step>,
    facts: Vec<Fact>,
    findings: Vec<Finding>,
    /// Steps that set what applications are promised.
    set_apps: BTreeMap<Name, usize>,
    /// What became of volumes so far. One that is being looked at is `Never`, which ends circles of clones.
    volumes: BTreeMap<Name, Ready>,
    /// The same of snapshots.
    snapshots: BTreeMap<SnapshotName, Ready>,
}

impl<'a> PoolPlanner<'a> {
    fn new(
        desired: &'a Desired,
        observed: &'a Observed,
        recorded: &'a Recorded<'a>,
        (pool, here): (&'a PoolName, &'a ObservedPool),
    ) -> Self {
        Self {
            desired,
            observed,
            recorded,
            pool,
            here,
            steps: Vec::new(),
            facts: Vec::new(),
            findings: Vec::new(),
            set_apps: BTreeMap::new(),
            volumes: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        }
    }

    /// Promises first, so that no volume is ever without; deletions last, so that what is still used is not missed.
    fn run(&mut self) {
        self.plan_apps();
        self.plan_volumes();
        self.plan_snapshots();
        let deleted = self.plan_snapshot_deletions();
        let deleted = self.plan_volume_deletions(&deleted);
        self.plan_app_removals(&deleted);
        self.find_orphans();
    }

    fn push(&mut self, action: Action, needs: impl IntoIterator<Item = usize>) -> usize {
        let needs: BTreeSet<usize> = needs.into_iter().collect();
        self.steps.push(Step { action, needs: needs.into_iter().collect() });
        self.steps.len() - 1
    }

    /// The volumes that are recorded here.
    fn volume_specs(&self) -> impl Iterator<Item = (&'a Name, &'a VolumeSpec)> + use<'a> {
        self.recorded.volumes.iter().copied()
    }
}
