//! Snapshots, of one volume or of several at one moment.
//!
//! Within a pool no I/O is held: all maps are shared at once, and what completed before is in the snapshots. A group
//! that spans pools is prepared in each (its volumes take no writes from then on), then committed in each, so that no
//! write that depends on another is in the snapshots without it. A bound of time ends a preparation whose end is lost.

use sluice_device::Nanos;
use uuid::Uuid;

use super::super::super::format::entry::Entry;
use super::super::super::volume::{Gate, ThinRecord};
use super::super::Engine;
use super::volume::{entry, number};
use super::{Running, Then, ThinDone};
use crate::{HostAccess, VolumeError, VolumeIndex, VolumeSpec};

/// Snapshots that can be taken at once: their records must fit what the journal keeps for them.
pub const MAX_GROUP: usize = 64;

/// A snapshot to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSpec {
    /// Of which volume.
    pub volume: VolumeIndex,
    /// Unique among the volume's snapshots: a DNS label of 1 to 63 bytes.
    pub name: String,
    /// Unique in the pool, not nil.
    pub uuid: Uuid,
}

/// A group whose volumes take no writes.
#[derive(Debug)]
pub(crate) struct Prepared {
    specs: Vec<SnapshotSpec>,
    created_us: u64,
    pub(super) deadline: Nanos,
}

impl Engine {
    pub(crate) fn begin_snapshot(
        &mut self,
        specs: &[SnapshotSpec],
        created_us: u64,
    ) -> Result<(), VolumeError> {
        self.check_ready()?;
        self.snapshot(specs, created_us)
    }

    fn snapshot(&mut self, specs: &[SnapshotSpec], created_us: u64) -> Result<(), VolumeError> {
        let records = self.check_group(specs, created_us)?;
        let origins: Vec<u32> = records.iter().filter_map(|record| record.origin).collect();
        let narrow = |number: usize| u8::try_from(number).expect("at most MAX_GROUP");
        let parts = narrow(records.len());
        self.void_records(|map| origins.contains(&map));
        let mut made = Vec::with_capacity(records.len());
        for (at, (record, spec)) in records.into_iter().zip(specs).enumerate() {
            let origin = record.origin.expect("a snapshot has an origin");
            let map = self.forest.share(&self.table.volume(spec.volume.slot()).map);
            made.push(self.make(record, origin, map, (narrow(at), parts)));
        }
        self.repeat_records(|map| origins.contains(&map));
        let io = self.drains.ticket();
        self.commit(Some(io), ThinDone::Snapshotted(made));
        Ok(())
    }

    /// Checks a group; gives the records of its snapshots.
    fn check_group(&self, specs: &[SnapshotSpec], created_us: u64) -> Result<Vec<ThinRecord>, VolumeError> {
        if specs.is_empty() || specs.len() > MAX_GROUP {
            return Err(VolumeError::Group { count: specs.len() });
        }
        self.check_metadata_room()?;
        let (mut records, mut slot): (Vec<ThinRecord>, usize) = (Vec::with_capacity(specs.len()), 0);
        for (id, spec) in (self.table.next_id..).zip(specs) {
            slot = self.table.free_slot(slot)?;
            let record = self.snapshot_record(spec, id, slot, created_us)?;
            let twin = |other: &ThinRecord| other.uuid == record.uuid || other.origin == record.origin;
            if records.iter().any(twin) {
                return Err(VolumeError::GroupTwice { name: spec.name.clone() });
            }
            records.push(record);
            slot += 1;
        }
        Ok(records)
    }

    fn snapshot_record(
        &self,
        spec: &SnapshotSpec,
        id: u32,
        slot: usize,
        created_us: u64,
    ) -> Result<ThinRecord, VolumeError> {
        let volume = self.writable(spec.volume)?;
        let of = VolumeSpec {
            name: spec.name.clone(),
            app: volume.app.clone(),
            size_bytes: volume.size_bytes,
            block_size: volume.block_size,
            uuid: spec.uuid,
        };
        of.check()?;
        let entry = Entry { snapshot: true, origin: volume.id, ..entry(id, of, false, created_us) };
        let record = ThinRecord::new(&entry, number(slot), HostAccess::Any);
        self.table.check_free(&record).map(|()| record)
    }

    pub(crate) fn begin_prepare(
        &mut self,
        specs: Vec<SnapshotSpec>,
        created_us: u64,
        deadline: Nanos,
    ) -> Result<(), VolumeError> {
        self.check_ready()?;
        self.check_group(&specs, created_us)?;
        for spec in &specs {
            self.table.volume_mut(spec.volume.slot()).gate = Gate::HoldWrites;
        }
        self.control.prepared = Some(Prepared { specs, created_us, deadline });
        self.drain(Then::Prepare);
        Ok(())
    }

    /// The group's volumes have no writes in flight.
    pub(super) fn prepared(&mut self) {
        self.conclude(Ok(ThinDone::Prepared));
    }

    pub(crate) fn begin_commit(&mut self) -> Result<(), VolumeError> {
        if self.control.is_busy() {
            return Err(VolumeError::Busy);
        }
        let prepared = self.release_group().ok_or(VolumeError::NothingPrepared)?;
        self.snapshot(&prepared.specs, prepared.created_us)
    }

    pub(crate) fn begin_abort(&mut self) -> Result<(), VolumeError> {
        if self.control.is_busy() {
            return Err(VolumeError::Busy);
        }
        self.release_group().ok_or(VolumeError::NothingPrepared)?;
        self.conclude(Ok(ThinDone::Aborted));
        Ok(())
    }

    /// Lets the group's volumes take writes again.
    pub(super) fn release_group(&mut self) -> Option<Prepared> {
        let prepared = self.control.prepared.take()?;
        for spec in &prepared.specs {
            self.table.volume_mut(spec.volume.slot()).gate = Gate::Open;
        }
        self.wake = true;
        Some(prepared)
    }

    /// Ends a preparation that took too long.
    pub(super) fn expire_group(&mut self, now: Nanos) {
        if self.control_deadline().is_some_and(|deadline| deadline <= now) {
            self.release_group();
            if let Some(Running::Drain { then: Then::Prepare, .. }) = self.control.running {
                self.conclude(Err(VolumeError::PrepareExpired));
            }
        }
    }
}
