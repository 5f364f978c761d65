//! How each operation begins: what it names is found, and what the volume layer does not know is checked.

use super::TargetService;
use super::control::Begun;
use super::operation::{SnapshotAsk, Task};
use crate::handle::ControlError;
use crate::words;
use sluice_volume::thin::{CloneSpec, Provision, Role, SnapshotSpec, ThinRecord};
use sluice_volume::{HostAccess, VolumeError, VolumeIndex, VolumeSpec};

impl TargetService {
    pub(super) fn begin_operation(&mut self, task: &Task) -> Result<Begun, ControlError> {
        match task {
            Task::Create { spec, provision, created_us } => self.begin_create(spec, *provision, *created_us),
            Task::Clone { source, spec, created_us } => self.begin_clone(source, spec, *created_us),
            Task::Snapshot { group, created_us } => self.begin_snapshot(group, *created_us),
            Task::Rollback { volume, snapshot, connected } => {
                self.begin_rollback(volume, snapshot, *connected)
            }
            Task::Resize { volume, size_bytes } => self.begin_resize(volume, *size_bytes),
            Task::Delete { name, role } => self.begin_delete(name, *role),
            Task::Publish { volume, access } => self.begin_publish(volume, access),
            Task::Unpublish { volume } => self.begin_unpublish(volume),
            Task::SetApp(spec) => started(self.io.volume.begin_set_app(words::app_record(spec))),
            Task::RemoveApp(name) => match self.io.volume.begin_remove_app(name) {
                Err(VolumeError::NoSuchApp { .. }) => Ok(Begun::AlreadySo(Vec::new())),
                outcome => started(outcome),
            },
            Task::Checkpoint => started(self.io.volume.begin_checkpoint()),
        }
    }

    fn begin_create(
        &mut self,
        spec: &VolumeSpec,
        provision: Provision,
        created_us: u64,
    ) -> Result<Begun, ControlError> {
        if let Some(record) = self.volumes().find(|record| record.name == spec.name) {
            return same_volume(record, spec, provision).map(|()| already(record));
        }
        self.io.apps.prepare(self.now, &spec.app)?;
        let outcome = self.io.volume.begin_create(spec.clone(), provision, created_us);
        self.prepared(outcome)
    }

    fn begin_clone(
        &mut self,
        source: &str,
        spec: &CloneSpec,
        created_us: u64,
    ) -> Result<Begun, ControlError> {
        let (index, id) = self.resolve(source).map(|record| (record.index, record.id))?;
        if let Some(record) = self.volumes().find(|record| record.name == spec.name) {
            let differs = match (record.origin == Some(id), record.app == spec.app) {
                (false, _) => "origin",
                (_, false) => "application",
                _ => return Ok(already(record)),
            };
            return Err(ControlError::Exists { name: spec.name.clone(), differs });
        }
        self.io.apps.prepare(self.now, &spec.app)?;
        let outcome = self.io.volume.begin_clone(index, spec.clone(), created_us);
        self.prepared(outcome)
    }

    /// An application that was made for a volume that is not goes again.
    fn prepared(&mut self, outcome: Result<(), VolumeError>) -> Result<Begun, ControlError> {
        if outcome.is_err() {
            self.io.apps.forget_idle();
        }
        started(outcome)
    }

    fn begin_snapshot(&mut self, group: &[SnapshotAsk], created_us: u64) -> Result<Begun, ControlError> {
        let (mut specs, mut there) = (Vec::with_capacity(group.len()), Vec::new());
        for ask in group {
            let SnapshotAsk { volume, name, uuid } = ask;
            let of = self.find(volume, Role::Volume)?;
            specs.push(SnapshotSpec { volume: of.index, name: name.clone(), uuid: *uuid });
            there.extend(self.snapshot_of(of.id, name).map(|record| record.index));
        }
        match there.len() {
            0 => started(self.io.volume.begin_snapshot(&specs, created_us)),
            all if all == group.len() => Ok(Begun::AlreadySo(there)),
            _ => {
                let first = there.first().and_then(|index| self.io.volume.volume(*index));
                Err(ControlError::GroupExists { name: self.label(first) })
            }
        }
    }

    fn begin_rollback(
        &mut self,
        volume: &str,
        snapshot: &str,
        connected: bool,
    ) -> Result<Begun, ControlError> {
        let (index, id) = self.find(volume, Role::Volume).map(|record| (record.index, record.id))?;
        let from = match self.snapshot_of(id, snapshot) {
            Some(record) => record.index,
            None => self.find(snapshot, Role::Snapshot)?.index,
        };
        let connections = self.connections_of(index);
        if connections > 0 && !connected {
            return Err(ControlError::Connected { name: volume.to_owned(), connections });
        }
        started(self.io.volume.begin_rollback(index, from))
    }

    fn begin_resize(&mut self, volume: &str, size_bytes: u64) -> Result<Begun, ControlError> {
        let record = self.find(volume, Role::Volume)?;
        if record.size_bytes == size_bytes {
            return Ok(already(record));
        }
        let index = record.index;
        started(self.io.volume.begin_resize(index, size_bytes))
    }

    fn begin_delete(&mut self, name: &str, role: Role) -> Result<Begun, ControlError> {
        let record = self.find(name, role)?;
        if record.published {
            return Err(ControlError::Published { name: name.to_owned() });
        }
        let (index, app) = (record.index, record.app.clone());
        // Hosts that were connected have a moment left; what of theirs waits will not be carried out.
        self.io.fail_held(&mut self.connections, index, self.now);
        self.io.volume.begin_delete(index)?;
        Ok(match role {
            Role::Volume => Begun::Deleting { app },
            Role::Snapshot => Begun::Started,
        })
    }

    fn begin_publish(&mut self, volume: &str, access: &HostAccess) -> Result<Begun, ControlError> {
        let record = self.find(volume, Role::Volume)?;
        if record.published && record.access == *access {
            return Ok(already(record));
        }
        let (index, app, published) = (record.index, record.app.clone(), record.published);
        self.io.apps.open_volume(self.now, index, &app)?;
        let outcome = self.io.volume.begin_publish(index, access.clone());
        if outcome.is_err() && !published {
            self.io.apps.close_volume(index);
        }
        started(outcome)
    }

    fn begin_unpublish(&mut self, volume: &str) -> Result<Begun, ControlError> {
        let record = self.find(volume, Role::Volume)?;
        if !record.published {
            return Ok(already(record));
        }
        let index = record.index;
        started(self.io.volume.begin_unpublish(index))
    }
}

fn started(outcome: Result<(), VolumeError>) -> Result<Begun, ControlError> {
    Ok(outcome.map(|()| Begun::Started)?)
}

fn already(record: &ThinRecord) -> Begun {
    let one: VolumeIndex = record.index;
    Begun::AlreadySo(vec![one])
}

/// Whether creating `spec` again would give the volume there is. The UUID is chosen anew with every
/// request and does not count.
fn same_volume(record: &ThinRecord, spec: &VolumeSpec, provision: Provision) -> Result<(), ControlError> {
    let differs = if record.app != spec.app {
        "application"
    } else if record.size_bytes != spec.size_bytes {
        "size"
    } else if record.block_size != spec.block_size {
        "block size"
    } else if record.provision != provision {
        "provision"
    } else {
        return Ok(());
    };
    Err(ControlError::Exists { name: spec.name.clone(), differs })
}
