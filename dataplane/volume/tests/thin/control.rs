//! Control operations: what is asked, and what the model says of it before, after and in between.

use std::collections::BTreeMap;

use sluice_device::Nanos;
use sluice_volume::thin::{AppRecord, CloneSpec, Label, Provision, Role, SnapshotSpec, ThinDone};
use sluice_volume::{BlockSize, HostAccess, VolumeError, VolumeIndex, VolumeSpec};
use uuid::Uuid;

use crate::cell::Cell;
use crate::io::block_sizes;
use crate::model::{Entry, Model};
use crate::world::World;

/// A snapshot or clone being made.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    of: Uuid,
    uuid: Uuid,
    entry: Entry,
}

/// What is under way.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Create(Uuid, Entry),
    Delete(Uuid),
    Copies(Vec<Copy>),
    Rollback { volume: Uuid, snapshot: Uuid },
    Entry(Uuid, Entry),
    App(AppRecord),
    RemoveApp(String),
    Profile([u64; 32]),
    Prepare(Vec<Copy>),
    Abort,
    Checkpoint,
}

impl Change {
    /// In few words, without contents.
    fn brief(&self) -> String {
        let copies = |copies: &[Copy]| copies.iter().map(|copy| (copy.of, copy.uuid)).collect::<Vec<_>>();
        match self {
            Self::Create(uuid, entry) => format!("create {uuid} of {} bytes", entry.size_bytes),
            Self::Entry(uuid, entry) => format!("change {uuid} of {} bytes", entry.size_bytes),
            Self::Copies(all) => format!("copy {:?}", copies(all)),
            Self::Prepare(all) => format!("prepare {:?}", copies(all)),
            other => format!("{other:?}"),
        }
    }
}

/// An operation in flight.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    change: Change,
    begun: u64,
}

impl Pending {
    /// Whether the model would lose sight of I/O to this volume.
    pub(crate) fn forbids_io(&self, uuid: Uuid) -> bool {
        match &self.change {
            Change::Delete(volume) | Change::Rollback { volume, .. } => *volume == uuid,
            _ => false,
        }
    }

    /// The model if the operation happened although nobody was told.
    pub(crate) fn after_crash(&self, model: &Model) -> Model {
        let mut after = model.clone();
        match &self.change {
            Change::Copies(copies) => {
                for copy in copies {
                    let cells = model.entries[&copy.of].copy_after_crash(self.begun);
                    after.entries.insert(copy.uuid, Entry { cells, ..copy.entry.clone() });
                }
            }
            Change::Rollback { volume, snapshot } => {
                let entry = after.entries.get_mut(volume).unwrap();
                entry.roll_back(&model.entries[snapshot], self.begun, u64::MAX - 1);
            }
            change => apply(&mut after, change),
        }
        after
    }

    /// For a rollback: the volume.
    pub(crate) fn rollback(&self) -> Option<Uuid> {
        match &self.change {
            Change::Rollback { volume, .. } => Some(*volume),
            _ => None,
        }
    }
}

/// What changes that copy nothing do to the model.
fn apply(model: &mut Model, change: &Change) {
    match change {
        Change::Create(uuid, entry) => drop(model.entries.insert(*uuid, entry.clone())),
        Change::Delete(uuid) => drop(model.entries.remove(uuid)),
        Change::Entry(uuid, entry) => {
            let cells = std::mem::take(&mut model.entries.get_mut(uuid).unwrap().cells);
            model.entries.insert(*uuid, Entry { cells, ..entry.clone() });
        }
        Change::App(app) => drop(model.apps.insert(app.name.clone(), app.clone())),
        Change::RemoveApp(name) => drop(model.apps.remove(name)),
        Change::Profile(profile) => model.profile = Some(*profile),
        Change::Copies(_)
        | Change::Rollback { .. }
        | Change::Prepare(_)
        | Change::Abort
        | Change::Checkpoint => {}
    }
}

impl World {
    /// Begins some operation if none is under way.
    pub(crate) fn begin_control(&mut self) {
        if self.control.is_some() {
            return;
        }
        if let Some(copies) = self.prepared.take() {
            return self.end_group(copies);
        }
        let begun = self.tick();
        if let Some((change, outcome)) = self.choose_change() {
            self.tell(|| format!("{}: {outcome:?}", change.brief()));
            match outcome {
                Ok(()) => self.control = Some(Pending { change, begun }),
                Err(VolumeError::PoolFull { .. }) => self.seen.refused += 1,
                Err(error) => panic!("{change:?} is refused: {error}"),
            }
        }
    }

