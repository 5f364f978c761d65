//! Whoever calls the planner, in the least it has to do.

use std::collections::BTreeSet;

use sluice_planner::{
    Access, AppSpec, Desired, Fact, Finding, Intent, Name, Plan, PoolName, Qos, SnapshotName, SnapshotSpec,
    Source, Step, VolumeSpec, plan,
};

use crate::history::{Ask, Chaos};
use crate::nodes::{MIB, Nodes, STRANGER};

const APPS: [&str; 3] = ["bank", "forum", "shop"];

pub(crate) struct Control {
    pub(crate) desired: Desired,
    pub(crate) nodes: Nodes,
    /// No name is used twice, but a stranger has some of them.
    named: usize,
}

/// One of several, if there are any.
fn pick<T>(mut from: Vec<T>, index: usize) -> Option<T> {
    let at = index.checked_rem(from.len())?;
    Some(from.swap_remove(at))
}

impl Control {
    pub(crate) fn new() -> Self {
        let nodes = Nodes::new();
        let desired = Desired { pools: nodes.names(), ..Desired::default() };
        Self { desired, nodes, named: 0 }
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.desired, &self.nodes.observe(|| true))
    }

    fn name(&mut self) -> Name {
        self.named += 1;
        format!("v{}", self.named - 1).into()
    }

    fn volumes(&self) -> Vec<Name> {
        let present = self.desired.volumes.iter().filter(|(_, spec)| spec.intent == Intent::Present);
        present.map(|(name, _)| name.clone()).collect()
    }

    fn snapshots(&self) -> Vec<SnapshotName> {
        let present = self.desired.snapshots.iter().filter(|(_, spec)| spec.intent == Intent::Present);
        present.map(|(name, _)| name.clone()).collect()
    }

    fn spec(&mut self, volume: &Name) -> &mut VolumeSpec {
        self.desired.volumes.get_mut(volume).expect("it was picked from them")
    }

    /// Records what is asked for; what makes no sense now is not asked.
    pub(crate) fn ask(&mut self, ask: &Ask) {
        match *ask {
            Ask::Volume { pool, app } => {
                let pool = pick(self.desired.pools.iter().cloned().collect(), pool).expect("there are some");
                self.add(pool, app, MIB, None);
            }
            Ask::Clone { source, of_snapshot, app, larger } => {
                self.clone_from(source, of_snapshot, app, larger)
            }
            Ask::DeleteVolume(index) => {
                let Some(volume) = pick(self.volumes(), index) else { return };
                self.spec(&volume).intent = Intent::Deleted;
            }
            Ask::Grow(index, steps) => {
                let Some(volume) = pick(self.volumes(), index) else { return };
                self.spec(&volume).size_bytes += steps * MIB;
            }
            Ask::Access(index, hosts) => {
                let Some(volume) = pick(self.volumes(), index) else { return };
                let bits = (0..3u8).filter(|bit| hosts & (1 << bit) != 0);
                let list = Access::Hosts(bits.map(|bit| format!("nqn.host{bit}").into()).collect());
                self.spec(&volume).access = if hosts == 8 { Access::AnyHost } else { list };
            }
            Ask::Snapshot { volume, group } => self.snapshot(volume, group),
            Ask::DeleteSnapshot(index) => {
                let Some(name) = pick(self.snapshots(), index) else { return };
                self.desired.snapshots.get_mut(&name).expect("it was picked").intent = Intent::Deleted;
            }
            Ask::SetApp(app, min_iops) => {
                let qos = Qos { min_iops, ..Qos::default() };
                let app = APPS[app % APPS.len()].into();
                self.desired.apps.insert(app, AppSpec { qos, intent: Intent::Present });
            }
            Ask::DeleteApp(app) => {
                if let Some(spec) = self.desired.apps.get_mut(APPS[app % APPS.len()]) {
                    spec.intent = Intent::Deleted;
                }
            }
        }
    }

    fn add(&mut self, pool: PoolName, app: usize, size_bytes: u64, source: Option<Source>) {
        let app: Name = APPS[app % APPS.len()].into();
        if let Some(spec) = self.desired.apps.get_mut(&app) {
            spec.intent = Intent::Present;
        }
        let spec = VolumeSpec {
            pool,
            app,
            size_bytes,
            block_size: 4096,
            thick: false,
            source,
            access: Access::none(),
            uuid: None,
            intent: Intent::Present,
        };
        let name = self.name();
        self.desired.volumes.insert(name, spec);
    }

    fn clone_from(&mut self, index: usize, of_snapshot: bool, app: usize, larger: u64) {
        let (source, pool, size_bytes) = if of_snapshot {
            let Some(name) = pick(self.snapshots(), index) else { return };
            let pool = self.desired.snapshots[&name].pool.clone();
            (Source::Snapshot(name), pool, MIB)
        } else {
            let Some(name) = pick(self.volumes(), index) else { return };
            let spec = &self.desired.volumes[&name];
            let (pool, size_bytes) = (spec.pool.clone(), spec.size_bytes);
            (Source::Volume(name), pool, size_bytes)
        };
        // The source may grow before it is cloned, and clones do not shrink.
        self.add(pool, app, size_bytes + (larger + 64) * MIB, Some(source));
    }

    fn snapshot(&mut self, index: usize, group: bool) {
        let Some(volume) = pick(self.volumes(), index) else { return };
        let pool = self.desired.volumes[&volume].pool.clone();
        let snapshot = self.name();
        let of_pool = |name: &Name| group && self.desired.volumes[name].pool == pool;
        let volumes = self.volumes().into_iter().filter(|name| *name == volume || of_pool(name));
        let group = group.then(|| snapshot.clone());
        for volume in volumes.collect::<Vec<_>>() {
            let (pool, group) = (pool.clone(), group.clone());
            let spec = SnapshotSpec { pool, group, uuid: None, intent: Intent::Present };
            self.desired.snapshots.insert(SnapshotName { volume, snapshot: snapshot.clone() }, spec);
        }
    }

    /// Observes, plans, records and acts. With chaos, as far as it comes.
    pub(crate) fn round(&mut self, mut chaos: Option<Chaos>) {
        let wrong = &mut |percent| chaos.as_mut().is_some_and(|chaos| chaos.happens(percent));
        let observed = self.nodes.observe(|| !wrong(15));
        let plan = plan(&self.desired, &observed);
        for fact in plan.facts {
            // What is not recorded now is learned again.
            if !wrong(15) {
                self.record(fact);
            }
        }
        for (pool, steps) in &plan.pools {
            self.act(pool, steps, &mut chaos);
        }
        self.nodes.check_strangers();
    }

    /// Runs steps that have what they need, in any order, until there are none or the service stops.
    fn act(&mut self, pool: &PoolName, steps: &[Step], chaos: &mut Option<Chaos>) {
        let mut wrong = |percent| chaos.as_mut().is_some_and(|chaos| chaos.happens(percent));
        let mut done = BTreeSet::new();
        let mut left: BTreeSet<usize> = (0..steps.len()).collect();
        loop {
            let ready = |index: &&usize| steps[**index].needs.iter().all(|need| done.contains(need));
            let first = left.iter().find(ready);
            // Later ones go first now and then.
            let next = left.iter().rev().find(ready).filter(|_| wrong(30)).or(first);
            let Some(next) = next.copied().filter(|_| !wrong(3)) else { return };
            left.remove(&next);
            if wrong(20) {
                continue;
            }
            self.nodes.apply(pool, &steps[next].action, &self.desired);
            // The answer may get lost.
            if !wrong(15) {
                done.insert(next);
            }
        }
    }

    fn record(&mut self, fact: Fact) {
        match fact {
            Fact::VolumeCreated { volume, uuid } => self.spec(&volume).uuid = Some(uuid),
            Fact::SnapshotTaken { snapshot, uuid } => {
                self.desired.snapshots.get_mut(&snapshot).expect("it is recorded").uuid = Some(uuid);
            }
            Fact::VolumeGone { volume } => {
                self.nodes.forget(&volume);
                let gone = self.desired.volumes.remove(&volume).expect("it is recorded");
                assert_eq!(gone.intent, Intent::Deleted);
            }
            Fact::SnapshotGone { snapshot } => {
                let gone = self.desired.snapshots.remove(&snapshot).expect("it is recorded");
                assert_eq!(gone.intent, Intent::Deleted);
            }
            Fact::AppGone { app } => drop(self.desired.apps.remove(&app).expect("it is recorded")),
        }
    }

    /// Nothing is left to do: everything is as desired, or a finding says why not.
    pub(crate) fn check_converged(&self) {
        let observed = self.nodes.observe(|| true);
        let findings = self.plan().findings;
        for (name, spec) in &self.desired.volumes {
            let excused = findings.iter().any(|finding| match finding {
                Finding::LostVolume { volume, .. }
                | Finding::Conflict { volume, .. }
                | Finding::NoSource { volume, .. } => volume == name,
                Finding::Held { origin, .. } => *origin == Source::Volume(name.clone()),
                _ => false,
            });
            let found = observed.pools[&spec.pool].volumes.get(name);
            let Some(found) = found.filter(|_| !excused) else {
                assert!(excused, "{name} is not there and nothing says why");
                continue;
            };
            assert_eq!(spec.intent, Intent::Present, "{name} was to go");
            assert_eq!((Some(&found.uuid), found.size_bytes), (spec.uuid.as_ref(), spec.size_bytes));
            assert_eq!(
                (&found.access, &self.nodes.connected(&spec.pool, name)),
                (&spec.access, &spec.access)
            );
            if let Some(app) = self.desired.apps.get(&spec.app) {
                assert_eq!(observed.pools[&spec.pool].apps.get(&spec.app), Some(&app.qos));
            }
        }
        for (name, spec) in &self.desired.snapshots {
            let excused = findings.iter().any(|finding| match finding {
                Finding::NoVolume { snapshot, .. } => snapshot == name,
                Finding::TornGroup { group } => spec.group.as_ref() == Some(group),
                Finding::Held { origin, .. } => *origin == Source::Snapshot(name.clone()),
                _ => false,
            });
            let there = spec
                .uuid
                .as_ref()
                .is_some_and(|uuid| observed.pools[&spec.pool].snapshots.contains_key(uuid));
            // A member of a group that waits for a volume which is not there has no finding of its own.
            assert!(there || excused || spec.group.is_some(), "{name} is not there and nothing says why");
        }
        self.check_apps(&observed, &findings);
    }

    /// No promise is left where nobody uses it, but the stranger's, which is told of.
    fn check_apps(&self, observed: &sluice_planner::Observed, findings: &[Finding]) {
        for (pool, seen) in &observed.pools {
            for app in seen.apps.keys() {
                let specs = self.desired.volumes.values();
                let used = specs.clone().any(|spec| spec.pool == *pool && spec.app == *app)
                    || seen.volumes.values().any(|volume| volume.app == *app);
                let orphan = findings.contains(&Finding::OrphanApp { pool: pool.clone(), app: app.clone() });
                assert!(orphan == (&**app == STRANGER) && (used || orphan), "{app} in {pool}");
            }
        }
        let orphans =
            findings.iter().filter(|finding| matches!(finding, Finding::OrphanVolume { .. })).count();
        assert_eq!(orphans, 3, "the stranger's volumes and no other: {findings:#?}");
        // Drives lose volumes only, and only those that did are told of. A snapshot of one that was not recorded yet
        // has lost its name with it.
        for finding in findings {
            match finding {
                Finding::LostVolume { uuid, .. } => assert!(self.nodes.has_lost(uuid), "{finding}"),
                Finding::LostSnapshot { .. } => panic!("{finding}"),
                Finding::OrphanSnapshot { snapshot, uuid, .. } => {
                    assert!(&**snapshot == "kept" || self.nodes.has_lost(uuid), "{finding}");
                }
                _ => {}
            }
        }
    }
}
