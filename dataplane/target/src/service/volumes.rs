//! Volumes and snapshots: found by their names, and told of.
//!
//! A volume's name is its own, a snapshot's is `VOLUME@SNAPSHOT`; both have a UUID as well, which is all that is left to
//! name a snapshot by whose volume is gone.

use super::TargetService;
use super::message::ChangesAsk;
use crate::connection::Connection;
use crate::handle::{ChangesPage, ControlError, Page, PoolStatus, SnapshotStatus, VolumeStatus};
use crate::nqn;
use sluice_volume::map::Change;
use sluice_volume::thin::{Role, ThinRecord};
use sluice_volume::{VolumeError, VolumeIndex};
use uuid::Uuid;

/// Slots looked at for one page of a list: what comes of them costs the round some tens of microseconds.
const PAGE_SLOTS: usize = 128;
/// Changes in one page, and steps of the comparison for it.
const PAGE_CHANGES: usize = 512;
const PAGE_STEPS: usize = 2048;

impl TargetService {
    /// All volumes, without the snapshots.
    pub(super) fn volumes(&self) -> impl Iterator<Item = &ThinRecord> {
        self.io.volume.volumes().filter(|record| record.role == Role::Volume)
    }

    /// The volume or snapshot of a name.
    pub(super) fn resolve(&self, name: &str) -> Result<&ThinRecord, ControlError> {
        let named = |of: &str| self.volumes().find(|record| record.name == of);
        let found = match name.split_once('@') {
            Some((volume, snapshot)) => named(volume).and_then(|of| self.snapshot_of(of.id, snapshot)),
            None => named(name).or_else(|| {
                let uuid = Uuid::try_parse(name).ok()?;
                self.io.volume.volumes().find(|record| record.uuid == uuid)
            }),
        };
        found.ok_or_else(|| ControlError::NotFound { name: name.to_owned() })
    }

    /// The same, if it is a volume, or a snapshot.
    pub(super) fn find(&self, name: &str, role: Role) -> Result<&ThinRecord, ControlError> {
        let found = self.resolve(name).ok().filter(|record| record.role == role);
        found.ok_or_else(|| ControlError::NotFound { name: name.to_owned() })
    }

    /// The snapshot of a name of the volume with `id`.
    pub(super) fn snapshot_of(&self, id: u32, name: &str) -> Option<&ThinRecord> {
        let is = |record: &&ThinRecord| record.origin == Some(id) && record.name == name;
        self.io.volume.volumes().filter(|record| record.role == Role::Snapshot).find(is)
    }

    /// What [`resolve`](Self::resolve) finds a volume or snapshot by.
    pub(super) fn label(&self, record: Option<&ThinRecord>) -> String {
        let Some(record) = record else { return String::new() };
        match (record.role, self.origin_of(record)) {
            (Role::Volume, _) => record.name.clone(),
            (Role::Snapshot, Some(volume)) => format!("{}@{}", volume.name, record.name),
            (Role::Snapshot, None) => record.uuid.to_string(),
        }
    }

    fn origin_of(&self, record: &ThinRecord) -> Option<&ThinRecord> {
        record.origin.and_then(|id| self.io.volume.by_id(id))
    }

    pub(super) fn one_volume(&self, name: &str) -> Result<VolumeStatus, ControlError> {
        self.find(name, Role::Volume).map(|record| self.volume_status(record))
    }

    pub(super) fn volumes_page(&self, from: usize) -> Page<VolumeStatus> {
        self.page(from, |record| (record.role == Role::Volume).then(|| self.volume_status(record)))
    }

    /// Of one volume if `of` is not empty.
    pub(super) fn snapshots_page(&self, from: usize, of: &str) -> Result<Page<SnapshotStatus>, ControlError> {
        let of = match of {
            "" => None,
            name => Some(self.find(name, Role::Volume)?.id),
        };
        Ok(self.page(from, |record| {
            let wanted = record.role == Role::Snapshot && (of.is_none() || record.origin == of);
            wanted.then(|| self.snapshot_status(record))
        }))
    }