    fn choose_change(&mut self) -> Option<(Change, Result<(), VolumeError>)> {
        let volumes = self.of_role(Role::Volume);
        match self.random.below(100) {
            _ if volumes.is_empty() => self.create(),
            0..12 if volumes.len() < 5 => self.create(),
            12..40 => self.snapshot(&volumes),
            40..52 => self.copy_of_any(),
            52..62 => self.roll_back(),
            62..76 => self.delete(),
            76..82 => self.resize(&volumes),
            82..88 => self.publish(&volumes),
            88..94 => self.configure(&volumes),
            94..97 => {
                self.seen.checkpoints += 1;
                Some((Change::Checkpoint, self.pool.begin_checkpoint()))
            }
            _ => None,
        }
    }

    fn of_role(&self, role: Role) -> Vec<Uuid> {
        let entries = self.model.entries.iter().filter(|(_, entry)| entry.role == role);
        entries.map(|(uuid, _)| *uuid).collect()
    }

    fn pick(&mut self, from: &[Uuid]) -> Option<Uuid> {
        if from.is_empty() { None } else { Some(from[self.random.index(from.len())]) }
    }

    fn name(&mut self) -> String {
        format!("n{}", self.random.next())
    }

    fn size_bytes(&mut self, block_size: BlockSize) -> u64 {
        let unit = u64::from(block_size.bytes());
        let bytes = match self.random.below(10) {
            0..7 => (1 << 19) + self.random.below(1 << 20),
            7..9 => (1 << 17) * (1 + self.random.below(8)),
            // More than a leaf, more than an interior node.
            _ => self.random.below(80 << 30),
        };
        (bytes / unit).max(1) * unit
    }

    fn blank(&mut self, block_size: BlockSize, size_bytes: u64) -> Entry {
        Entry {
            name: self.name(),
            app: "app".to_owned(),
            role: Role::Volume,
            provision: Provision::Thin,
            origin: None,
            block_size,
            size_bytes,
            published: false,
            access: HostAccess::Any,
            qos: [0; 4],
            cells: BTreeMap::new(),
        }
    }

    fn create(&mut self) -> Option<(Change, Result<(), VolumeError>)> {
        let sizes = block_sizes(self.pool.device());
        let block_size = sizes[self.random.index(sizes.len())];
        let size_bytes = self.size_bytes(block_size);
        let (uuid, mut entry) = (self.uuid(), self.blank(block_size, size_bytes));
        if self.random.chance(150) {
            entry.provision = Provision::Thick;
        }
        let (name, app) = (entry.name.clone(), entry.app.clone());
        let spec = VolumeSpec { name, app, size_bytes, block_size, uuid };
        let outcome = self.pool.begin_create(spec, entry.provision, 7);
        Some((Change::Create(uuid, entry), outcome))
    }

    /// A copy of a volume or snapshot, and what is said of it.
    fn copy(&mut self, of: Uuid, role: Role) -> Copy {
        let source = self.model.entries[&of].clone();
        let blank = self.blank(source.block_size, source.size_bytes);
        let entry = Entry { role, origin: Some(of), app: source.app, ..blank };
        Copy { of, uuid: self.uuid(), entry }
    }

    fn snapshot(&mut self, volumes: &[Uuid]) -> Option<(Change, Result<(), VolumeError>)> {
        if self.model.entries.len() > 12 {
            return self.delete();
        }
        let mut group: Vec<Uuid> = volumes.to_vec();
        while group.len() > 1 && self.random.chance(600) {
            let at = self.random.index(group.len());
            group.swap_remove(at);
        }
        let copies: Vec<Copy> = group.into_iter().map(|of| self.copy(of, Role::Snapshot)).collect();
        let specs: Vec<SnapshotSpec> = copies
            .iter()
            .map(|copy| SnapshotSpec {
                volume: self.index(copy.of),
                name: copy.entry.name.clone(),
                uuid: copy.uuid,
            })
            .collect();
        if self.random.chance(150) {
            let deadline = Nanos(self.now.0 + self.random.below(1 << 30));
            return Some((Change::Prepare(copies), self.pool.begin_prepare(specs, 8, deadline)));
        }
        Some((Change::Copies(copies), self.pool.begin_snapshot(&specs, 8)))
    }

    fn copy_of_any(&mut self) -> Option<(Change, Result<(), VolumeError>)> {
        let all: Vec<Uuid> = self.model.entries.keys().copied().collect();
        let of = self.pick(&all).filter(|_| self.model.entries.len() <= 12)?;
        let copy = self.copy(of, Role::Volume);
        let spec = CloneSpec { name: copy.entry.name.clone(), app: copy.entry.app.clone(), uuid: copy.uuid };
        let outcome = self.pool.begin_clone(self.index(of), spec, 9);
        Some((Change::Copies(vec![copy]), outcome))
    }

