//! Nodes as strict as real ones, which remember what must never happen to them.

use std::collections::{BTreeMap, BTreeSet};

use sluice_planner::{
    Access, Action, Desired, Intent, Name, Observed, ObservedPool, ObservedSnapshot, ObservedVolume,
    PoolName, Qos, Source,
};

pub(crate) const MIB: u64 = 1 << 20;
/// Whose the things are that were on the nodes before anybody recorded anything.
pub(crate) const STRANGER: &str = "stranger";

#[derive(Debug, Default)]
struct Pool {
    /// As a node tells of them.
    seen: ObservedPool,
    /// Which hosts are connected; unpublishing disconnects them, publishing to others does not.
    connected: BTreeMap<Name, Access>,
}

/// All nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    pools: BTreeMap<PoolName, Pool>,
    uuids: u64,
    /// Volumes, by name, that hosts have been able to write to since they were asked for.
    written: BTreeSet<Name>,
    /// UUIDs of volumes that drives lost, and of their snapshots.
    lost: BTreeSet<Name>,
}

impl Nodes {
    /// Two nodes with three pools, and in one of them things of a stranger.
    pub(crate) fn new() -> Self {
        let names = [("n1", "d0"), ("n1", "d1"), ("n2", "d0")];
        let pools = names.map(|(node, pool)| (PoolName::new(node, pool), Pool::default()));
        let mut nodes =
            Self { pools: pools.into(), uuids: 0, written: BTreeSet::new(), lost: BTreeSet::new() };
        let volume = nodes.volume(STRANGER, MIB);
        let uuid = nodes.uuid();
        let pool = nodes.pools.values_mut().next().expect("there are three");
        let snapshot = ObservedSnapshot { snapshot: "kept".into(), volume: Some("theirs".into()) };
        pool.seen.snapshots.insert(uuid, snapshot);
        pool.seen.volumes.insert("theirs".into(), volume.clone());
        // Names that somebody else will want as well.
        pool.seen.volumes.insert("v0".into(), volume.clone());
        pool.seen.volumes.insert("v3".into(), volume);
        pool.seen.apps.insert(STRANGER.into(), Qos { min_iops: 7, ..Qos::default() });
        nodes
    }

    pub(crate) fn names(&self) -> BTreeSet<PoolName> {
        self.pools.keys().cloned().collect()
    }

    /// The stranger's things are as they were.
    pub(crate) fn check_strangers(&self) {
        let pool = &self.pools.values().next().expect("there are three").seen;
        let theirs = ["theirs", "v0", "v3"].map(|name| pool.volumes.get(name).map(|volume| &*volume.app));
        assert_eq!(theirs, [Some(STRANGER); 3]);
        assert!(pool.snapshots.values().any(|snapshot| &*snapshot.snapshot == "kept"));
        assert_eq!(pool.apps.get(STRANGER).map(|qos| qos.min_iops), Some(7));
    }

    /// What nodes tell that answer: each of all its pools.
    pub(crate) fn observe(&self, mut answers: impl FnMut() -> bool) -> Observed {
        let nodes: BTreeSet<&Name> = self.pools.keys().map(|name| &name.node).collect();
        let nodes: BTreeSet<&Name> = nodes.into_iter().filter(|_| answers()).collect();
        let answering = self.pools.iter().filter(|(name, _)| nodes.contains(&name.node));
        Observed { pools: answering.map(|(name, pool)| (name.clone(), pool.seen.clone())).collect() }
    }

    pub(crate) fn connected(&self, pool: &PoolName, volume: &str) -> Access {
        self.pools[pool].connected.get(volume).cloned().unwrap_or(Access::none())
    }

