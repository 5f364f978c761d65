//! What to run: jobs, their targets, and the checks before anything is started.
//!
//! A [`JobSpec`] comes from the flags of `sluice-perf run`, from a job file (`file`), or is built by a program
//! ([`JobSpec::new`], then set the public fields). [`JobSpec::check`] names what is wrong and what to do about it.

mod file;
mod target;

pub(crate) use file::RawJob;
pub use file::{FileError, parse_file};
pub use target::{HostIdentity, Target, TcpTarget};

use std::time::Duration;

use crate::workload::{OpMix, Pattern, SizeMix};

/// Most outstanding I/Os per connection.
pub const MAX_QUEUE_DEPTH: u16 = 1024;
/// Most connections per job.
pub const MAX_CONNECTIONS: u16 = 128;

/// Verify mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifySpec {
    /// Write every block of the region once before the run, so that every read proves a stamp.
    pub precondition: bool,
    /// Read every block of the region once after the run.
    pub read_back: bool,
    /// Demand zeroes after a deallocation; without it the former content is right as well, as NVMe allows.
    pub strict_trim: bool,
    /// The region may hold anything at the start: a block is proved from its first write on.
    pub used: bool,
}

/// What to do when a connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReconnectSpec {
    /// Delay before the second attempt (the first is immediate); doubles up to `max_delay`.
    pub first_delay: Duration,
    /// Upper bound of the delay.
    pub max_delay: Duration,
    /// Give up after this long without a connection.
    pub give_up: Duration,
}

impl Default for ReconnectSpec {
    /// 10 ms doubling to 500 ms, for 30 s.
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(10),
            max_delay: Duration::from_millis(500),
            give_up: Duration::from_secs(30),
        }
    }
}

/// One job: a workload against one target.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSpec {
    /// Unique among the jobs of a run.
    pub name: String,
    /// The application the load stands for; carried into every report.
    pub app: String,
    /// Where the I/O goes.
    pub target: Target,
    /// Order of the accesses.
    pub pattern: Pattern,
    /// Shares of the operations.
    pub ops: OpMix,
    /// Sizes of the accesses.
    pub sizes: SizeMix,
    /// Outstanding I/Os per connection, 1..=[`MAX_QUEUE_DEPTH`].
    pub queue_depth: u16,
    /// I/O queues (each a TCP connection), 1..=[`MAX_CONNECTIONS`]; 1 for local devices.
    pub connections: u16,
    /// Most I/Os per second of the whole job; `None` for as fast as possible.
    pub rate_iops: Option<u64>,
    /// End after this time, measured from the end of the warm-up.
    pub run_time: Option<Duration>,
    /// End after this many measured I/Os.
    pub io_count: Option<u64>,
    /// Run this long before measuring.
    pub warm_up: Duration,
    /// First byte of the region, a multiple of the block size.
    pub offset_bytes: u64,
    /// Length of the region; `None` for all that follows `offset_bytes`. Rounded down to whole blocks.
    pub size_bytes: Option<u64>,
    /// Seed of the accesses. Stamps have one of their own, which no two runs or jobs share.
    pub seed: u64,
    /// Verify mode, or `None` to measure only.
    pub verify: Option<VerifySpec>,
    /// Reconnect when a connection is lost, or `None` to fail.
    pub reconnect: Option<ReconnectSpec>,
    /// Set Force Unit Access in every write.
    pub fua: bool,
    /// The job fails when it has seen more I/O errors (NVMe status or errno) than this.
    pub error_limit: u64,
}

