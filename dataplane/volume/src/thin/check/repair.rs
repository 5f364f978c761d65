//! The repair of a pool: puts right what costs no block of any volume.
//!
//! ```text
//!   check ──► open and checkpoint, without what is lost ──► check ──► blank what does not count ──► check
//! ```
//!
//! | found | what the repair does |
//! |---|---|
//! | a superblock that is damaged or behind its twin | a checkpoint writes both anew |
//! | a journal that ends in a torn block; unfinished writes; counters of entries and ids that are too low | what opening does, and a checkpoint |
//! | marks, and journal blocks that do not count | blanked, once the checkpoint is durable and no journal follows it |
//! | an application's page | the application is forgotten |
//! | a volume's allow-list | the volume is unpublished |
//! | anything else | nothing: the pool stays as it is, untouched |
//!
//! A crash on the way leaves the pool as it was or as it will be, as an opening does: nothing is written before it is
//! clear that everything found can be put right, and nothing is blanked that an opening would read.

use sluice_device::{BlockDevice, Buffer, Completion, Nanos, Op, Pool, Request};

use super::finding::{Opening, Structure};
use super::{CheckProgress, CheckReport, ThinCheck};
use crate::VolumeError;
use crate::thin::ThinPool;
use crate::thin::format::BLOCK_BYTES_32;

/// What a repair found, and what it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// What there was.
    pub before: CheckReport,
    /// What there is now; none if nothing was touched, for nothing was wrong or not everything can be put right.
    pub after: Option<CheckReport>,
}

/// How far it is. Each has the device.
#[derive(Debug)]
enum Stage<D> {
    Checking(Box<ThinCheck<D>>),
    Opening(Box<ThinPool<D>>),
    Blanking(Blanking<D>),
    Over(D),
    /// Between two stages.
    None,
}

/// Blocks being blanked, one after the other, and the flush behind them.
#[derive(Debug)]
struct Blanking<D> {
    device: D,
    blocks: Vec<u64>,
    buffer: Option<Buffer>,
    flushed: bool,
}

/// A repair under way; see the [module](self).
#[derive(Debug)]
pub struct ThinRepair<D = Box<dyn BlockDevice>> {
    stage: Stage<D>,
    buffers: Pool,
    before: Option<CheckReport>,
    blanked: bool,
}

type Outcome = Result<Repaired, VolumeError>;

impl<D: BlockDevice> ThinRepair<D> {
    /// Repairs the pool on `device`, which nobody else may use meanwhile. `buffers` is the device's pool.
    ///
    /// # Errors
    /// As [`ThinCheck::new`].
    pub fn new(device: D, buffers: &Pool) -> Result<Self, VolumeError> {
        let stage = Stage::Checking(Box::new(ThinCheck::new(device, buffers)?));
        Ok(Self { stage, buffers: buffers.clone(), before: None, blanked: false })
    }

    /// Goes on as far as it can without waiting; the result ends it. To be called again when the device has
    /// completions.
    ///
    /// # Errors
    /// Those of opening the pool, and [`VolumeError::Io`].
    ///
    /// # Panics
    /// If it is called once more after the result.
    pub fn poll(&mut self, now: Nanos) -> Option<Outcome> {
        let (stage, outcome) = match std::mem::replace(&mut self.stage, Stage::None) {
            Stage::Checking(check) => self.check(now, check),
            Stage::Opening(pool) => self.open(now, pool),
            Stage::Blanking(blanking) => self.blank(now, blanking),
            Stage::Over(_) | Stage::None => panic!("the repair is over"),
        };
        self.stage = stage;
        outcome
    }

    fn check(&mut self, now: Nanos, mut check: Box<ThinCheck<D>>) -> (Stage<D>, Option<Outcome>) {
        match check.poll(now) {
            None => (Stage::Checking(check), None),
            Some(Err(error)) => (Stage::Over(check.into_device()), Some(Err(error))),
            Some(Ok(report)) => self.checked(report, check.into_device()),
        }
    }

