//! Operations on one volume or snapshot, and on what is said of them.

use sluice_device::IoError;
use uuid::Uuid;

use super::super::super::app::AppRecord;
use super::super::super::format::entry::Entry;
use super::super::super::format::record::{
    Access, Delete, Make, Record, RemoveApp, Resize, Rollback, SetApp, SetProfile, SetQos,
};
use super::super::super::table::Table;
use super::super::super::volume::{Gate, Provision, Role, ThinRecord, Volume, map_blocks};
use super::super::Engine;
use super::{Running, Then, ThinDone};
use crate::map::{CHUNK_BLOCKS, Forest, MAX_MAP_BLOCKS, Map};
use crate::{BlockSize, HostAccess, VolumeError, VolumeIndex, VolumeSpec};

/// A clone to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneSpec {
    /// Unique among the pool's volumes: a DNS label of 1 to 63 bytes.
    pub name: String,
    /// The application that owns it: a DNS label of 1 to 63 bytes.
    pub app: String,
    /// Unique in the pool, not nil.
    pub uuid: Uuid,
}

impl Engine {
    pub(crate) fn begin_create(
        &mut self,
        spec: VolumeSpec,
        provision: Provision,
        created_us: u64,
    ) -> Result<(), VolumeError> {
        self.check_ready()?;
        spec.check()?;
        self.check_shape(spec.block_size, spec.size_bytes)?;
        let slot = self.table.free_slot(0)?;
        let thick = provision == Provision::Thick;
        let record = ThinRecord::new(
            &entry(self.table.next_id, spec, thick, created_us),
            number(slot),
            HostAccess::Any,
        );
        self.table.check_free(&record)?;
        let blocks = map_blocks(record.size_bytes);
        if thick {
            self.check_promise(blocks.div_ceil(CHUNK_BLOCKS))?;
        }
        let map = self.forest.create(blocks);
        let index = self.make(record, 0, map, (0, 1));
        self.commit(None, ThinDone::Created(index));
        Ok(())
    }

    pub(crate) fn begin_clone(
        &mut self,
        source: VolumeIndex,
        spec: CloneSpec,
        created_us: u64,
    ) -> Result<(), VolumeError> {
        self.check_ready()?;
        self.check_metadata_room()?;
        let from = self.table.find(source)?;
        let (origin, source_slot) = (from.id(), source.slot());
        let CloneSpec { name, app, uuid } = spec;
        let (size_bytes, block_size) = (from.record.size_bytes, from.record.block_size);
        let spec = VolumeSpec { name, app, size_bytes, block_size, uuid };
        spec.check()?;
        let slot = self.table.free_slot(0)?;
        let entry = Entry { origin, ..entry(self.table.next_id, spec, false, created_us) };
        let record = ThinRecord::new(&entry, number(slot), HostAccess::Any);
        self.table.check_free(&record)?;
        self.void_records(|map| map == origin);
        let map = self.forest.share(&self.table.volume(source_slot).map);
        let index = self.make(record, origin, map, (0, 1));
        self.repeat_records(|map| map == origin);
        let io = self.drains.ticket();
        self.commit(Some(io), ThinDone::Cloned(index));
        Ok(())
    }

    /// Puts a new volume or snapshot into its slot and records it.
    pub(super) fn make(&mut self, record: ThinRecord, source: u32, map: Map, part: (u8, u8)) -> VolumeIndex {
        let (index, (part, parts)) = (record.index, part);
        let make = Make { part, parts, source, entry: record.entry() };
        self.journal.append(Record::Make(Box::new(make)));
        self.table.insert(Volume { record, map, gate: Gate::Open });
        index
    }

    pub(crate) fn begin_delete(&mut self, volume: VolumeIndex) -> Result<(), VolumeError> {
        self.check_ready()?;
        let record = &self.table.find(volume)?.record;
        if record.published {
            return Err(VolumeError::Published { name: record.name.clone() });
        }
        let slot = volume.slot();
        self.table.volume_mut(slot).gate = Gate::Shut;
        self.drain(Then::Delete { slot });
        Ok(())
    }

