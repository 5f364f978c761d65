//! Snapshots that are to be there.

use sluice_placement::Name;

use super::{PoolPlanner, Ready};
use crate::action::Action;
use crate::desired::{Intent, SnapshotName, SnapshotSpec};
use crate::finding::{Fact, Finding};

impl<'a> PoolPlanner<'a> {
    /// The snapshots that are recorded here.
    pub(super) fn snapshot_specs(
        &self,
    ) -> impl Iterator<Item = (&'a SnapshotName, &'a SnapshotSpec)> + use<'a> {
        self.recorded.snapshots.iter().copied()
    }

    pub(super) fn plan_snapshots(&mut self) {
        for (name, _) in self.snapshot_specs().filter(|(_, spec)| spec.intent == Intent::Present) {
            self.snapshot(name);
        }
    }

    /// Its UUID, if it is there. Recorded, the UUID alone tells; before that its volume must be there to tell.
    pub(super) fn observed_snapshot(&self, name: &SnapshotName) -> Option<&'a Name> {
        let spec = self.desired.snapshots.get(name).filter(|spec| spec.pool == *self.pool)?;
        let mut all = self.here.snapshots.iter();
        let found = all.find(|(uuid, snapshot)| match &spec.uuid {
            Some(recorded) => recorded == *uuid,
            None => snapshot.volume.as_ref() == Some(&name.volume) && snapshot.snapshot == name.snapshot,
        });
        found.map(|(uuid, _)| uuid)
    }

    /// Sees to it that a snapshot is there, once, whoever asks first.
    pub(super) fn snapshot(&mut self, name: &SnapshotName) -> Ready {
        if let Some(ready) = self.snapshots.get(name) {
            return *ready;
        }
        let Some(spec) = self.desired.snapshots.get(name).filter(|spec| spec.pool == *self.pool) else {
            return Ready::Never;
        };
        self.snapshots.insert(name.clone(), Ready::Never);
        let present = spec.intent == Intent::Present;
        let ready = match (self.observed_snapshot(name), &spec.uuid) {
            (Some(uuid), recorded) => {
                if recorded.is_none() && present {
                    let (snapshot, uuid) = (name.clone(), uuid.clone());
                    self.facts.push(Fact::SnapshotTaken { snapshot, uuid });
                }
                Ready::Now
            }
            (None, _) if !present => Ready::Never,
            (None, Some(uuid)) => {
                let (pool, snapshot, uuid) = (self.pool.clone(), name.clone(), uuid.clone());
                self.findings.push(Finding::LostSnapshot { pool, snapshot, uuid });
                Ready::Never
            }
            (None, None) => self.take(name, spec),
        };
        self.snapshots.insert(name.clone(), ready);
        ready
    }

    /// Takes it, with all others of its group.
    fn take(&mut self, name: &SnapshotName, spec: &SnapshotSpec) -> Ready {
        let members: Vec<(&SnapshotName, &SnapshotSpec)> = match &spec.group {
            None => vec![(name, spec)],
            Some(group) => self.members(group).collect(),
        };
        let taken = |(name, spec): &(&SnapshotName, &SnapshotSpec)| {
            spec.uuid.is_some() || self.observed_snapshot(name).is_some()
        };
        if let Some(group) = spec.group.as_ref().filter(|_| members.iter().any(taken)) {
            let finding = Finding::TornGroup { group: group.clone() };
            if !self.findings.contains(&finding) {
                self.findings.push(finding);
            }
            return Ready::Never;
        }
        let mut needs = Vec::new();
        for (member, _) in &members {
            let ready = self.volume(&member.volume);
            if ready == Ready::Never {
                let (pool, snapshot) = (self.pool.clone(), (*member).clone());
                self.findings.push(Finding::NoVolume { pool, snapshot });
                let never = members.iter().map(|(other, _)| ((*other).clone(), Ready::Never));
                self.snapshots.extend(never);
                return Ready::Never;
            }
            needs.extend(ready.step());
        }
        let snapshots: Vec<SnapshotName> = members.iter().map(|(member, _)| (*member).clone()).collect();
        let ready = Ready::After(self.push(Action::CreateSnapshots { snapshots: snapshots.clone() }, needs));
        self.snapshots.extend(snapshots.into_iter().map(|snapshot| (snapshot, ready)));
        ready
    }

    fn members(
        &self,
        group: &'a Name,
    ) -> impl Iterator<Item = (&'a SnapshotName, &'a SnapshotSpec)> + use<'a> {
        let present = self.snapshot_specs().filter(|(_, spec)| spec.intent == Intent::Present);
        present.filter(move |(_, spec)| spec.group.as_ref() == Some(group))
    }
}