/// A specification that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No job at all.
    #[error("there is no job to run")]
    NoJobs,
    /// Two jobs have one name.
    #[error("two jobs are named '{0}': give each job its own name")]
    DuplicateName(String),
    /// Two verifying jobs would overwrite each other's blocks.
    #[error(
        "jobs '{first}' and '{second}' share blocks of {target} and one of them verifies: give each its own part with \
         offset and size"
    )]
    Overlap {
        /// One job.
        first: String,
        /// The other.
        second: String,
        /// What they share.
        target: String,
    },
    /// A field is out of its range.
    #[error("job '{job}': {problem}")]
    Field {
        /// The job.
        job: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl JobSpec {
    /// A job with the defaults: 10 s of random 4 KiB reads, depth 32, one connection, nothing verified.
    #[must_use]
    pub fn new(name: impl Into<String>, target: Target) -> Self {
        let name = name.into();
        Self {
            app: name.clone(),
            name,
            target,
            pattern: Pattern::Random,
            ops: OpMix::default(),
            sizes: SizeMix::default(),
            queue_depth: 32,
            connections: 1,
            rate_iops: None,
            run_time: Some(Duration::from_secs(10)),
            io_count: None,
            warm_up: Duration::ZERO,
            offset_bytes: 0,
            size_bytes: None,
            seed: 1,
            verify: None,
            reconnect: None,
            fua: false,
            error_limit: 0,
        }
    }

    /// Checks every field that can be checked before the target is known.
    ///
    /// # Errors
    /// [`SpecError::Field`].
    pub fn check(&self) -> Result<(), SpecError> {
        match self.problem() {
            None => Ok(()),
            Some(problem) => Err(SpecError::Field { job: self.name.clone(), problem }),
        }
    }

    fn problem(&self) -> Option<String> {
        if self.name.is_empty() {
            return Some("the name is empty".to_owned());
        }
        if self.queue_depth == 0 || self.queue_depth > MAX_QUEUE_DEPTH {
            return Some(format!("queue depth {} is not in 1..={MAX_QUEUE_DEPTH}", self.queue_depth));
        }
        if self.connections == 0 || self.connections > MAX_CONNECTIONS {
            return Some(format!("connections {} is not in 1..={MAX_CONNECTIONS}", self.connections));
        }
        if self.target.is_local() && self.connections > 1 {
            return Some(
                "a local device has one queue: raise the queue depth instead of connections".to_owned(),
            );
        }
        if !self.ops.is_valid() {
            return Some(
                "shares are percentages, and trims and write zeroes together at most 100".to_owned(),
            );
        }
        self.pattern_problem().or_else(|| self.end_problem())
    }

    fn pattern_problem(&self) -> Option<String> {
        match self.pattern {
            Pattern::Zipf { theta } if !(theta > 0.0 && theta < 10.0) => {
                Some(format!("zipf theta {theta} is not between 0 and 10"))
            }
            _ if self.rate_iops == Some(0) => Some("a rate of 0 never starts an I/O".to_owned()),
            _ => None,
        }
    }

    fn end_problem(&self) -> Option<String> {
        if self.run_time.is_none() && self.io_count.is_none() {
            return Some("it never ends: set a run time or a number of I/Os".to_owned());
        }
        if matches!(self.target, Target::Null { .. }) && self.verify.is_some() {
            return Some("the null device keeps nothing: verify on memory or a file instead".to_owned());
        }
        None
    }

    /// First byte and the byte after the last, as far as known without the device.
    fn byte_range(&self) -> (u64, u64) {
        let end = self.size_bytes.map_or(u64::MAX, |size| self.offset_bytes.saturating_add(size));
        (self.offset_bytes, end)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let ((a, a_end), (b, b_end)) = (self.byte_range(), other.byte_range());
        self.target.same_blocks(&other.target) && a < b_end && b < a_end
    }

    fn disturbs(&self, other: &Self) -> bool {
        self.verify.is_some() && (other.ops.modifies() || other.verify.is_some_and(|v| v.precondition))
    }
}

/// Checks each job, and the jobs against each other.
///
/// # Errors
/// Each variant of [`SpecError`].
pub fn check_jobs(jobs: &[JobSpec]) -> Result<(), SpecError> {
    if jobs.is_empty() {
        return Err(SpecError::NoJobs);
    }
    for (i, job) in jobs.iter().enumerate() {
        job.check()?;
        for earlier in &jobs[..i] {
            if earlier.name == job.name {
                return Err(SpecError::DuplicateName(job.name.clone()));
            }
            if earlier.overlaps(job) && (earlier.disturbs(job) || job.disturbs(earlier)) {
                let (first, second) = (earlier.name.clone(), job.name.clone());
                return Err(SpecError::Overlap { first, second, target: job.target.to_string() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod test;
