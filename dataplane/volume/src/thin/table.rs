//! The volumes, snapshots and applications of an open pool, by slot, by id and by name.
//!
//! A checkpoint writes them as they were when it began: what changes meanwhile is set aside first.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::app::{AppRecord, MAX_APPS};
use super::format::superblock::INDEX_PAGES;
use super::format::{catalog, index};
use super::hash::NumberMap;
use super::volume::{Provision, Role, ThinRecord, Volume};
use crate::{VolumeError, VolumeIndex};

/// How many volumes and snapshots a pool can hold: what the superblock's index pages reach.
pub const MAX_ENTRIES: usize = INDEX_PAGES * index::PAGES * catalog::SLOTS;

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Vec<Option<Volume>>,
    by_id: NumberMap<u32, u32>,
    /// Names, with the origin if they are snapshots', and UUIDs.
    names: BTreeSet<(Option<u32>, String)>,
    uuids: BTreeSet<Uuid>,
    /// The lowest slot that may be free.
    lowest: usize,
    /// What the next volume or snapshot will be called.
    pub(crate) next_id: u32,
    apps: Vec<Option<AppRecord>>,
    /// What the scheduler knows of the device.
    pub(crate) profile: [u64; 32],
    /// Slots of thick volumes.
    pub(crate) thick: BTreeSet<u32>,
    /// Volumes, and snapshots.
    counts: [u32; 2],
    /// Slots and applications that are not on disk as they are here.
    changed: BTreeSet<u32>,
    changed_apps: BTreeSet<u32>,
    frozen: Option<Frozen>,
}

/// What changed since a checkpoint began, as it was then.
#[derive(Debug, Default)]
struct Frozen {
    slots: BTreeMap<u32, Option<ThinRecord>>,
    apps: BTreeMap<u32, Option<AppRecord>>,
}

/// What of a table a checkpoint has to write: slots and applications.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pub(crate) slots: BTreeSet<u32>,
    pub(crate) apps: BTreeSet<u32>,
}

/// What must be unique of a name: snapshots have theirs among those of their origin.
fn name_of(record: &ThinRecord) -> (Option<u32>, String) {
    let origin = match record.role {
        Role::Volume => None,
        Role::Snapshot => Some(record.origin.unwrap_or(0)),
    };
    (origin, record.name.clone())
}

fn number(slot: usize) -> u32 {
    u32::try_from(slot).expect("slots are few")
}

/// Where a role's count is.
fn place(role: Role) -> usize {
    match role {
        Role::Volume => 0,
        Role::Snapshot => 1,
    }
}

impl Table {
    pub(crate) fn new(next_id: u32) -> Self {
        Self { next_id, ..Self::default() }
    }

    /// Slots, used or not.
    pub(crate) fn slots(&self) -> &[Option<Volume>] {
        &self.slots
    }