    fn roll_back(&mut self) -> Option<(Change, Result<(), VolumeError>)> {
        let snapshots = self.of_role(Role::Snapshot);
        let snapshot = self.pick(&snapshots)?;
        let volume = self.model.entries[&snapshot].origin?;
        if !self.model.entries.contains_key(&volume) {
            let outcome = self.pool.begin_rollback(self.index(snapshot), self.index(snapshot));
            assert!(matches!(outcome, Err(VolumeError::IsSnapshot { .. })));
            return None;
        }
        let outcome = self.pool.begin_rollback(self.index(volume), self.index(snapshot));
        if outcome.is_ok() {
            self.note_zeroes_before(volume, snapshot);
        }
        Some((Change::Rollback { volume, snapshot }, outcome))
    }

    fn delete(&mut self) -> Option<(Change, Result<(), VolumeError>)> {
        let all: Vec<Uuid> = self.model.entries.keys().copied().collect();
        let uuid = self.pick(&all)?;
        let outcome = self.pool.begin_delete(self.index(uuid));
        if self.model.entries[&uuid].published {
            assert!(matches!(outcome, Err(VolumeError::Published { .. })), "{outcome:?}");
            self.seen.refused += 1;
            return None;
        }
        Some((Change::Delete(uuid), outcome))
    }

    fn resize(&mut self, volumes: &[Uuid]) -> Option<(Change, Result<(), VolumeError>)> {
        let uuid = self.pick(volumes)?;
        let mut entry = self.model.entries[&uuid].clone();
        let size_bytes = self.size_bytes(entry.block_size);
        let outcome = self.pool.begin_resize(self.index(uuid), size_bytes);
        if size_bytes < entry.size_bytes {
            assert!(matches!(outcome, Err(VolumeError::Shrink { .. })), "{outcome:?}");
            self.seen.refused += 1;
            return None;
        }
        entry.size_bytes = size_bytes;
        Some((Change::Entry(uuid, entry), outcome))
    }

    fn publish(&mut self, volumes: &[Uuid]) -> Option<(Change, Result<(), VolumeError>)> {
        let uuid = self.pick(volumes)?;
        let mut entry = self.model.entries[&uuid].clone();
        let index = self.index(uuid);
        entry.published = self.random.chance(600);
        if !entry.published {
            entry.access = HostAccess::Any;
            return Some((Change::Entry(uuid, entry), self.pool.begin_unpublish(index)));
        }
        let hosts = (0..self.random.below(4)).map(|host| format!("nqn.2014-08.org.example:{host}"));
        entry.access =
            if self.random.chance(500) { HostAccess::Any } else { HostAccess::Hosts(hosts.collect()) };
        let outcome = self.pool.begin_publish(index, entry.access.clone());
        Some((Change::Entry(uuid, entry), outcome))
    }

    fn configure(&mut self, volumes: &[Uuid]) -> Option<(Change, Result<(), VolumeError>)> {
        match self.random.below(4) {
            0 => {
                let uuid = self.pick(volumes)?;
                let mut entry = self.model.entries[&uuid].clone();
                entry.qos = [self.random.next(), 0, 1, 2];
                let outcome = self.pool.begin_set_qos(self.index(uuid), entry.qos);
                Some((Change::Entry(uuid, entry), outcome))
            }
            1 => {
                let label = |number| Label { key: format!("k{number}"), value: "v".repeat(number) };
                let name = format!("app{}", self.random.below(40));
                let labels = (0..self.random.index(17)).map(label).collect();
                let app = AppRecord { name, labels, qos: [self.random.next(); 16] };
                Some((Change::App(app.clone()), self.pool.begin_set_app(app)))
            }
            2 => {
                assert!(self.pool.begin_remove_app("app").is_err());
                let name = self.model.apps.keys().next()?.clone();
                let outcome = self.pool.begin_remove_app(&name);
                Some((Change::RemoveApp(name), outcome))
            }
            _ => {
                let profile = [self.random.next() | 1; 32];
                Some((Change::Profile(profile), self.pool.begin_set_profile(profile)))
            }
        }
    }

    /// Commits or aborts a prepared group.
    fn end_group(&mut self, copies: Vec<Copy>) {
        let begun = self.tick();
        let commit = self.random.chance(700);
        let outcome = if commit { self.pool.begin_commit() } else { self.pool.begin_abort() };
        match outcome {
            Ok(()) => {
                let change = if commit { Change::Copies(copies) } else { Change::Abort };
                self.control = Some(Pending { change, begun });
            }
            // Its deadline has passed.
            Err(VolumeError::NothingPrepared) => {}
            Err(error) => panic!("a prepared group is refused: {error}"),
        }
    }

