//! One control operation: a goal and the steps still to do. Values in, values out.
//!
//! | goal | steps |
//! |---|---|
//! | open | read both copies, decide, rewrite a copy that differs, flush |
//! | format | read both copies, decide, commit |
//! | create | zero the extent, flush, commit |
//! | delete | drain the volume's I/O, commit, free the extent |
//! | publish, unpublish | commit |
//!
//! Commit: write copy 0, flush, write copy 1, flush.

use std::collections::VecDeque;
use std::ops::Range;

use sluice_device::IoError;

use super::step::Kind;
use super::{ControlDone, FormatOptions};
use crate::VolumeError;
use crate::format::{COPIES, Found};
use crate::table::Table;

/// What the operation is for.
#[derive(Debug)]
pub(super) enum Goal {
    /// Take the table from the device.
    Open,
    /// Put an empty table on the device.
    Format(FormatOptions),
    /// Put `Job::next` on the device.
    Change(ControlDone),
}

/// A control operation under way.
#[derive(Debug)]
pub(super) struct Job {
    goal: Goal,
    /// To do after the current step, in order.
    plan: VecDeque<Kind>,
    /// The table the pool will have; `None` until decided.
    pub(super) next: Option<Table>,
    /// The extent to zero or to free, in device blocks.
    pub(super) extent: Range<u64>,
    /// What the copies held, as far as they are read.
    found: Vec<Found>,
    /// A superblock write has begun: a failure leaves the disk's state unknown.
    pub(super) committing: bool,
    /// Copies are written to their full length, over whatever was there.
    pub(super) whole_copies: bool,
}

/// What the device can tell, to be held against what a superblock says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) device_bytes: u64,
    pub(super) block_size: u32,
}

/// How every change of the superblock becomes durable.
const COMMIT: [Kind; 4] = [Kind::Write { copy: 0 }, Kind::Flush, Kind::Write { copy: 1 }, Kind::Flush];

impl Job {
    fn new(
        goal: Goal,
        plan: impl IntoIterator<Item = Kind>,
        next: Option<Table>,
        extent: Range<u64>,
    ) -> Self {
        let plan = plan.into_iter().collect();
        Self { goal, plan, next, extent, found: Vec::new(), committing: false, whole_copies: false }
    }

    pub(super) fn open() -> Self {
        Self::new(Goal::Open, (0..COPIES).map(|copy| Kind::Read { copy }), None, 0..0)
    }

    pub(super) fn format(options: FormatOptions) -> Self {
        let mut job =
            Self::new(Goal::Format(options), (0..COPIES).map(|copy| Kind::Read { copy }), None, 0..0);
        job.whole_copies = true;
        job
    }

    pub(super) fn create(next: Table, extent: Range<u64>, done: ControlDone) -> Self {
        let plan = [Kind::Zero, Kind::Flush].into_iter().chain(COMMIT);
        Self::new(Goal::Change(done), plan, Some(next), extent)
    }

    pub(super) fn delete(next: Table, extent: Range<u64>, done: ControlDone) -> Self {
        let plan = [Kind::Drain].into_iter().chain(COMMIT).chain([Kind::Free]);
        Self::new(Goal::Change(done), plan, Some(next), extent)
    }

    pub(super) fn change(next: Table, done: ControlDone) -> Self {
        Self::new(Goal::Change(done), COMMIT, Some(next), 0..0)
    }

    /// The next step; `None`: all is done.
    pub(super) fn next_step(&mut self) -> Option<Kind> {
        let kind = self.plan.pop_front()?;
        self.committing |= matches!(kind, Kind::Write { .. });
        Some(kind)
    }

    /// What was achieved, once there is no next step.
    pub(super) fn done(&self) -> ControlDone {
        match self.goal {
            Goal::Open => ControlDone::Opened,
            Goal::Format(_) => ControlDone::Formatted,
            Goal::Change(done) => done,
        }
    }

    /// Judges a step's failure: `Ok` goes on with the next step.
    pub(super) fn failed(&mut self, kind: Kind, cause: IoError, shape: Shape) -> Result<(), VolumeError> {
        match kind {
            Kind::Read { .. } if cause == IoError::Media => {
                self.found(Found::Damaged("it cannot be read"), shape)
            }
            Kind::Free => Ok(()),
            _ => Err(VolumeError::Io { doing: doing(kind), cause }),
        }
    }

