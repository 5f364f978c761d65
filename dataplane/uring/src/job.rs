//! What one request still needs of the kernel. Pure: results in, the next step out.
//!
//! ```text
//! Read, Write ---------> transfer --(part)--> transfer the rest
//! Deallocate ----------> punch
//! WriteZeroes ---------> punch (if deallocating) --(unsupported)--> zero range --(unsupported)--> write zeroes
//!                          |                                            |
//!                          +------- FUA: sync -------+------------------+
//! Flush ---------------> sync
//! ```

use rustix::io::Errno;
use sluice_device::{IoError, Op};

use crate::error::{Direction, io_error};

/// Longest single write of zeroes, and the length of the zeroes it is made from.
pub(crate) const ZEROES_BYTES: u32 = 1 << 20;

/// The kernel call that a job is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into the request's buffer.
    Read,
    /// From the request's buffer.
    Write,
    /// From memory that is always zero.
    WriteZeroes,
    /// Give the range back; it then reads as zeroes.
    Punch,
    /// Make the range read as zeroes and keep its space.
    ZeroRange,
    /// Make completed writes durable.
    Sync,
}

/// What the file system was found not to do. Learned from its refusals, once per device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Abilities {
    pub(crate) punch: bool,
    pub(crate) zero_range: bool,
}

/// One request's way through the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Job {
    op: Op,
    step: Step,
    /// First byte, in the file.
    offset: u64,
    length_bytes: u64,
    done_bytes: u64,
    /// Transfers progress in multiples of this: direct I/O must start at a block.
    granule: u32,
}

impl Job {
    /// The job of a checked request.
    pub(crate) fn new(op: Op, offset: u64, length_bytes: u64, granule: u32, abilities: Abilities) -> Self {
        let step = match op {
            Op::Read => Step::Read,
            Op::Write { .. } => Step::Write,
            Op::Deallocate => Step::Punch,
            Op::WriteZeroes { deallocate, .. } => zeroing(deallocate, abilities),
            Op::Flush => Step::Sync,
        };
        Self { op, step, offset, length_bytes, done_bytes: 0, granule }
    }

    /// What to ask of the kernel now.
    pub(crate) fn step(&self) -> Step {
        self.step
    }

    /// Where in the file the step starts, in bytes.
    pub(crate) fn position(&self) -> u64 {
        self.offset + self.done_bytes
    }

    /// How far into the request's buffer the step starts, in bytes. Transfers are shorter than 4 GiB.
    pub(crate) fn done_bytes(&self) -> u32 {
        u32::try_from(self.done_bytes).unwrap_or(u32::MAX)
    }

    /// How many bytes the step is about.
    pub(crate) fn remaining_bytes(&self) -> u64 {
        self.length_bytes - self.done_bytes
    }

    /// [`remaining_bytes`](Self::remaining_bytes) for one transfer.
    pub(crate) fn transfer_bytes(&self) -> u32 {
        let remaining = u32::try_from(self.remaining_bytes()).unwrap_or(u32::MAX);
        if self.step == Step::WriteZeroes { remaining.min(ZEROES_BYTES) } else { remaining }
    }

    /// The transfer must be durable when it completes.
    pub(crate) fn fua(&self) -> bool {
        matches!(self.op, Op::Write { fua: true } | Op::WriteZeroes { fua: true, .. })
    }

    /// A transfer that can be polled for: all else goes through the page cache's or the file system's hands.
    pub(crate) fn can_be_polled(&self) -> bool {
        matches!(self.step, Step::Read | Step::Write) && !self.fua()
    }

    /// Takes the kernel's answer to the step: `Some` is the request's result, `None` asks for the next step.
    #[must_use]
    pub(crate) fn advance(&mut self, result: i32, abilities: &mut Abilities) -> Option<Result<(), IoError>> {
        match u32::try_from(result) {
            Ok(moved_bytes) => self.succeeded(moved_bytes),
            Err(_) => self.failed(Errno::from_raw_os_error(result.saturating_neg()), abilities),
        }
    }

    fn succeeded(&mut self, moved_bytes: u32) -> Option<Result<(), IoError>> {
        match self.step {
            Step::Read | Step::Write | Step::WriteZeroes => self.transferred(moved_bytes),
            Step::Punch | Step::ZeroRange if self.fua() => {
                self.step = Step::Sync;
                None
            }
            Step::Punch | Step::ZeroRange | Step::Sync => Some(Ok(())),
        }
    }

    /// A transfer may stop early: at a signal, at the end of memory, before a bad sector. The rest is asked for again,
    /// and that answer tells the reason. No progress at all would repeat for ever: the file has become shorter.
    fn transferred(&mut self, moved_bytes: u32) -> Option<Result<(), IoError>> {
        let whole = u64::from(moved_bytes - moved_bytes % self.granule);
        self.done_bytes += whole.min(self.remaining_bytes());
        match (self.remaining_bytes(), whole) {
            (0, _) => Some(Ok(())),
            (_, 0) => Some(Err(io_error(Errno::IO, self.direction()))),
            _ => None,
        }
    }

