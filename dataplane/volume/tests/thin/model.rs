//! What a pool must hold: volumes and snapshots with their sectors, and applications.

use std::collections::{BTreeMap, BTreeSet};

use sluice_volume::thin::{AppRecord, Provision, Role, ThinRecord};
use sluice_volume::{BlockSize, HostAccess};
use uuid::Uuid;

use crate::cell::Cell;

/// A sector's length: each may survive a crash on its own.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// A volume or snapshot, named by UUID.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) app: String,
    pub(crate) role: Role,
    pub(crate) provision: Provision,
    pub(crate) origin: Option<Uuid>,
    pub(crate) block_size: BlockSize,
    pub(crate) size_bytes: u64,
    pub(crate) published: bool,
    pub(crate) access: HostAccess,
    pub(crate) qos: [u64; 4],
    /// Sectors that were ever written.
    pub(crate) cells: BTreeMap<u64, Cell>,
}

impl Entry {
    pub(crate) fn sectors(&self) -> u64 {
        self.size_bytes / SECTOR_BYTES
    }

    pub(crate) fn cell(&mut self, sector: u64) -> &mut Cell {
        self.cells.entry(sector).or_default()
    }

    pub(crate) fn look(&self, sector: u64) -> Cell {
        self.cells.get(&sector).cloned().unwrap_or_default()
    }

    /// Its contents as a copy made between `from` and `to` has them.
    pub(crate) fn copy(&self, from: u64, to: u64) -> BTreeMap<u64, Cell> {
        self.cells.iter().map(|(sector, cell)| (*sector, cell.copy(from, to))).collect()
    }

    /// As above, for a copy that was being made when the world ended.
    pub(crate) fn copy_after_crash(&self, begun: u64) -> BTreeMap<u64, Cell> {
        self.cells.iter().map(|(sector, cell)| (*sector, cell.copy_after_crash(begun))).collect()
    }

    /// Between `begun` and `ended` it became what `snapshot` is; writes that were in flight come before or after.
    pub(crate) fn roll_back(&mut self, snapshot: &Self, begun: u64, ended: u64) {
        let sectors: BTreeSet<u64> = self.cells.keys().chain(snapshot.cells.keys()).copied().collect();
        for sector in sectors {
            let other = snapshot.look(sector);
            self.cell(sector).overwrite(&other, begun, ended);
        }
    }

    fn agrees(&self, record: &ThinRecord) -> bool {
        let shape = (self.block_size, self.size_bytes) == (record.block_size, record.size_bytes);
        let names = (&self.name, &self.app) == (&record.name, &record.app);
        let kind = (self.role, self.provision) == (record.role, record.provision);
        let access = (self.published, &self.access) == (record.published, &record.access);
        shape
            && names
            && kind
            && access
            && self.qos == record.qos
            && record.origin.is_some() == self.origin.is_some()
    }
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) entries: BTreeMap<Uuid, Entry>,
    pub(crate) apps: BTreeMap<String, AppRecord>,
    pub(crate) profile: Option<[u64; 32]>,
}

impl Model {
    /// Whether a pool says exactly this of its volumes, applications and profile.
    pub(crate) fn agrees<'r>(
        &self,
        records: impl Iterator<Item = &'r ThinRecord>,
        apps: impl Iterator<Item = &'r AppRecord>,
        profile: Option<&[u64; 32]>,
    ) -> bool {
        let records: BTreeMap<Uuid, &ThinRecord> = records.map(|record| (record.uuid, record)).collect();
        let apps: BTreeMap<&str, &AppRecord> = apps.map(|app| (app.name.as_str(), app)).collect();
        let ids: BTreeMap<Uuid, u32> = records.values().map(|record| (record.uuid, record.id)).collect();
        let same = |(uuid, entry): (&Uuid, &Entry)| {
            records.get(uuid).is_some_and(|record| {
                // An origin that is gone has no id any more.
                let origin = entry.origin.and_then(|origin| ids.get(&origin));
                entry.agrees(record) && origin.is_none_or(|origin| record.origin == Some(*origin))
            })
        };
        self.entries.len() == records.len()
            && self.entries.iter().all(same)
            && self.apps.len() == apps.len()
            && self.apps.iter().all(|(name, app)| apps.get(name.as_str()) == Some(&app))
            && self.profile.as_ref() == profile
    }
}
