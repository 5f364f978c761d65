//! The control operations: one at a time, through the device's queue, beside the volumes' I/O.

use std::ops::Range;

use sluice_device::{BlockDevice, Completion, Nanos};

use super::job::{Job, Shape};
use super::metadata::Metadata;
use super::step::{Kind, Step};
use super::{ControlDone, FormatOptions, LinearPool, PoolState};
use crate::table::Table;
use crate::{HostAccess, VolumeError, VolumeIndex, VolumeRecord, VolumeSpec};

/// The operation under way, if any.
#[derive(Debug)]
pub(super) struct Control {
    metadata: Metadata,
    running: Option<Running>,
    /// Of the last operation, until collected.
    result: Option<Result<ControlDone, VolumeError>>,
}

/// A job and its current step.
#[derive(Debug)]
struct Running {
    job: Job,
    step: Step,
}

impl Control {
    pub(super) fn new(metadata: Metadata) -> Self {
        Self { metadata, running: None, result: None }
    }

    /// Whether `advance` might have something to do.
    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Whether `advance` certainly has something to do, given room on the device.
    pub(super) fn is_runnable(&self, drained: bool) -> bool {
        let step = self.running.as_ref().map(|running| &running.step);
        step.is_some_and(|step| step.wants_to_submit() || step.is_over(drained))
    }

    /// Takes the completion of one of the pool's own requests.
    pub(super) fn complete(&mut self, completion: Completion) {
        let running = self.running.as_mut().expect("the device completes what was submitted, once");
        running.step.complete(completion, &mut self.metadata);
    }

    fn start(&mut self, mut job: Job) {
        let kind = job.next_step().expect("a plan has steps");
        let step = self.step(&job, kind);
        self.running = Some(Running { job, step });
    }

    /// Sets up a step of `job`.
    fn step(&mut self, job: &Job, kind: Kind) -> Step {
        let blocks = match kind {
            Kind::Zero | Kind::Free => job.extent.clone(),
            Kind::Read { .. } => 0..self.metadata.copy_blocks(),
            Kind::Write { copy } => 0..self.encode(job, copy),
            Kind::Drain | Kind::Flush => 0..0,
        };
        Step::new(kind, blocks)
    }

    fn encode(&mut self, job: &Job, copy: u32) -> u64 {
        let table = job.next.as_ref().expect("decided before it is written");
        let used_blocks = self.metadata.encode(table, copy);
        if job.whole_copies { self.metadata.copy_blocks() } else { used_blocks }
    }

    /// Goes on from a step that is over: to the next step, or to the job's end.
    fn conclude_step(&mut self) -> Option<(Job, Result<ControlDone, VolumeError>)> {
        let Running { mut job, step } = self.running.take()?;
        if let Err(error) = self.judge(&mut job, &step) {
            return Some((job, Err(error)));
        }
        match job.next_step() {
            Some(kind) => {
                let step = self.step(&job, kind);
                self.running = Some(Running { job, step });
                None
            }
            None => {
                let done = job.done();
                Some((job, Ok(done)))
            }
        }
    }

    /// What the step's outcome means for the job.
    fn judge(&self, job: &mut Job, step: &Step) -> Result<(), VolumeError> {
        let shape = Shape { device_bytes: self.metadata.device_bytes, block_size: self.metadata.block_size };
        match (step.error, step.kind) {
            (Some(cause), kind) => job.failed(kind, cause, shape),
            (None, Kind::Read { copy }) => job.found(self.metadata.decode(copy), shape),
            (None, _) => Ok(()),
        }
    }
}

impl<D: BlockDevice> LinearPool<D> {
    /// Begins to open the pool on the device.
    ///
    /// # Errors
    /// At once: [`VolumeError::AlreadyOpen`], [`VolumeError::Busy`]. As result: [`VolumeError::NotFormatted`],
    /// [`VolumeError::Foreign`], [`VolumeError::NewerFormat`], [`VolumeError::Corrupt`],
    /// [`VolumeError::DeviceShrunk`], [`VolumeError::DeviceBlockSizeChanged`], [`VolumeError::Io`].
    pub fn begin_open(&mut self) -> Result<(), VolumeError> {
        self.check_closed()?;
        self.control.start(Job::open());
        Ok(())
    }

    /// Begins to put a new, empty pool on the device and to open it.
    ///
    /// # Errors
    /// At once: [`VolumeError::AlreadyOpen`], [`VolumeError::Busy`]. As result: [`VolumeError::Io`], and without
    /// `force`, if the first MiB is not all zeroes: [`VolumeError::AlreadyFormatted`], [`VolumeError::Foreign`],
    /// [`VolumeError::NewerFormat`], [`VolumeError::Corrupt`].
    pub fn begin_format(&mut self, options: FormatOptions) -> Result<(), VolumeError> {
        self.check_closed()?;
        self.control.start(Job::format(options));
        Ok(())
    }

    /// Begins to create a volume: zeroes its extent beside the other volumes' I/O, then records it, unpublished.
    ///
    /// # Errors
    /// At once: [`VolumeError::Name`], [`VolumeError::Size`], [`VolumeError::NilUuid`], [`VolumeError::BlockSize`],
    /// [`VolumeError::NameTaken`], [`VolumeError::UuidTaken`], [`VolumeError::TooManyVolumes`],
    /// [`VolumeError::NoSpace`] and those of every operation on an open pool: [`VolumeError::NotOpen`],
    /// [`VolumeError::Suspended`], [`VolumeError::Busy`]. As result: [`VolumeError::Io`].
    pub fn begin_create(&mut self, spec: VolumeSpec) -> Result<(), VolumeError> {
        let (next, index) = self.ready_table()?.with_volume(spec, self.users)?;
        self.users = self.users.wrapping_add(1);
        let extent = self.extent_blocks(next.find(index)?);
        self.control.start(Job::create(next, extent, ControlDone::Created(index)));
        Ok(())
    }

