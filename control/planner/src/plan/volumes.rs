//! Volumes that are to be there.

use sluice_placement::Name;

use super::{PoolPlanner, Ready};
use crate::action::Action;
use crate::desired::{Intent, Source, VolumeSpec};
use crate::finding::{Fact, Finding, Mismatch};
use crate::observed::ObservedVolume;

/// What is seen of a recorded volume.
pub(super) enum Sight<'a> {
    /// It is there.
    There(&'a ObservedVolume),
    /// It is not.
    Absent,
    /// Something else has its name.
    Other(Mismatch),
}

impl<'a> PoolPlanner<'a> {
    pub(super) fn plan_volumes(&mut self) {
        for (name, spec) in self.volume_specs().filter(|(_, spec)| spec.intent == Intent::Present) {
            self.volume(name);
            if let Sight::There(volume) = self.sight(name, spec) {
                let resized = self.plan_size(name, spec, volume);
                self.plan_access(name, spec, volume, resized);
            }
        }
    }

    /// Once the UUID is recorded it alone tells. Before that, what would have been created looks like this.
    pub(super) fn sight(&self, name: &Name, spec: &VolumeSpec) -> Sight<'a> {
        let Some(volume) = self.here.volumes.get(name) else {
            let elsewhere = self.observed.find(&self.pool.node, name).filter(|_| spec.uuid.is_none());
            let observed = elsewhere.cloned();
            return observed.map_or(Sight::Absent, |observed| Sight::Other(Mismatch::Pool { observed }));
        };
        let mismatch = match &spec.uuid {
            Some(uuid) if *uuid == volume.uuid => None,
            Some(_) => Some(Mismatch::Uuid { observed: volume.uuid.clone() }),
            None if spec.app != volume.app => Some(Mismatch::App { observed: volume.app.clone() }),
            None if spec.block_size != volume.block_size => {
                Some(Mismatch::BlockSize { observed: volume.block_size })
            }
            None => None,
        };
        mismatch.map_or(Sight::There(volume), Sight::Other)
    }

    /// Sees to it that a volume is there, once, whoever asks first.
    pub(super) fn volume(&mut self, name: &Name) -> Ready {
        if let Some(ready) = self.volumes.get(name) {
            return *ready;
        }
        let Some(spec) = self.desired.volumes.get(name).filter(|spec| spec.pool == *self.pool) else {
            return Ready::Never;
        };
        self.volumes.insert(name.clone(), Ready::Never);
        let ready = match self.sight(name, spec) {
            Sight::There(volume) => {
                if spec.uuid.is_none() && spec.intent == Intent::Present {
                    let (volume, uuid) = (name.clone(), volume.uuid.clone());
                    self.facts.push(Fact::VolumeCreated { volume, uuid });
                }
                Ready::Now
            }
            _ if spec.intent == Intent::Deleted => Ready::Never,
            Sight::Absent => self.absent(name, spec),
            Sight::Other(mismatch) => {
                self.findings.push(Finding::Conflict { volume: name.clone(), mismatch });
                Ready::Never
            }
        };
        self.volumes.insert(name.clone(), ready);
        ready
    }

    /// Not there yet, or not any more: that makes all the difference.
    fn absent(&mut self, name: &Name, spec: &VolumeSpec) -> Ready {
        if let Some(uuid) = &spec.uuid {
            let (pool, volume, uuid) = (self.pool.clone(), name.clone(), uuid.clone());
            self.findings.push(Finding::LostVolume { pool, volume, uuid });
            return Ready::Never;
        }
        let (volume, app, thick) = (name.clone(), spec.app.clone(), spec.thick);
        let set_app = self.set_apps.get(&spec.app).copied();
        let Some(source) = &spec.source else {
            let (size_bytes, block_size) = (spec.size_bytes, spec.block_size);
            let action = Action::CreateVolume { volume, app, size_bytes, block_size, thick };
            return Ready::After(self.push(action, set_app));
        };
        let ready = self.source(source);
        if ready == Ready::Never {
            let (pool, origin) = (self.pool.clone(), source.clone());
            self.findings.push(Finding::NoSource { pool, volume, origin });
            return Ready::Never;
        }
        let source_uuid = self.source_uuid(source);
        let action = Action::CloneVolume { volume, app, source: source.clone(), source_uuid, thick };
        Ready::After(self.push(action, set_app.into_iter().chain(ready.step())))
    }

    fn source(&mut self, source: &Source) -> Ready {
        match source {
            Source::Volume(volume) => self.volume(volume),
            Source::Snapshot(snapshot) => self.snapshot(snapshot),
        }
    }

    fn source_uuid(&self, source: &Source) -> Option<Name> {
        match source {
            Source::Volume(volume) => Some(self.here.volumes.get(volume)?.uuid.clone()),
            Source::Snapshot(snapshot) => self.observed_snapshot(snapshot).cloned(),
        }
    }

    fn plan_size(&mut self, name: &Name, spec: &VolumeSpec, volume: &ObservedVolume) -> Option<usize> {
        let (observed_bytes, desired_bytes) = (volume.size_bytes, spec.size_bytes);
        let volume = name.clone();
        if observed_bytes > desired_bytes {
            self.findings.push(Finding::Larger { volume, observed_bytes, desired_bytes });
            return None;
        }
        let action = Action::ResizeVolume { volume, size_bytes: desired_bytes };
        (observed_bytes < desired_bytes).then(|| self.push(action, []))
    }

    /// A volume gets hosts only when its UUID is recorded: what hosts may have written to is never made anew.
    fn plan_access(
        &mut self,
        name: &Name,
        spec: &VolumeSpec,
        volume: &ObservedVolume,
        resized: Option<usize>,
    ) {
        if spec.uuid.is_none() || spec.access == volume.access {
            return;
        }
        let ends = !spec.access.covers(&volume.access);
        let ended = ends.then(|| self.push(Action::UnpublishVolume { volume: name.clone() }, []));
        if spec.access.is_published() {
            let set_app = self.set_apps.get(&spec.app).copied();
            let needs = [ended, resized, set_app].into_iter().flatten();
            self.push(Action::PublishVolume { volume: name.clone(), access: spec.access.clone() }, needs);
        }
    }
}
