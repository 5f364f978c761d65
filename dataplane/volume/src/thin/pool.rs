//! The pool as its owner sees it: the engine and its device.

use std::os::fd::BorrowedFd;

use sluice_device::{BlockDevice, Completion, DeviceInfo, IoError, Nanos, Pool};
use uuid::Uuid;

use super::FormatOptions;
use super::app::AppRecord;
use super::check::{CheckProgress, LiveReport};
use super::engine::control::ThinDone;
use super::engine::{CloneSpec, Engine, Flaw, LONGEST_ZERO_BYTES, SnapshotSpec};
use super::open::{Goal, Load};
use super::side::Background;
use super::volume::{Provision, Role, ThinRecord};
use crate::map::{CHUNK_BYTES, Change, Changes, Level, Thresholds, Usage};
use crate::pool::VolumeLimits;
use crate::{HostAccess, PoolState, VolumeError, VolumeIndex, VolumeIo, VolumeSpec};

/// A pool's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThinInfo {
    /// Names the pool.
    pub uuid: Uuid,
    /// Of the superblock: checkpoints so far.
    pub generation: u64,
    /// Bytes that volumes can fill.
    pub capacity_bytes: u64,
    /// Of these, free and promised to nobody.
    pub free_bytes: u64,
    /// Promised to thick volumes and not yet written.
    pub promised_bytes: u64,
    /// In use by metadata, superblocks and journal.
    pub metadata_bytes: u64,
    /// How urgent more space is.
    pub level: Level,
    /// Something that was deleted or unmapped still holds space.
    pub reclaiming: bool,
    /// How much of that is known by now.
    pub reclaiming_bytes: u64,
    /// Volumes.
    pub volumes: u32,
    /// Snapshots.
    pub snapshots: u32,
}

/// Where warnings begin.
const THRESHOLDS: Thresholds = Thresholds { low_percent: 80, critical_percent: 95 };

/// Thin volumes on one device; see the [module](super).
#[derive(Debug)]
pub struct ThinPool<D = Box<dyn BlockDevice>> {
    device: D,
    engine: Engine,
    completions: Vec<Completion>,
}

/// Completions taken from the device at once.
const BATCH: usize = 64;

impl<D: BlockDevice> ThinPool<D> {
    /// Takes over `device`, still closed. `buffers`, the device's pool, lends some 600 KiB for good.
    ///
    /// # Errors
    /// [`VolumeError::DeviceBlockSize`], [`VolumeError::DeviceTooSmall`], [`VolumeError::NoBuffer`].
    pub fn new(device: D, buffers: &Pool) -> Result<Self, VolumeError> {
        let engine = Engine::new(device.info(), buffers)?;
        let completions = std::iter::repeat_with(Completion::default).take(BATCH).collect();
        Ok(Self { device, engine, completions })
    }

    /// Takes I/Os from the front of `ios`, and their buffers out of them, until as many are in flight as the device's
    /// queue is deep.
    ///
    /// Returns how many were accepted. An I/O to a volume that does not exist (any more), beyond its end, or against
    /// the pool's limits is accepted and completes with the error. One device submission per call.
    #[must_use]
    pub fn submit(&mut self, now: Nanos, ios: &mut [VolumeIo]) -> usize {
        let accepted = self.engine.submit(now, ios);
        self.engine.advance(now);
        self.send(now);
        accepted
    }

    /// Overwrites the front of `completions` with what is done, under the callers' tags; returns how many.
    ///
    /// Also drives control operations and work on the side: call it at [`next_deadline`](Self::next_deadline) even
    /// with no I/O in flight.
    #[must_use]
    pub fn poll(&mut self, now: Nanos, completions: &mut [Completion]) -> usize {
        let mut filled = self.engine.ready.drain_into(completions);
        loop {
            let room = (completions.len() - filled).min(self.completions.len());
            let count = self.device.poll(now, &mut self.completions[..room.max(1)]);
            for completion in &mut self.completions[..count] {
                if let Some(done) = self.engine.complete(now, std::mem::take(completion)) {
                    if filled < completions.len() {
                        completions[filled] = done;
                        filled += 1;
                    } else {
                        self.engine.keep(done);
                    }
                }
            }
            if count < room.max(1) || filled == completions.len() {
                break;
            }
        }
        self.engine.advance(now);
        self.send(now);
        filled + self.engine.ready.drain_into(&mut completions[filled..])
    }