    /// Begins to delete an unpublished volume. Its I/O fails from now on with
    /// [`IoError::DeviceGone`](sluice_device::IoError::DeviceGone), also if the deletion fails.
    ///
    /// # Errors
    /// At once: [`VolumeError::NoSuchVolume`], [`VolumeError::Published`], [`VolumeError::NotOpen`],
    /// [`VolumeError::Suspended`], [`VolumeError::Busy`]. As result: [`VolumeError::Io`].
    pub fn begin_delete(&mut self, volume: VolumeIndex) -> Result<(), VolumeError> {
        let (next, record) = self.ready_table()?.without_volume(volume)?;
        let extent = self.extent_blocks(&record);
        self.data.retire(volume);
        self.control.start(Job::delete(next, extent, ControlDone::Deleted(volume)));
        Ok(())
    }

    /// Begins to publish a volume, or to change who may reach a published one.
    ///
    /// # Errors
    /// At once: [`VolumeError::NoSuchVolume`], [`VolumeError::TooManyHosts`], [`VolumeError::HostNqn`],
    /// [`VolumeError::NotOpen`], [`VolumeError::Suspended`], [`VolumeError::Busy`]. As result: [`VolumeError::Io`].
    pub fn begin_publish(&mut self, volume: VolumeIndex, access: HostAccess) -> Result<(), VolumeError> {
        let next = self.ready_table()?.with_access(volume, true, access)?;
        self.control.start(Job::change(next, ControlDone::Published(volume)));
        Ok(())
    }

    /// Begins to unpublish a volume; harmless if it is not published. Closing its connections is the target's.
    ///
    /// # Errors
    /// At once: [`VolumeError::NoSuchVolume`], [`VolumeError::NotOpen`], [`VolumeError::Suspended`],
    /// [`VolumeError::Busy`]. As result: [`VolumeError::Io`].
    pub fn begin_unpublish(&mut self, volume: VolumeIndex) -> Result<(), VolumeError> {
        let next = self.ready_table()?.with_access(volume, false, HostAccess::Any)?;
        self.control.start(Job::change(next, ControlDone::Unpublished(volume)));
        Ok(())
    }

    /// The result of the operation begun last, once; `None` while it runs. Look after each `poll`.
    #[must_use]
    pub fn take_control_result(&mut self) -> Option<Result<ControlDone, VolumeError>> {
        self.control.result.take()
    }

    /// Whether an operation runs or its result waits.
    #[must_use]
    pub fn is_control_busy(&self) -> bool {
        self.control.is_busy() || self.control.result.is_some()
    }

    /// Drives the operation as far as it goes now.
    pub(super) fn advance(&mut self, now: Nanos) {
        loop {
            self.submit_control(now);
            let drained = self.data.is_drained();
            if !self.control.running.as_ref().is_some_and(|running| running.step.is_over(drained)) {
                return;
            }
            if let Some((job, result)) = self.control.conclude_step() {
                self.finish(job, &result);
                self.control.result = Some(result);
            }
        }
    }

    /// Submits what the current step has due, as far as the device has room.
    fn submit_control(&mut self, now: Nanos) {
        let Control { metadata, running: Some(Running { step, .. }), .. } = &mut self.control else { return };
        while self.device.in_flight() < self.device.info().queue_depth as usize {
            let Some(mut request) = step.next_request(metadata) else { return };
            let taken = self.device.submit(now, std::slice::from_mut(&mut request));
            assert_eq!(taken, 1, "a device takes what it has room for");
        }
    }

    /// Adopts what a job made durable, or the doubt it left.
    fn finish(&mut self, job: Job, result: &Result<ControlDone, VolumeError>) {
        match (result, job.next) {
            (Ok(_), Some(table)) => {
                self.data.adopt(&table);
                self.table = Some(table);
                self.state = PoolState::Open;
            }
            _ if job.committing && self.state == PoolState::Open => self.state = PoolState::Suspended,
            _ => {}
        }
    }

    fn check_closed(&self) -> Result<(), VolumeError> {
        if self.is_control_busy() {
            return Err(VolumeError::Busy);
        }
        if self.state == PoolState::Closed { Ok(()) } else { Err(VolumeError::AlreadyOpen) }
    }

    /// The table, if it may be changed now.
    fn ready_table(&self) -> Result<&Table, VolumeError> {
        if self.is_control_busy() {
            return Err(VolumeError::Busy);
        }
        match (self.state, &self.table) {
            (PoolState::Open, Some(table)) => Ok(table),
            (PoolState::Suspended, _) => Err(VolumeError::Suspended),
            _ => Err(VolumeError::NotOpen),
        }
    }

    /// A volume's extent in device blocks.
    fn extent_blocks(&self, record: &VolumeRecord) -> Range<u64> {
        let (extent, block_size) = (record.extent(), u64::from(self.device.info().block_size));
        extent.start / block_size..extent.end / block_size
    }
}