    /// Takes what a copy held; with the last, decides how to go on.
    pub(super) fn found(&mut self, found: Found, shape: Shape) -> Result<(), VolumeError> {
        self.found.push(found);
        if self.plan.is_empty() { self.decide(shape) } else { Ok(()) }
    }

    fn decide(&mut self, shape: Shape) -> Result<(), VolumeError> {
        let table = match self.goal {
            Goal::Format(options) => {
                self.plan.extend(COMMIT);
                format_over(&self.found, options, shape)?
            }
            Goal::Open | Goal::Change(_) => {
                let table = newest(&self.found, shape)?;
                self.repair(&table);
                table
            }
        };
        self.next = Some(table);
        Ok(())
    }

    /// Plans to rewrite the copy that does not hold `table`. At most one: the other is where it came from.
    fn repair(&mut self, table: &Table) {
        let differs = |found: &Found| !matches!(found, Found::Valid(other) if other == table);
        let stale = (0..).zip(&self.found).find(|(_, found)| differs(found));
        if let Some((copy, _)) = stale {
            self.plan.extend([Kind::Write { copy }, Kind::Flush]);
        }
    }
}

/// A step as the end of "... failed".
fn doing(kind: Kind) -> &'static str {
    match kind {
        Kind::Drain => "waiting for the volume's I/O",
        Kind::Zero => "zeroing the volume",
        Kind::Free => "freeing the volume's space",
        Kind::Flush => "flushing the device",
        Kind::Read { .. } => "reading the superblock",
        Kind::Write { .. } => "writing the superblock",
    }
}

/// The valid copy with the highest generation, if this release and this device can serve it.
fn newest(found: &[Found], shape: Shape) -> Result<Table, VolumeError> {
    refuse_newer(found)?;
    let Some(table) = valid(found).max_by_key(|table| table.generation) else {
        return Err(unusable(found));
    };
    if valid(found).any(|other| other.generation == table.generation && other != table) {
        return Err(VolumeError::Corrupt { detail: "they contradict each other" });
    }
    if table.device_block_size != shape.block_size {
        let (recorded, actual) = (table.device_block_size, shape.block_size);
        return Err(VolumeError::DeviceBlockSizeChanged { recorded, actual });
    }
    if table.device_bytes > shape.device_bytes {
        let (recorded_bytes, actual_bytes) = (table.device_bytes, shape.device_bytes);
        return Err(VolumeError::DeviceShrunk { recorded_bytes, actual_bytes });
    }
    Ok(table.clone())
}

/// An empty table, if it may replace what was found. Its generation outbids any pool it replaces, so that a crash
/// half-way leaves either the old pool or the new.
fn format_over(found: &[Found], options: FormatOptions, shape: Shape) -> Result<Table, VolumeError> {
    if !options.force {
        refuse_newer(found)?;
        if let Some(table) = valid(found).next() {
            return Err(VolumeError::AlreadyFormatted { uuid: table.uuid });
        }
        match unusable(found) {
            VolumeError::NotFormatted => {}
            refusal => return Err(refusal),
        }
    }
    Ok(Table {
        uuid: options.uuid,
        generation: valid(found).map(|table| table.generation).max().unwrap_or(0) + 1,
        device_bytes: shape.device_bytes,
        device_block_size: shape.block_size,
        records: Vec::new(),
    })
}

fn valid(found: &[Found]) -> impl Iterator<Item = &Table> {
    found.iter().filter_map(|found| if let Found::Valid(table) = found { Some(table) } else { None })
}

fn refuse_newer(found: &[Found]) -> Result<(), VolumeError> {
    let newer =
        found.iter().find_map(|found| if let Found::Newer(version) = found { Some(*version) } else { None });
    newer.map_or(Ok(()), |version| Err(VolumeError::NewerFormat { version }))
}

/// Why no copy is valid.
fn unusable(found: &[Found]) -> VolumeError {
    let damage =
        found.iter().find_map(|found| if let Found::Damaged(detail) = found { Some(*detail) } else { None });
    match damage {
        Some(detail) => VolumeError::Corrupt { detail },
        None if found.contains(&Found::Foreign) => VolumeError::Foreign,
        None => VolumeError::NotFormatted,
    }
}
