//! What is to go: only what is recorded as such, and only when nothing desired waits for it.

use std::collections::BTreeMap;

use sluice_placement::Name;

use super::volumes::Sight;
use super::{PoolPlanner, Ready};
use crate::action::Action;
use crate::desired::{Intent, SnapshotName, Source, VolumeSpec};
use crate::finding::{Fact, Finding};
use crate::observed::ObservedVolume;

impl PoolPlanner<'_> {
    /// The steps that delete snapshots.
    pub(super) fn plan_snapshot_deletions(&mut self) -> BTreeMap<SnapshotName, usize> {
        let mut deleted = BTreeMap::new();
        for (name, spec) in self.snapshot_specs().filter(|(_, spec)| spec.intent == Intent::Deleted) {
            let Some(uuid) = self.observed_snapshot(name) else {
                self.facts.push(Fact::SnapshotGone { snapshot: name.clone() });
                continue;
            };
            if spec.uuid.is_none() {
                self.facts.push(Fact::SnapshotTaken { snapshot: name.clone(), uuid: uuid.clone() });
            }
            if let Some(needs) = self.clones_of(&Source::Snapshot(name.clone())) {
                let action = Action::DeleteSnapshot { snapshot: name.clone(), uuid: uuid.clone() };
                deleted.insert(name.clone(), self.push(action, needs));
            }
        }
        deleted
    }

    /// The steps that delete volumes.
    pub(super) fn plan_volume_deletions(
        &mut self,
        snapshots: &BTreeMap<SnapshotName, usize>,
    ) -> BTreeMap<Name, usize> {
        let mut deleted = BTreeMap::new();
        for (name, spec) in self.volume_specs().filter(|(_, spec)| spec.intent == Intent::Deleted) {
            if let Sight::There(volume) = self.sight(name, spec) {
                let step = self.plan_volume_deletion(name, volume, snapshots);
                deleted.extend(step.map(|step| (name.clone(), step)));
            } else {
                // What has its name now, if anything, is not it.
                self.facts.push(Fact::VolumeGone { volume: name.clone() });
            }
        }
        deleted
    }

    fn plan_volume_deletion(
        &mut self,
        name: &Name,
        volume: &ObservedVolume,
        snapshots: &BTreeMap<SnapshotName, usize>,
    ) -> Option<usize> {
        let clones = self.clones_of(&Source::Volume(name.clone()))?;
        if self.has_unrecorded_snapshot(name) {
            return None;
        }
        let published = volume.access.is_published();
        let unpublished = published.then(|| self.push(Action::UnpublishVolume { volume: name.clone() }, []));
        let of_volume = snapshots.iter().filter(|(snapshot, _)| snapshot.volume == *name);
        let needs: Vec<usize> =
            clones.into_iter().chain(unpublished).chain(of_volume.map(|(_, step)| *step)).collect();
        let action = Action::DeleteVolume { volume: name.clone(), uuid: volume.uuid.clone() };
        Some(self.push(action, needs))
    }

    /// Without its volume a snapshot has no name: its UUID must be recorded first, or nobody will know it again. The
    /// next plan finds it recorded.
    fn has_unrecorded_snapshot(&self, volume: &Name) -> bool {
        let mut of_volume =
            self.snapshot_specs().filter(|(name, spec)| name.volume == *volume && spec.uuid.is_none());
        let is_taken = |name| matches!(self.snapshots.get(name), Some(Ready::After(_)));
        of_volume.any(|(name, _)| is_taken(name) || self.observed_snapshot(name).is_some())
    }

    /// The steps that clone something, which must be done before it goes. `None`: one that is desired cannot be made
    /// yet, so its source stays.
    fn clones_of(&mut self, source: &Source) -> Option<Vec<usize>> {
        let is_clone = |(_, spec): &(&Name, &VolumeSpec)| {
            spec.intent == Intent::Present && spec.uuid.is_none() && spec.source.as_ref() == Some(source)
        };
        let mut steps = Vec::new();
        for (name, _) in self.volume_specs().filter(is_clone) {
            match self.volumes.get(name).copied().unwrap_or(Ready::Never) {
                Ready::Now => {}
                Ready::After(step) => steps.push(step),
                Ready::Never => {
                    self.findings.push(Finding::Held { origin: source.clone(), volume: name.clone() });
                    return None;
                }
            }
        }
        Some(steps)
    }
}