    /// Hands the outbox to the device, as far as that has room.
    fn send(&mut self, now: Nanos) {
        if self.engine.outbox.is_empty() {
            return;
        }
        let taken = self.device.submit(now, &mut self.engine.outbox);
        self.engine.outbox.drain(..taken);
    }

    /// From now on requests of work on the side, such as checkpoints, wait for turns; see
    /// [`background`](Self::background).
    pub fn schedule_background(&mut self) {
        self.engine.side.schedule();
    }

    /// The next request of work on the side that wants its turn. It is sent some time after
    /// [`go_background`](Self::go_background); what hosts wait for does not ask.
    pub fn background(&mut self) -> Option<Background> {
        self.engine.side.ask(self.engine.geometry.device_block_size)
    }

    /// The turn of a request has come.
    ///
    /// # Panics
    /// If it did not ask.
    pub fn go_background(&mut self, slot: u32) {
        self.engine.outbox.extend([self.engine.side.go(slot)]);
    }

    /// The slot of a request that has completed, once.
    pub fn background_done(&mut self) -> Option<u32> {
        self.engine.side.take_done()
    }

    /// Volume I/O accepted and not yet yielded by `poll`.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.engine.in_flight() + self.engine.ready.len()
    }

    /// As [`BlockDevice::next_deadline`]; due at once also while there is something to do without the device.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        if self.is_ready() {
            return Some(Nanos::ZERO);
        }
        [self.engine.next_deadline(), self.device.next_deadline()].into_iter().flatten().min()
    }

    /// Whether `poll` has something to do at once.
    fn is_ready(&self) -> bool {
        let room = self.device.in_flight() < self.device.info().queue_depth as usize;
        room && !self.engine.outbox.is_empty() || self.engine.side.wants()
    }

    /// Whether nothing is at the device, or on its way there.
    pub(crate) fn is_quiet(&self) -> bool {
        self.engine.outbox.is_empty() && self.device.in_flight() == 0
    }

    /// As [`BlockDevice::wake_fd`].
    #[must_use]
    pub fn wake_fd(&self) -> Option<BorrowedFd<'_>> {
        self.device.wake_fd()
    }

    /// As [`BlockDevice::arm`].
    #[must_use]
    pub fn arm(&mut self) -> bool {
        !self.is_ready() && self.engine.next_deadline() != Some(Nanos::ZERO) && self.device.arm()
    }

    /// As [`BlockDevice::disarm`].
    pub fn disarm(&mut self) {
        self.device.disarm();
    }

    /// The device below.
    #[must_use]
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device below, to trouble it.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// What the device below is and can do.
    #[must_use]
    pub fn device_info(&self) -> &DeviceInfo {
        self.device.info()
    }

    /// Gives the device back; I/O in flight is the device's affair.
    #[must_use]
    pub fn into_device(self) -> D {
        self.device
    }

    /// Whether the pool serves.
    #[must_use]
    pub fn state(&self) -> PoolState {
        match self.engine.state {
            PoolState::Open if !self.engine.serving => PoolState::Closed,
            state => state,
        }
    }

    /// What failed, if the pool is suspended.
    #[must_use]
    pub fn cause(&self) -> Option<(&'static str, IoError)> {
        self.engine.cause()
    }

    /// The pool's numbers; `None` while closed.
    #[must_use]
    pub fn info(&self) -> Option<ThinInfo> {
        if self.state() == PoolState::Closed {
            return None;
        }
        let (engine, fill) = (&self.engine, self.engine.forest.space().fill());
        Some(ThinInfo {
            uuid: engine.superblock.pool,
            generation: engine.superblock.generation,
            capacity_bytes: engine.geometry.capacity_bytes(),
            free_bytes: u64::from(engine.available_chunks()) * CHUNK_BYTES,
            promised_bytes: engine.promised_chunks() * CHUNK_BYTES,
            metadata_bytes: u64::from(fill.metadata) * CHUNK_BYTES,
            level: fill.level(THRESHOLDS),
            reclaiming: engine.forest.held() > 0 || engine.forest.is_reclaiming(),
            reclaiming_bytes: engine.forest.reclaimable() * CHUNK_BYTES,
            volumes: engine.table.count(Role::Volume),
            snapshots: engine.table.count(Role::Snapshot),
        })
    }

    /// The volumes and snapshots, by slot. One being deleted is listed until it is gone.
    pub fn volumes(&self) -> impl Iterator<Item = &ThinRecord> {
        self.engine.table.volumes().map(|volume| &volume.record)
    }

    /// Those in at most `count` slots from `from` on, and where the slots behind them begin.
    pub fn volumes_from(
        &self,
        from: usize,
        count: usize,
    ) -> (impl Iterator<Item = &ThinRecord>, Option<usize>) {
        let slots = self.engine.table.slots();
        let begin = from.min(slots.len());
        let end = begin.saturating_add(count).min(slots.len());
        let records = slots[begin..end].iter().flatten().map(|volume| &volume.record);
        (records, (end < slots.len()).then_some(end))
    }

    /// The volume or snapshot whose [`id`](ThinRecord::id) this is, if it exists.
    #[must_use]
    pub fn by_id(&self, id: u32) -> Option<&ThinRecord> {
        let table = &self.engine.table;
        table.slot_of(id).map(|slot| &table.volume(slot).record)
    }

    /// The volume or snapshot that `index` names, if it exists.
    #[must_use]
    pub fn volume(&self, index: VolumeIndex) -> Option<&ThinRecord> {
        self.engine.table.get(index).map(|volume| &volume.record)
    }

    /// The longest I/O to a volume, if it exists.
    #[must_use]
    pub fn limits(&self, index: VolumeIndex) -> Option<VolumeLimits> {
        let block_size = self.volume(index)?.block_size.bytes();
        let blocks = |bytes: u64| u32::try_from(bytes / u64::from(block_size)).unwrap_or(u32::MAX);
        Some(VolumeLimits {
            max_transfer_blocks: blocks(self.engine.max_transfer_bytes),
            max_write_zeroes_blocks: blocks(LONGEST_ZERO_BYTES),
            max_deallocate_blocks: blocks(LONGEST_ZERO_BYTES),
        })
    }

    /// What a volume or snapshot takes: exact, and at once.
    #[must_use]
    pub fn usage(&self, index: VolumeIndex) -> Option<Usage> {
        self.engine.table.get(index).map(|volume| self.engine.forest.usage(&volume.map))
    }

    /// What `newer` has differently from `older` (or from nothing), in blocks of 4096 bytes from `from` on: fills
    /// `into`, over at most `limit` steps. A position stays good as long as neither of the two changes.
    #[must_use]
    pub fn changes(
        &self,
        older: Option<VolumeIndex>,
        newer: VolumeIndex,
        from: u64,
        limit: usize,
        into: &mut [Change],
    ) -> Option<Changes> {
        let table = &self.engine.table;
        let older = match older {
            Some(older) => Some(&table.get(older)?.map),
            None => None,
        };
        Some(self.engine.forest.changes(older, &table.get(newer)?.map, from, limit, into))
    }

    /// The applications with records.
    pub fn apps(&self) -> impl Iterator<Item = &AppRecord> {
        self.engine.table.apps().iter().flatten()
    }

    /// The device's quality of service as it was recorded, if it was.
    #[must_use]
    pub fn profile(&self) -> Option<&[u64; 32]> {
        Some(&self.engine.table.profile).filter(|profile| profile.iter().any(|word| *word != 0))
    }

    /// The result of the last control operation, once it is done; collect it before the next.
    pub fn take_control_result(&mut self) -> Option<Result<ThinDone, VolumeError>> {
        self.engine.control.take_result()
    }

    /// Whether a control operation is under way, or its result was not collected.
    #[must_use]
    pub fn is_control_busy(&self) -> bool {
        self.engine.control.is_busy()
    }

    fn begin_load(&mut self, goal: Goal) -> Result<(), VolumeError> {
        let piece_bytes = self.engine.buffers.large.length();
        self.engine.begin_load(Load::new(goal, self.engine.geometry, piece_bytes))
    }

    /// Begins to open the pool on the device, which may have grown.
    ///
    /// # Errors
    /// At once: [`VolumeError::AlreadyOpen`], [`VolumeError::Busy`]. As result: [`VolumeError::NotFormatted`],
    /// [`VolumeError::Foreign`], [`VolumeError::NewerFormat`], [`VolumeError::OlderFormat`], [`VolumeError::Corrupt`],
    /// [`VolumeError::Damaged`], [`VolumeError::Malformed`], [`VolumeError::DeviceShrunk`],
    /// [`VolumeError::DeviceBlockSizeChanged`], [`VolumeError::Io`].
    pub fn begin_open(&mut self) -> Result<(), VolumeError> {
        self.begin_load(Goal::Open(None))
    }

    /// As [`begin_open`](Self::begin_open), for the pool of this UUID only.
    ///
    /// # Errors
    /// Besides: [`VolumeError::OtherPool`].
    pub fn begin_import(&mut self, uuid: Uuid) -> Result<(), VolumeError> {
        self.begin_load(Goal::Open(Some(uuid)))
    }

    /// Begins to put right what can be at no volume's cost: what opening mends, and besides it forgets applications
    /// and unpublishes volumes whose records of that are damaged. The pool stays closed.
    ///
    /// # Errors
    /// As [`begin_open`](Self::begin_open), of what is damaged beyond that.
    pub(crate) fn begin_repair(&mut self) -> Result<(), VolumeError> {
        self.begin_load(Goal::Repair)
    }

    /// Begins to put a new, empty pool on the device and to open it.
    ///
    /// # Errors
    /// At once: [`VolumeError::AlreadyOpen`], [`VolumeError::Busy`]. As result: [`VolumeError::Io`], and without
    /// `force`, if the first MiB is not all zeroes: [`VolumeError::AlreadyFormatted`], [`VolumeError::Foreign`],
    /// [`VolumeError::NewerFormat`], [`VolumeError::OlderFormat`], [`VolumeError::Corrupt`].
    pub fn begin_format(&mut self, options: FormatOptions) -> Result<(), VolumeError> {
        self.begin_load(Goal::Format(options))
    }

    /// Begins to create an unpublished volume.
    ///
    /// # Errors
    /// At once: [`VolumeError::Name`], [`VolumeError::Size`], [`VolumeError::TooLong`], [`VolumeError::NilUuid`],
    /// [`VolumeError::BlockSize`], [`VolumeError::NameTaken`], [`VolumeError::UuidTaken`],
    /// [`VolumeError::TooManyVolumes`], [`VolumeError::PoolFull`] (thick) and those of every operation on an open
    /// pool: [`VolumeError::NotOpen`], [`VolumeError::Suspended`], [`VolumeError::Busy`]. As result:
    /// [`VolumeError::Io`].
    pub fn begin_create(
        &mut self,
        spec: VolumeSpec,
        provision: Provision,
        created_us: u64,
    ) -> Result<(), VolumeError> {
        self.engine.begin_create(spec, provision, created_us)
    }

    /// Begins to make a volume with the contents of another, or of a snapshot, in constant time.
    ///
    /// # Errors
    /// As [`begin_create`](Self::begin_create), and [`VolumeError::NoSuchVolume`].
    pub fn begin_clone(
        &mut self,
        source: VolumeIndex,
        spec: CloneSpec,
        created_us: u64,
    ) -> Result<(), VolumeError> {
        self.engine.begin_clone(source, spec, created_us)
    }

    /// Begins to take snapshots of one or several volumes at one moment, in constant time each.
    ///
    /// # Errors
    /// At once: [`VolumeError::Group`], [`VolumeError::GroupTwice`], [`VolumeError::IsSnapshot`] and as
    /// [`begin_create`](Self::begin_create).
    pub fn begin_snapshot(&mut self, specs: &[SnapshotSpec], created_us: u64) -> Result<(), VolumeError> {
        self.engine.begin_snapshot(specs, created_us)
    }

    /// Begins to prepare a group of snapshots: its volumes take no writes until commit, abort or `deadline`.
    ///
    /// # Errors
    /// As [`begin_snapshot`](Self::begin_snapshot); as result [`VolumeError::PrepareExpired`].
    pub fn begin_prepare(
        &mut self,
        specs: Vec<SnapshotSpec>,
        created_us: u64,
        deadline: Nanos,
    ) -> Result<(), VolumeError> {
        self.engine.begin_prepare(specs, created_us, deadline)
    }

    /// Begins to take the snapshots that were prepared.
    ///
    /// # Errors
    /// At once: [`VolumeError::NothingPrepared`], [`VolumeError::Busy`].
    pub fn begin_commit(&mut self) -> Result<(), VolumeError> {
        self.engine.begin_commit()
    }

    /// Gives up the snapshots that were prepared.
    ///
    /// # Errors
    /// At once: [`VolumeError::NothingPrepared`], [`VolumeError::Busy`].
    pub fn begin_abort(&mut self) -> Result<(), VolumeError> {
        self.engine.begin_abort()
    }

    /// Begins to make a volume what a snapshot of it is, in constant time.
    ///
    /// # Errors
    /// At once: [`VolumeError::IsSnapshot`], [`VolumeError::NotItsSnapshot`], [`VolumeError::NoSuchVolume`] and those
    /// of every operation.
    pub fn begin_rollback(&mut self, volume: VolumeIndex, snapshot: VolumeIndex) -> Result<(), VolumeError> {
        self.engine.begin_rollback(volume, snapshot)
    }

    /// Begins to delete an unpublished volume, or a snapshot. Its I/O fails from now on with [`IoError::DeviceGone`].
    ///
    /// # Errors
    /// At once: [`VolumeError::NoSuchVolume`], [`VolumeError::Published`] and those of every operation.
    pub fn begin_delete(&mut self, volume: VolumeIndex) -> Result<(), VolumeError> {
        self.engine.begin_delete(volume)
    }

    /// Begins to make a volume larger.
    ///
    /// # Errors
    /// At once: [`VolumeError::Shrink`], [`VolumeError::Size`], [`VolumeError::TooLong`], [`VolumeError::IsSnapshot`],
    /// [`VolumeError::PoolFull`] (thick) and those of every operation.
    pub fn begin_resize(&mut self, volume: VolumeIndex, size_bytes: u64) -> Result<(), VolumeError> {
        self.engine.begin_resize(volume, size_bytes)
    }

    /// Begins to publish a volume to `access`, or to change the access of a published one.
    ///
    /// # Errors
    /// At once: [`VolumeError::TooManyHosts`], [`VolumeError::HostNqn`], [`VolumeError::IsSnapshot`] and those of every
    /// operation.
    pub fn begin_publish(&mut self, volume: VolumeIndex, access: HostAccess) -> Result<(), VolumeError> {
        self.engine.begin_access(volume, true, access)
    }

    /// Begins to unpublish a volume. It does not stop its I/O: that is the target's task.
    ///
    /// # Errors
    /// As [`begin_publish`](Self::begin_publish).
    pub fn begin_unpublish(&mut self, volume: VolumeIndex) -> Result<(), VolumeError> {
        self.engine.begin_access(volume, false, HostAccess::Any)
    }

    /// Begins to record a volume's quality of service.
    ///
    /// # Errors
    /// At once: [`VolumeError::NoSuchVolume`] and those of every operation.
    pub fn begin_set_qos(&mut self, volume: VolumeIndex, qos: [u64; 4]) -> Result<(), VolumeError> {
        self.engine.begin_set_qos(volume, qos)
    }

    /// Begins to record an application, in place of its record before.
    ///
    /// # Errors
    /// At once: [`VolumeError::Name`], [`VolumeError::TooManyLabels`], [`VolumeError::Label`],
    /// [`VolumeError::TooManyApps`] and those of every operation.
    pub fn begin_set_app(&mut self, app: AppRecord) -> Result<(), VolumeError> {
        self.engine.begin_set_app(app)
    }

    /// Begins to forget an application that owns no volumes.
    ///
    /// # Errors
    /// At once: [`VolumeError::AppInUse`], [`VolumeError::NoSuchApp`] and those of every operation.
    pub fn begin_remove_app(&mut self, name: &str) -> Result<(), VolumeError> {
        self.engine.begin_remove_app(name)
    }

    /// Begins a checkpoint, so that the next opening has little to replay: before a shutdown.
    ///
    /// # Errors
    /// At once: those of every operation.
    pub fn begin_checkpoint(&mut self) -> Result<(), VolumeError> {
        self.engine.begin_checkpointing()
    }

    /// Counts everything in memory once more and says what is not as it must be: reads every node once.
    #[must_use]
    pub fn audit(&self) -> Vec<Flaw> {
        self.engine.audit()
    }

    /// Begins to check the pool while it serves: everything that an opening would read is read and held against what is
    /// in memory, a few blocks at a time. With `repair`, what has rotted on the device is written anew. Control
    /// operations go on beside it.
    ///
    /// # Errors
    /// [`VolumeError::NotOpen`], [`VolumeError::Suspended`]; [`VolumeError::Busy`]: one runs, or its result was not
    /// collected.
    pub fn begin_check(&mut self, repair: bool) -> Result<(), VolumeError> {
        self.engine.begin_scrub(repair)
    }

    /// How far the check is, while one runs.
    #[must_use]
    pub fn check_progress(&self) -> Option<CheckProgress> {
        self.engine.scrubbing.progress()
    }

    /// The result of the check, once it is over.
    ///
    /// # Errors
    /// [`VolumeError::Suspended`]: the pool has failed meanwhile.
    pub fn take_check_report(&mut self) -> Option<Result<LiveReport, VolumeError>> {
        self.engine.scrubbing.take_result()
    }

    /// Begins to record the device's quality of service.
    ///
    /// # Errors
    /// At once: those of every operation.
    pub fn begin_set_profile(&mut self, profile: [u64; 32]) -> Result<(), VolumeError> {
        self.engine.begin_set_profile(profile)
    }
}