    fn page<T>(&self, from: usize, status: impl Fn(&ThinRecord) -> Option<T>) -> Page<T> {
        let (records, next) = self.io.volume.volumes_from(from, PAGE_SLOTS);
        Page { items: records.filter_map(status).collect(), next }
    }

    pub(super) fn changes_page(&self, ask: &ChangesAsk) -> Result<ChangesPage, ControlError> {
        let snapshot = |name: &str| {
            let record = self.resolve(name)?;
            match record.role {
                Role::Snapshot => Ok(record),
                Role::Volume => Err(ControlError::NotSnapshot { name: name.to_owned() }),
            }
        };
        let newer = snapshot(&ask.newer)?;
        let older = match ask.older.as_str() {
            "" => None,
            name => Some(snapshot(name)?.index),
        };
        let mut changes = vec![Change::default(); PAGE_CHANGES];
        let found = self.io.volume.changes(older, newer.index, ask.from, PAGE_STEPS, &mut changes);
        let found = found.ok_or(VolumeError::NoSuchVolume { volume: newer.index })?;
        changes.truncate(found.filled);
        Ok(ChangesPage { changes, next: found.next, size_bytes: newer.size_bytes })
    }

    /// Connections that hosts hold on a volume.
    pub(super) fn connections_of(&self, index: VolumeIndex) -> u32 {
        let of_volume = |connection: &Connection| self.volume_of(connection) == Some(index);
        let connections = self.connections.iter().filter(|(_, connection)| of_volume(connection)).count();
        u32::try_from(connections).unwrap_or(u32::MAX)
    }

    pub(super) fn volume_status(&self, record: &ThinRecord) -> VolumeStatus {
        VolumeStatus {
            name: record.name.clone(),
            app: record.app.clone(),
            uuid: record.uuid,
            nguid: nqn::nguid(&record.uuid),
            nqn: nqn::of_volume(&record.uuid),
            block_size: record.block_size.bytes(),
            size_bytes: record.size_bytes,
            provision: record.provision,
            origin: self.label(self.origin_of(record)),
            created_us: record.created_us,
            usage: self.io.volume.usage(record.index).unwrap_or_default(),
            published: record.published,
            access: record.access.clone(),
            connections: if record.published { self.connections_of(record.index) } else { 0 },
        }
    }

    pub(super) fn snapshot_status(&self, record: &ThinRecord) -> SnapshotStatus {
        SnapshotStatus {
            name: record.name.clone(),
            volume: self.origin_of(record).map(|volume| volume.name.clone()).unwrap_or_default(),
            app: record.app.clone(),
            uuid: record.uuid,
            block_size: record.block_size.bytes(),
            size_bytes: record.size_bytes,
            created_us: record.created_us,
            usage: self.io.volume.usage(record.index).unwrap_or_default(),
        }
    }

    pub(super) fn pool_status(&self) -> Result<PoolStatus, ControlError> {
        let info = self.io.volume.info().ok_or(ControlError::Volume(VolumeError::NotOpen))?;
        let cause = self.io.volume.cause().map(|(doing, cause)| format!("{doing} failed: {cause}"));
        Ok(PoolStatus {
            uuid: info.uuid,
            device: self.io.volume.device_info().clone(),
            capacity_bytes: info.capacity_bytes,
            free_bytes: info.free_bytes,
            promised_bytes: info.promised_bytes,
            metadata_bytes: info.metadata_bytes,
            reclaiming: info.reclaiming,
            reclaiming_bytes: info.reclaiming_bytes,
            level: info.level,
            suspended: cause,
            volumes: info.volumes,
            snapshots: info.snapshots,
            in_flight: u32::try_from(self.io.volume.in_flight()).unwrap_or(u32::MAX),
        })
    }
}