    pub(crate) fn begin_rollback(
        &mut self,
        volume: VolumeIndex,
        snapshot: VolumeIndex,
    ) -> Result<(), VolumeError> {
        self.check_ready()?;
        let (to, from) = (&self.table.find(volume)?.record, &self.table.find(snapshot)?.record);
        if to.role == Role::Snapshot {
            return Err(VolumeError::IsSnapshot { name: to.name.clone() });
        }
        if from.role != Role::Snapshot || from.origin != Some(to.id) {
            return Err(VolumeError::NotItsSnapshot { volume: to.name.clone(), snapshot: from.name.clone() });
        }
        let (slot, snapshot) = (volume.slot(), snapshot.slot());
        self.table.volume_mut(slot).gate = Gate::HoldAll;
        self.drain(Then::Rollback { slot, snapshot });
        Ok(())
    }

    /// Waits for what is in flight.
    pub(super) fn drain(&mut self, then: Then) {
        let io = self.drains.ticket();
        self.wake = true;
        self.control.running = Some(Running::Drain { io, then });
    }

    /// The volume's I/O is over.
    pub(super) fn drained(&mut self, then: Then) {
        self.hold();
        match then {
            Then::Delete { slot } => {
                let volume = self.table.remove(slot);
                self.journal.append(Record::Delete(Delete { map: volume.id() }));
                let index = volume.record.index;
                self.forest.release(volume.map);
                self.commit(None, ThinDone::Deleted(index));
            }
            Then::Rollback { slot, snapshot } => {
                self.roll_back(slot, snapshot);
                let index = self.table.volume(slot).record.index;
                self.commit(None, ThinDone::RolledBack(index));
            }
            Then::Prepare => self.prepared(),
        }
        self.background.note_change();
        self.wake = true;
    }

    fn roll_back(&mut self, slot: usize, snapshot: usize) {
        let source = self.table.volume(snapshot).id();
        let volume = self.table.volume_mut(slot);
        volume.gate = Gate::Open;
        let id = volume.id();
        roll_back(&mut self.table, &mut self.forest, slot, snapshot);
        self.journal.append(Record::Rollback(Rollback { map: id, source }));
    }

    pub(crate) fn begin_resize(&mut self, volume: VolumeIndex, size_bytes: u64) -> Result<(), VolumeError> {
        self.check_ready()?;
        let record = self.writable(volume)?;
        let (block_size, current_bytes) = (record.block_size, record.size_bytes);
        let thick = record.provision == Provision::Thick;
        self.check_shape(block_size, size_bytes)?;
        if size_bytes < current_bytes {
            return Err(VolumeError::Shrink { size_bytes, current_bytes });
        }
        let blocks = map_blocks(size_bytes);
        if thick {
            let more = blocks.div_ceil(CHUNK_BLOCKS) - map_blocks(current_bytes).div_ceil(CHUNK_BLOCKS);
            self.check_promise(more)?;
        }
        let entry = self.table.change(volume.slot());
        entry.record.resize(size_bytes);
        self.forest.resize(&mut entry.map, blocks);
        let map = entry.id();
        self.journal.append(Record::Resize(Resize { map, size_bytes }));
        self.commit(None, ThinDone::Resized(volume));
        Ok(())
    }

    pub(crate) fn begin_access(
        &mut self,
        volume: VolumeIndex,
        published: bool,
        access: HostAccess,
    ) -> Result<(), VolumeError> {
        self.check_ready()?;
        access.check()?;
        self.writable(volume)?;
        let entry = self.table.change(volume.slot());
        (entry.record.published, entry.record.access) = (published, access.clone());
        let map = entry.id();
        self.journal.append(Record::Access(Access { map, published, access }));
        let done = if published { ThinDone::Published(volume) } else { ThinDone::Unpublished(volume) };
        self.commit(None, done);
        Ok(())
    }

    pub(crate) fn begin_set_qos(&mut self, volume: VolumeIndex, qos: [u64; 4]) -> Result<(), VolumeError> {
        self.check_ready()?;
        self.table.find(volume)?;
        let entry = self.table.change(volume.slot());
        entry.record.qos = qos;
        let map = entry.id();
        self.journal.append(Record::SetQos(SetQos { map, qos }));
        self.commit(None, ThinDone::Configured);
        Ok(())
    }

    pub(crate) fn begin_set_app(&mut self, app: AppRecord) -> Result<(), VolumeError> {
        self.check_ready()?;
        self.table.check_app(&app)?;
        self.table.set_app(app.clone());
        self.journal.append(Record::SetApp(Box::new(SetApp { app })));
        self.commit(None, ThinDone::Configured);
        Ok(())
    }