    /// All volumes and snapshots, by slot.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &Volume> {
        self.slots.iter().flatten()
    }

    /// How many volumes there are, or snapshots.
    pub(crate) fn count(&self, role: Role) -> u32 {
        self.counts[place(role)]
    }

    /// The volume in a slot, to change what its record says.
    pub(crate) fn change(&mut self, slot: usize) -> &mut Volume {
        self.mark_changed(slot);
        self.volume_mut(slot)
    }

    /// The volume in a slot, for its I/O and its map: no record changes.
    #[inline]
    pub(crate) fn volume_mut(&mut self, slot: usize) -> &mut Volume {
        self.slots[slot].as_mut().expect("a volume stays while it is in use")
    }

    /// The volume in a slot.
    #[inline]
    pub(crate) fn volume(&self, slot: usize) -> &Volume {
        self.slots[slot].as_ref().expect("a volume stays while it is in use")
    }

    /// The volume that `index` names.
    #[inline]
    pub(crate) fn get(&self, index: VolumeIndex) -> Option<&Volume> {
        self.slots.get(index.slot())?.as_ref().filter(|volume| volume.record.index == index)
    }

    /// As [`get`](Self::get), with the error for who asked.
    pub(crate) fn find(&self, volume: VolumeIndex) -> Result<&Volume, VolumeError> {
        self.get(volume).ok_or(VolumeError::NoSuchVolume { volume })
    }

    /// The slot of the volume with `id`.
    pub(crate) fn slot_of(&self, id: u32) -> Option<usize> {
        self.by_id.get(&id).map(|slot| *slot as usize)
    }

    /// Whether no other volume, or snapshot of the same origin, has the name, and none the UUID.
    pub(crate) fn check_free(&self, other: &ThinRecord) -> Result<(), VolumeError> {
        if self.names.contains(&name_of(other)) {
            return Err(VolumeError::NameTaken { name: other.name.clone() });
        }
        if self.uuids.contains(&other.uuid) {
            return Err(VolumeError::UuidTaken { uuid: other.uuid });
        }
        Ok(())
    }

    /// The lowest free slot from `from` on.
    pub(crate) fn free_slot(&self, from: usize) -> Result<usize, VolumeError> {
        let start = from.max(self.lowest);
        let free = (start..self.slots.len()).find(|slot| self.slots[*slot].is_none());
        let slot = free.unwrap_or(self.slots.len().max(start));
        if slot < MAX_ENTRIES { Ok(slot) } else { Err(VolumeError::TooManyVolumes) }
    }

    /// Puts a volume into its free slot.
    pub(crate) fn insert(&mut self, volume: Volume) {
        let slot = volume.record.index.slot();
        if slot >= self.slots.len() {
            self.slots.resize_with(slot + 1, || None);
        }
        self.mark_changed(slot);
        let id = volume.id();
        self.next_id = self.next_id.max(id + 1);
        if volume.record.provision == Provision::Thick {
            self.thick.insert(number(slot));
        }
        self.names.insert(name_of(&volume.record));
        self.uuids.insert(volume.record.uuid);
        self.counts[place(volume.record.role)] += 1;
        let before = self.slots[slot].replace(volume);
        assert!(before.is_none(), "a slot is taken once");
        self.by_id.insert(id, number(slot));
    }

    /// Takes a volume out of its slot.
    pub(crate) fn remove(&mut self, slot: usize) -> Volume {
        self.mark_changed(slot);
        let volume = self.slots[slot].take().expect("who removes a volume has found it");
        self.by_id.remove(&volume.id());
        self.thick.remove(&number(slot));
        self.names.remove(&name_of(&volume.record));
        self.uuids.remove(&volume.record.uuid);
        self.counts[place(volume.record.role)] -= 1;
        self.lowest = self.lowest.min(slot);
        volume
    }

    /// Whether what is in a slot is not on disk as it is here.
    pub(crate) fn is_changed(&self, slot: usize) -> bool {
        self.changed.contains(&number(slot))
    }

    /// As [`is_changed`](Self::is_changed), of applications.
    pub(crate) fn is_app_changed(&self, slot: usize) -> bool {
        self.changed_apps.contains(&number(slot))
    }

    /// Lets the next checkpoint write what is in a slot.
    pub(crate) fn rewrite(&mut self, slot: usize) {
        self.mark_changed(slot);
    }

    /// As [`rewrite`](Self::rewrite), of applications.
    pub(crate) fn rewrite_app(&mut self, slot: usize) {
        let app = self.apps[slot].clone();
        self.put_app(slot, app);
    }

    /// What is in a slot is about to change.
    fn mark_changed(&mut self, slot: usize) {
        if let Some(frozen) = &mut self.frozen {
            let record = self.slots[slot].as_ref().map(|volume| volume.record.clone());
            frozen.slots.entry(number(slot)).or_insert(record);
        }
        self.changed.insert(number(slot));
    }

    /// The applications with records, by slot.
    pub(crate) fn apps(&self) -> &[Option<AppRecord>] {
        &self.apps
    }

    fn app_slot(&self, name: &str) -> Option<usize> {
        self.apps.iter().position(|app| app.as_ref().is_some_and(|app| app.name == name))
    }

    /// Whether an application's record would fit.
    pub(crate) fn check_app(&self, app: &AppRecord) -> Result<(), VolumeError> {
        app.check()?;
        let full = self.apps.iter().flatten().count() >= MAX_APPS;
        if full && self.app_slot(&app.name).is_none() { Err(VolumeError::TooManyApps) } else { Ok(()) }
    }

    /// Puts an application's record in place of the one before, if any.
    pub(crate) fn set_app(&mut self, app: AppRecord) {
        let free = || self.apps.iter().position(Option::is_none).unwrap_or(self.apps.len());
        let slot = self.app_slot(&app.name).unwrap_or_else(free);
        self.put_app(slot, Some(app));
    }

    /// Takes an application's record away; whether there was one.
    pub(crate) fn remove_app(&mut self, name: &str) -> bool {
        let slot = self.app_slot(name);
        slot.inspect(|slot| self.put_app(*slot, None)).is_some()
    }

    /// Puts a record into a slot.
    pub(crate) fn put_app(&mut self, slot: usize, app: Option<AppRecord>) {
        if slot >= self.apps.len() {
            self.apps.resize_with(slot + 1, || None);
        }
        let before = std::mem::replace(&mut self.apps[slot], app);
        if let Some(frozen) = &mut self.frozen {
            frozen.apps.entry(number(slot)).or_insert(before);
        }
        self.changed_apps.insert(number(slot));
    }

    /// Everything is on disk as it is here.
    pub(crate) fn loaded(&mut self) {
        self.changed.clear();
        self.changed_apps.clear();
    }

    /// A checkpoint begins: it writes what has changed until now, as it is now.
    pub(crate) fn freeze(&mut self) -> Changed {
        self.frozen = Some(Frozen::default());
        Changed { slots: std::mem::take(&mut self.changed), apps: std::mem::take(&mut self.changed_apps) }
    }

    /// What was in a slot when the checkpoint began.
    pub(crate) fn frozen(&self, slot: usize) -> Option<&ThinRecord> {
        let aside = self.frozen.as_ref().and_then(|frozen| frozen.slots.get(&number(slot)));
        let now = || self.slots.get(slot)?.as_ref().map(|volume| &volume.record);
        aside.map_or_else(now, Option::as_ref)
    }

    /// Which application was in a slot when the checkpoint began.
    pub(crate) fn frozen_app(&self, slot: usize) -> Option<&AppRecord> {
        let aside = self.frozen.as_ref().and_then(|frozen| frozen.apps.get(&number(slot)));
        aside.map_or_else(|| self.apps.get(slot)?.as_ref(), Option::as_ref)
    }

    /// The checkpoint is over.
    pub(crate) fn thaw(&mut self) {
        self.frozen = None;
    }
}
