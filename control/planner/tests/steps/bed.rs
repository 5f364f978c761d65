//! One pool, and short ways to say what is desired and what is there.

use std::collections::BTreeMap;

use sluice_planner::{
    Access, AppSpec, Desired, Intent, Observed, ObservedPool, ObservedSnapshot, ObservedVolume, Plan,
    PoolName, Qos, SnapshotName, SnapshotSpec, VolumeSpec, plan,
};

pub(crate) const HOST_A: &str = "nqn.2014-08.org.nvmexpress:a";
pub(crate) const HOST_B: &str = "nqn.2014-08.org.nvmexpress:b";

pub(crate) fn hosts(hosts: &[&str]) -> Access {
    Access::Hosts(hosts.iter().map(|host| (*host).into()).collect())
}

pub(crate) fn snapshot(volume: &str, snapshot: &str) -> SnapshotName {
    SnapshotName { volume: volume.into(), snapshot: snapshot.into() }
}

fn pool() -> PoolName {
    PoolName::new("n1", "d0")
}

pub(crate) struct Bed {
    pub(crate) desired: Desired,
    observed: Observed,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let desired = Desired { pools: [pool()].into(), ..Desired::default() };
        Self { desired, observed: Observed { pools: [(pool(), ObservedPool::default())].into() } }
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.desired, &self.observed)
    }

    pub(crate) fn steps(&self) -> Vec<String> {
        let steps = self.plan().pools.into_values().flatten();
        steps.map(|step| format!("{:?} {}", step.needs, step.action)).collect()
    }

    pub(crate) fn findings(&self) -> Vec<String> {
        self.plan().findings.iter().map(ToString::to_string).collect()
    }

    /// An application is to be promised this.
    pub(crate) fn app(&mut self, app: &str, min_iops: u32) -> &mut Self {
        let spec = AppSpec { qos: Qos { min_iops, ..Qos::default() }, intent: Intent::Present };
        self.desired.apps.insert(app.into(), spec);
        self
    }

    /// A volume of 1024 bytes is to be there.
    pub(crate) fn volume(&mut self, volume: &str, app: &str) -> &mut VolumeSpec {
        let spec = VolumeSpec {
            pool: pool(),
            app: app.into(),
            size_bytes: 1024,
            block_size: 4096,
            thick: false,
            source: None,
            access: Access::none(),
            uuid: None,
            intent: Intent::Present,
        };
        self.desired.volumes.entry(volume.into()).or_insert(spec)
    }

    pub(crate) fn spec(&mut self, volume: &str) -> &mut VolumeSpec {
        self.desired.volumes.get_mut(volume).expect("it is desired")
    }

    /// A snapshot is to be there.
    pub(crate) fn snapshot(&mut self, volume: &str, name: &str) -> &mut SnapshotSpec {
        let spec = SnapshotSpec { pool: pool(), group: None, uuid: None, intent: Intent::Present };
        self.desired.snapshots.entry(snapshot(volume, name)).or_insert(spec)
    }

    /// The volume's UUID is recorded.
    pub(crate) fn recorded(&mut self, volume: &str) -> &mut Self {
        self.spec(volume).uuid = Some(format!("uuid of {volume}").into());
        self
    }

    fn here(&mut self) -> &mut ObservedPool {
        self.observed.pools.get_mut(&pool()).expect("it answers")
    }

    /// A volume is there.
    pub(crate) fn there(&mut self, volume: &str, app: &str) -> &mut Self {
        let uuid = format!("uuid of {volume}").into();
        let (size_bytes, block_size, access) = (1024, 4096, Access::none());
        let observed = ObservedVolume { uuid, app: app.into(), size_bytes, block_size, access };
        self.here().volumes.insert(volume.into(), observed);
        self
    }

    pub(crate) fn seen(&mut self, volume: &str) -> &mut ObservedVolume {
        self.here().volumes.get_mut(volume).expect("it is there")
    }

    /// A snapshot is there.
    pub(crate) fn taken(&mut self, volume: &str, snapshot: &str) -> &mut Self {
        let observed = ObservedSnapshot { snapshot: snapshot.into(), volume: Some(volume.into()) };
        self.here().snapshots.insert(format!("uuid of {snapshot}").into(), observed);
        self
    }

    /// An application is promised this.
    pub(crate) fn promised(&mut self, app: &str, min_iops: u32) -> &mut Self {
        self.here().apps.insert(app.into(), Qos { min_iops, ..Qos::default() });
        self
    }

    /// A volume is there no more; its snapshots have lost its name.
    pub(crate) fn gone(&mut self, volume: &str) {
        self.here().volumes.remove(volume);
        self.here().snapshots.values_mut().for_each(|snapshot| snapshot.volume = None);
    }

    /// The pool does not answer.
    pub(crate) fn silent(&mut self) {
        self.observed.pools = BTreeMap::new();
    }

    /// It does again, and is empty.
    pub(crate) fn answers(&mut self) {
        self.observed.pools = [(pool(), ObservedPool::default())].into();
    }
}