    pub(crate) fn begin_remove_app(&mut self, name: &str) -> Result<(), VolumeError> {
        self.check_ready()?;
        let name = name.to_owned();
        if self.table.volumes().any(|volume| volume.record.app == name) {
            return Err(VolumeError::AppInUse { name });
        }
        if !self.table.remove_app(&name) {
            return Err(VolumeError::NoSuchApp { name });
        }
        self.journal.append(Record::RemoveApp(RemoveApp { name }));
        self.commit(None, ThinDone::Configured);
        Ok(())
    }

    pub(crate) fn begin_set_profile(&mut self, profile: [u64; 32]) -> Result<(), VolumeError> {
        self.check_ready()?;
        self.table.profile = profile;
        self.journal.append(Record::SetProfile(Box::new(SetProfile { profile })));
        self.commit(None, ThinDone::Configured);
        Ok(())
    }

    /// The record of a volume that is no snapshot.
    pub(super) fn writable(&self, volume: VolumeIndex) -> Result<&ThinRecord, VolumeError> {
        let record = &self.table.find(volume)?.record;
        match record.role {
            Role::Volume => Ok(record),
            Role::Snapshot => Err(VolumeError::IsSnapshot { name: record.name.clone() }),
        }
    }

    fn check_shape(&self, block_size: BlockSize, size_bytes: u64) -> Result<(), VolumeError> {
        let device = self.geometry.device_block_size;
        if block_size.bytes() < device {
            return Err(VolumeError::BlockSize { volume: block_size, device });
        }
        if size_bytes == 0 || !size_bytes.is_multiple_of(u64::from(block_size.bytes())) {
            return Err(VolumeError::Size { size_bytes, block_size });
        }
        if map_blocks(size_bytes) > MAX_MAP_BLOCKS {
            return Err(VolumeError::TooLong { size_bytes });
        }
        Ok(())
    }

    /// Whether so many more chunks can be promised.
    fn check_promise(&mut self, chunks: u64) -> Result<(), VolumeError> {
        let free = u64::from(self.available_chunks());
        if chunks > free {
            let bytes = |chunks: u64| chunks * crate::map::CHUNK_BYTES;
            return Err(VolumeError::PoolFull { needed_bytes: bytes(chunks), free_bytes: bytes(free) });
        }
        Ok(())
    }

    /// Chunks that are neither in use nor promised nor metadata's.
    pub(crate) fn available_chunks(&self) -> u32 {
        let free = self.forest.space().fill().free.saturating_sub(self.geometry.reserve_chunks());
        let promised = u32::try_from(self.promised_chunks()).unwrap_or(u32::MAX);
        free.saturating_sub(promised)
    }

    /// Whether metadata may grow: snapshots and clones cost no chunk, but what is written to them later does.
    pub(super) fn check_metadata_room(&self) -> Result<(), VolumeError> {
        let free = self.forest.space().fill().free;
        if free < self.geometry.reserve_chunks() / 2 {
            let free_bytes = u64::from(free) * crate::map::CHUNK_BYTES;
            return Err(VolumeError::PoolFull { needed_bytes: crate::map::CHUNK_BYTES, free_bytes });
        }
        Ok(())
    }

    /// Why the pool takes no changes, if it does not.
    pub(crate) fn cause(&self) -> Option<(&'static str, IoError)> {
        self.cause
    }
}

/// Makes a volume's map what a snapshot's is. A volume that has grown since keeps its size.
pub(crate) fn roll_back(table: &mut Table, forest: &mut Forest, slot: usize, snapshot: usize) {
    let nothing = forest.create(0);
    let mut map = std::mem::replace(&mut table.volume_mut(slot).map, nothing);
    let blocks = map.blocks();
    forest.rollback(&mut map, &table.volume(snapshot).map);
    forest.resize(&mut map, blocks);
    table.volume_mut(slot).map = map;
}

/// What a new volume's entry says.
pub(super) fn entry(id: u32, spec: VolumeSpec, thick: bool, created_us: u64) -> Entry {
    let none = super::super::super::format::PageRef::NONE;
    Entry {
        id,
        spec,
        snapshot: false,
        thick,
        published: false,
        listed_hosts: false,
        origin: 0,
        created_us,
        qos: [0; 4],
        root: none,
        hosts: none,
    }
}

/// A slot as an index has it.
pub(super) fn number(slot: usize) -> u32 {
    u32::try_from(slot).expect("at most MAX_ENTRIES")
}