    /// A drive loses a volume, whoever may be connected.
    pub(crate) fn lose(&mut self, index: usize) {
        let ours = |pool: &Pool| -> Vec<Name> {
            let ours = pool.seen.volumes.iter().filter(|(_, one)| &*one.app != STRANGER);
            ours.map(|(name, _)| name.clone()).collect()
        };
        let all = self.pools.values_mut();
        let mut all: Vec<(&mut Pool, Vec<Name>)> = all
            .map(|pool| {
                let ours = ours(pool);
                (pool, ours)
            })
            .collect();
        all.retain(|(_, ours)| !ours.is_empty());
        let Some(at) = index.checked_rem(all.len()) else { return };
        let (pool, ours) = &mut all[at];
        let volume = &ours[index % ours.len()];
        self.lost.insert(pool.seen.volumes[volume].uuid.clone());
        let snapshots = pool.seen.snapshots.iter();
        let nameless = snapshots.filter(|(_, snapshot)| snapshot.volume.as_ref() == Some(volume));
        self.lost.extend(nameless.map(|(uuid, _)| uuid.clone()));
        pool.forget(volume);
    }

    pub(crate) fn has_lost(&self, uuid: &Name) -> bool {
        self.lost.contains(uuid)
    }

    /// Somebody forgot a volume for good: its name may be used again.
    pub(crate) fn forget(&mut self, volume: &str) {
        self.written.remove(volume);
    }

    fn uuid(&mut self) -> Name {
        self.uuids += 1;
        format!("uuid-{}", self.uuids).into()
    }

    fn volume(&mut self, app: &str, size_bytes: u64) -> ObservedVolume {
        let uuid = self.uuid();
        ObservedVolume { uuid, app: app.into(), size_bytes, block_size: 4096, access: Access::none() }
    }

    /// Does as asked.
    ///
    /// # Panics
    /// Where a real node would refuse, and where a promise of the planner is broken.
    pub(crate) fn apply(&mut self, name: &PoolName, action: &Action, desired: &Desired) {
        match action {
            Action::SetApp { app, qos } => drop(self.pool(name).apps.insert(app.clone(), qos.clone())),
            Action::RemoveApp { app } => {
                let pool = self.pool(name);
                assert!(pool.volumes.values().all(|volume| volume.app != *app), "{app} is in use");
                pool.apps.remove(app);
            }
            Action::CreateVolume { volume, app, size_bytes, .. } => {
                self.create(name, volume, app, *size_bytes, desired)
            }
            Action::CloneVolume { volume, app, source, source_uuid, .. } => {
                let size_bytes = self.source_bytes(name, source, source_uuid.as_ref());
                self.create(name, volume, app, size_bytes, desired);
            }
            Action::ResizeVolume { volume, size_bytes } => {
                let volume =
                    self.pool(name).volumes.get_mut(volume).expect("resize of a volume that is not there");
                assert!(*size_bytes >= volume.size_bytes, "volumes do not shrink");
                volume.size_bytes = *size_bytes;
            }
            Action::PublishVolume { volume, access } => self.publish(name, volume, access, desired),
            Action::UnpublishVolume { volume } => {
                let pool = self.pools.get_mut(name).expect("it is known");
                let seen =
                    pool.seen.volumes.get_mut(volume).expect("unpublish of a volume that is not there");
                seen.access = Access::none();
                pool.connected.remove(volume);
            }
            Action::CreateSnapshots { snapshots } => {
                let taken = |snapshot: &ObservedSnapshot| {
                    snapshots.iter().any(|name| {
                        snapshot.volume.as_ref() == Some(&name.volume) && snapshot.snapshot == name.snapshot
                    })
                };
                assert!(!self.pool(name).snapshots.values().any(taken), "part of a group is there");
                for snapshot in snapshots {
                    let uuid = self.uuid();
                    let pool = self.pool(name);
                    assert!(
                        pool.volumes.contains_key(&snapshot.volume),
                        "snapshot of a volume that is not there"
                    );
                    let (volume, snapshot) = (Some(snapshot.volume.clone()), snapshot.snapshot.clone());
                    pool.snapshots.insert(uuid, ObservedSnapshot { snapshot, volume });
                }
            }
            Action::DeleteSnapshot { snapshot, uuid } => {
                assert_eq!(desired.snapshots[snapshot].intent, Intent::Deleted, "nobody asked for {action}");
                self.pool(name).snapshots.remove(uuid).expect("a snapshot that is there");
            }
            Action::DeleteVolume { volume, uuid } => self.delete(name, volume, uuid, desired),
        }
    }