    /// The operation is over.
    pub(crate) fn end_control(&mut self, result: Result<ThinDone, VolumeError>) {
        self.tell(|| format!("{result:?}"));
        self.seen.controls += 1;
        let pending = self.control.take().expect("an operation was under way");
        let now = self.tick();
        match result {
            Ok(done) => self.happened(pending, &done, now),
            Err(VolumeError::PrepareExpired) => {
                assert!(matches!(pending.change, Change::Prepare(_)));
            }
            // The pool is suspended: it happened or it did not.
            Err(VolumeError::Io { .. }) => self.control = Some(pending),
            Err(error) => panic!("{pending:?} failed: {error}"),
        }
    }

    fn happened(&mut self, pending: Pending, done: &ThinDone, now: u64) {
        match pending.change {
            Change::Copies(copies) => {
                let made: Vec<VolumeIndex> = match done {
                    ThinDone::Snapshotted(made) => made.clone(),
                    ThinDone::Cloned(made) => vec![*made],
                    _ => panic!("{done:?} copies nothing"),
                };
                let uuids: Vec<Uuid> =
                    made.iter().map(|made| self.pool.volume(*made).unwrap().uuid).collect();
                assert_eq!(uuids, copies.iter().map(|copy| copy.uuid).collect::<Vec<_>>());
                for copy in &copies {
                    let cells = self.model.entries[&copy.of].copy(pending.begun, now);
                    self.model.entries.insert(copy.uuid, Entry { cells, ..copy.entry.clone() });
                }
                if self.random.chance(300) {
                    self.check_moment(&copies, pending.begun, now);
                }
            }
            Change::Rollback { volume, snapshot } => {
                let snapshot = self.model.entries[&snapshot].clone();
                self.model.entries.get_mut(&volume).unwrap().roll_back(&snapshot, pending.begun, now);
            }
            Change::Prepare(copies) => self.prepared = Some(copies),
            change => apply(&mut self.model, &change),
        }
        if self.random.chance(100) {
            self.compare_snapshots();
        }
    }

    /// A group's snapshots are of one moment: whatever is in one, is in all that could depend on it.
    fn check_moment(&mut self, copies: &[Copy], from: u64, to: u64) {
        let (mut first, mut last) = (from, to);
        for copy in copies {
            let sources = self.model.entries[&copy.of].cells.clone();
            let index = self.index(copy.uuid);
            for (sector, cell) in sources {
                let found = self.read_sectors(index, sector, 1)[0];
                let (begin, end) = cell.moments(found, from, to);
                assert!(begin <= end, "sector {sector} of a snapshot holds {found}: {cell:?}");
                let entry = self.model.entries.get_mut(&copy.uuid).unwrap();
                entry.cells.insert(sector, Cell::settled(found));
                (first, last) = (first.max(begin), last.min(end));
            }
        }
        assert!(first <= last, "the snapshots of a group are of no single moment");
    }

    /// What differs between two snapshots of a volume is told, whatever way the changes are walked.
    fn compare_snapshots(&mut self) {
        let snapshots = self.of_role(Role::Snapshot);
        let (Some(older), Some(newer)) = (self.pick(&snapshots), self.pick(&snapshots)) else { return };
        if self.model.entries[&older].origin != self.model.entries[&newer].origin {
            return;
        }
        let (old, new) = (self.index(older), self.index(newer));
        let mut changed = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next {
            let mut into = vec![Default::default(); 1 + self.random.index(20)];
            let limit = 1 + self.random.index(5);
            let step = self.pool.changes(Some(old), new, from, limit, &mut into).unwrap();
            changed.extend(into[..step.filled].iter().map(|one| one.start..one.start + one.blocks));
            next = step.next;
        }
        let size = self.model.entries[&newer].sectors().min(self.model.entries[&older].sectors());
        let cells: Vec<u64> = [older, newer]
            .iter()
            .flat_map(|uuid| self.model.entries[uuid].cells.keys().copied())
            .filter(|sector| *sector < size)
            .collect();
        for sector in cells.into_iter().take(40) {
            let differ = self.read_sectors(old, sector, 1) != self.read_sectors(new, sector, 1);
            let told = changed.iter().any(|blocks| blocks.contains(&(sector / 8)));
            assert!(told || !differ, "sector {sector} differs, which {changed:?} does not tell");
        }
        self.seen.compared += 1;
    }
}