    /// Goes on from what a check found.
    fn checked(&mut self, report: CheckReport, device: D) -> (Stage<D>, Option<Outcome>) {
        let Some(before) = &self.before else {
            if report.complaints.is_empty() || !report.is_repairable() {
                return (Stage::Over(device), Some(Ok(Repaired { before: report, after: None })));
            }
            self.before = Some(report);
            return attempt(ThinPool::new(device, &self.buffers).and_then(|mut pool| {
                pool.begin_repair()?;
                Ok(Stage::Opening(Box::new(pool)))
            }));
        };
        let blocks = junk(&report);
        if blocks.is_empty() || self.blanked {
            let result = Repaired { before: before.clone(), after: Some(report) };
            return (Stage::Over(device), Some(Ok(result)));
        }
        self.blanked = true;
        let mut buffer = self.buffers.take(BLOCK_BYTES_32);
        if let Some(buffer) = &mut buffer {
            buffer.fill(0);
        }
        (Stage::Blanking(Blanking { device, blocks, buffer, flushed: false }), None)
    }

    fn open(&mut self, now: Nanos, mut pool: Box<ThinPool<D>>) -> (Stage<D>, Option<Outcome>) {
        assert_eq!(pool.poll(now, &mut [Completion::default()]), 0, "nobody sends volume I/O");
        if pool.is_quiet()
            && let Some(result) = pool.take_control_result()
        {
            let device = pool.into_device();
            return match result {
                Ok(_) => self.check_again(device),
                Err(error) => (Stage::Over(device), Some(Err(error))),
            };
        }
        (Stage::Opening(pool), None)
    }

    fn check_again(&mut self, device: D) -> (Stage<D>, Option<Outcome>) {
        attempt(ThinCheck::new(device, &self.buffers).map(|check| Stage::Checking(Box::new(check))))
    }

    fn blank(&mut self, now: Nanos, mut blanking: Blanking<D>) -> (Stage<D>, Option<Outcome>) {
        match blanking.step(now) {
            Err(error) => (Stage::Over(blanking.device), Some(Err(error))),
            Ok(true) => self.check_again(blanking.device),
            Ok(false) => (Stage::Blanking(blanking), None),
        }
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> CheckProgress {
        let nothing = |doing| CheckProgress { doing, read_bytes: 0, wanted_bytes: 0 };
        match &self.stage {
            Stage::Checking(check) => check.progress(),
            Stage::Opening(_) | Stage::Blanking(_) => nothing("repair"),
            Stage::Over(_) | Stage::None => nothing("done"),
        }
    }

    /// Gives the device back, if the repair is over; it is lost with the repair if that could not go on.
    #[must_use]
    pub fn into_device(self) -> Option<D> {
        match self.stage {
            Stage::Over(device) => Some(device),
            _ => None,
        }
    }
}

/// The next stage, or the error that ends the repair.
fn attempt<D>(stage: Result<Stage<D>, VolumeError>) -> (Stage<D>, Option<Outcome>) {
    match stage {
        Ok(stage) => (stage, None),
        Err(error) => (Stage::None, Some(Err(error))),
    }
}

/// Blocks of marks and of the journal that are not what they should be, and of which nothing depends on any.
fn junk(report: &CheckReport) -> Vec<u64> {
    let is_junk = |structure| matches!(structure, Structure::Mark | Structure::Journal);
    let junk = report.complaints.iter().filter(|complaint| {
        is_junk(complaint.structure)
            && complaint.opening == Opening::Mends
            && report.summary.journal_blocks == 0
    });
    junk.filter_map(|complaint| complaint.block).collect()
}

impl<D: BlockDevice> Blanking<D> {
    /// Takes what completed, and sends the next. True: all blocks are blank, and that is durable.
    fn step(&mut self, now: Nanos) -> Result<bool, VolumeError> {
        let failed = |cause| VolumeError::Io { doing: "blanking what does not count", cause };
        let mut completion = [Completion::default()];
        if self.device.poll(now, &mut completion) == 1 {
            let [completion] = completion;
            completion.result.map_err(failed)?;
            self.buffer = completion.buffer.or(self.buffer.take());
        }
        if self.device.in_flight() > 0 {
            return Ok(false);
        }
        let ratio = BLOCK_BYTES_32 / self.device.info().block_size;
        let request = match self.blocks.pop() {
            Some(block) => {
                let needed_bytes = BLOCK_BYTES_32;
                let buffer = Some(self.buffer.take().ok_or(VolumeError::NoBuffer { needed_bytes })?);
                let (op, lba) = (Op::Write { fua: false }, block * u64::from(ratio));
                Request { tag: 0, op, lba, blocks: ratio, buffer }
            }
            None if self.flushed => return Ok(true),
            None => {
                self.flushed = true;
                Request { op: Op::Flush, ..Request::default() }
            }
        };
        assert_eq!(self.device.submit(now, &mut [request]), 1, "nothing else is in flight");
        Ok(false)
    }
}