    fn pool(&mut self, name: &PoolName) -> &mut ObservedPool {
        &mut self.pools.get_mut(name).expect("it is known").seen
    }

    fn create(&mut self, name: &PoolName, volume: &Name, app: &Name, size_bytes: u64, desired: &Desired) {
        let taken = self
            .pools
            .iter()
            .any(|(other, pool)| other.node == name.node && pool.seen.volumes.contains_key(volume));
        assert!(!taken, "{volume} is on the node already");
        assert!(!self.written.contains(volume), "{volume} had data and is made anew");
        let promised =
            desired.apps.get(app).is_none_or(|spec| self.pools[name].seen.apps.get(app) == Some(&spec.qos));
        assert!(promised, "{volume} is there before what {app} is promised");
        let new = self.volume(app, size_bytes);
        self.pool(name).volumes.insert(volume.clone(), new);
    }

    fn source_bytes(&self, name: &PoolName, source: &Source, uuid: Option<&Name>) -> u64 {
        let pool = &self.pools[name].seen;
        match source {
            Source::Volume(volume) => {
                let volume = pool.volumes.get(volume).expect("clone of a volume that is not there");
                assert!(uuid.is_none_or(|uuid| *uuid == volume.uuid), "clone of another volume");
                volume.size_bytes
            }
            Source::Snapshot(source) => {
                let is_it = |(found, snapshot): &(&Name, &ObservedSnapshot)| match uuid {
                    Some(uuid) => uuid == *found,
                    None => {
                        snapshot.volume.as_ref() == Some(&source.volume)
                            && snapshot.snapshot == source.snapshot
                    }
                };
                pool.snapshots.iter().find(is_it).expect("clone of a snapshot that is not there");
                MIB
            }
        }
    }

    fn publish(&mut self, name: &PoolName, volume: &Name, access: &Access, desired: &Desired) {
        let pool = self.pools.get_mut(name).expect("it is known");
        let seen = pool.seen.volumes.get_mut(volume).expect("publish of a volume that is not there");
        let recorded = desired.volumes[volume].uuid.as_ref();
        assert_eq!(recorded, Some(&seen.uuid), "{volume} gets hosts before it is recorded");
        seen.access = access.clone();
        // Whoever was let in before stays.
        let connected = pool.connected.remove(volume).unwrap_or(Access::none());
        let all = match (connected, access) {
            (Access::Hosts(old), Access::Hosts(new)) => Access::Hosts(old.union(new).cloned().collect()),
            _ => Access::AnyHost,
        };
        pool.connected.insert(volume.clone(), all);
        self.written.insert(volume.clone());
    }

    fn delete(&mut self, name: &PoolName, volume: &Name, uuid: &Name, desired: &Desired) {
        assert_eq!(desired.volumes[volume].intent, Intent::Deleted, "nobody asked to delete {volume}");
        let pool = self.pools.get_mut(name).expect("it is known");
        let seen = pool.seen.volumes.get(volume).expect("delete of a volume that is not there");
        assert_eq!((&seen.uuid, seen.access.is_published()), (uuid, false), "another one, or published");
        assert_ne!(&*seen.app, STRANGER);
        pool.forget(volume);
        self.written.remove(volume);
    }
}

impl Pool {
    /// Its snapshots stay, without its name.
    fn forget(&mut self, volume: &Name) {
        self.seen.volumes.remove(volume);
        self.connected.remove(volume);
        let of_volume =
            self.seen.snapshots.values_mut().filter(|snapshot| snapshot.volume.as_ref() == Some(volume));
        of_volume.for_each(|snapshot| snapshot.volume = None);
    }
}