    fn failed(&mut self, errno: Errno, abilities: &mut Abilities) -> Option<Result<(), IoError>> {
        match (errno, self.step) {
            (Errno::INTR | Errno::AGAIN, _) => None,
            (Errno::OPNOTSUPP, Step::Punch) => {
                abilities.punch = false;
                self.zero_otherwise(*abilities)
            }
            (Errno::OPNOTSUPP, Step::ZeroRange) => {
                abilities.zero_range = false;
                self.zero_otherwise(*abilities)
            }
            _ => Some(Err(io_error(errno, self.direction()))),
        }
    }

    /// The next best way to zeroes. A Deallocate has none: writing would be the opposite.
    fn zero_otherwise(&mut self, abilities: Abilities) -> Option<Result<(), IoError>> {
        match self.op {
            Op::WriteZeroes { deallocate, .. } => {
                self.step = zeroing(deallocate, abilities);
                None
            }
            _ => Some(Err(IoError::Unsupported)),
        }
    }

    fn direction(&self) -> Direction {
        if self.op == Op::Read { Direction::Read } else { Direction::Write }
    }
}

/// The best way to zeroes: a hole only where the space may go.
fn zeroing(deallocate: bool, abilities: Abilities) -> Step {
    if deallocate && abilities.punch {
        Step::Punch
    } else if abilities.zero_range {
        Step::ZeroRange
    } else {
        Step::WriteZeroes
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const ALL: Abilities = Abilities { punch: true, zero_range: true };
    const NOTSUPP: i32 = -libc::EOPNOTSUPP;

    fn job(op: Op) -> Job {
        Job::new(op, 8192, 16_384, 512, ALL)
    }

    #[test]
    fn a_part_is_followed_by_the_rest() {
        let mut job = job(Op::Read);
        assert_eq!(job.advance(4096, &mut ALL.clone()), None);
        assert_eq!((job.position(), job.done_bytes(), job.transfer_bytes()), (12_288, 4096, 12_288));
        assert_eq!(job.advance(12_288, &mut ALL.clone()), Some(Ok(())));
    }

    #[test]
    fn progress_is_counted_in_whole_granules() {
        let mut job = job(Op::Write { fua: false });
        assert_eq!(job.advance(1000, &mut ALL.clone()), None);
        assert_eq!(job.position(), 8192 + 512);
        assert_eq!(job.advance(511, &mut ALL.clone()), Some(Err(IoError::WriteFault)));
    }

    #[test]
    fn a_file_that_ends_early_is_an_error() {
        assert_eq!(job(Op::Read).advance(0, &mut ALL.clone()), Some(Err(IoError::Media)));
        let mut write = job(Op::Write { fua: true });
        assert_eq!(write.advance(0, &mut ALL.clone()), Some(Err(IoError::WriteFault)));
    }

    #[test]
    fn interruptions_are_no_results() {
        for errno in [libc::EINTR, libc::EAGAIN] {
            let mut flush = job(Op::Flush);
            assert_eq!(flush.advance(-errno, &mut ALL.clone()), None);
            assert_eq!(flush.step(), Step::Sync);
        }
    }

    #[test]
    fn zeroes_are_made_the_best_way_there_is() {
        let mut abilities = ALL;
        let mut zeroes = job(Op::WriteZeroes { fua: false, deallocate: true });
        assert_eq!(zeroes.step(), Step::Punch);
        assert_eq!((zeroes.advance(NOTSUPP, &mut abilities), zeroes.step()), (None, Step::ZeroRange));
        assert_eq!((zeroes.advance(NOTSUPP, &mut abilities), zeroes.step()), (None, Step::WriteZeroes));
        assert_eq!(abilities, Abilities { punch: false, zero_range: false });
        assert_eq!(zeroes.advance(16_384, &mut abilities), Some(Ok(())));
        let kept = job(Op::WriteZeroes { fua: false, deallocate: false });
        assert_eq!(kept.step(), Step::ZeroRange);
    }

    #[test]
    fn forced_zeroes_are_synced() {
        let mut zeroes = job(Op::WriteZeroes { fua: true, deallocate: false });
        assert_eq!((zeroes.advance(0, &mut ALL.clone()), zeroes.step()), (None, Step::Sync));
        assert_eq!(zeroes.advance(0, &mut ALL.clone()), Some(Ok(())));
    }

    #[test]
    fn a_deallocate_that_cannot_be_is_refused() {
        let mut abilities = ALL;
        assert_eq!(job(Op::Deallocate).advance(NOTSUPP, &mut abilities), Some(Err(IoError::Unsupported)));
        assert!(!abilities.punch);
    }

    #[test]
    fn long_zeroes_are_written_in_pieces() {
        let none = Abilities { punch: false, zero_range: false };
        let op = Op::WriteZeroes { fua: false, deallocate: false };
        let mut zeroes = Job::new(op, 0, u64::from(ZEROES_BYTES) + 512, 512, none);
        assert_eq!(zeroes.transfer_bytes(), ZEROES_BYTES);
        assert_eq!(zeroes.advance(1 << 20, &mut none.clone()), None);
        assert_eq!(zeroes.transfer_bytes(), 512);
    }
}
