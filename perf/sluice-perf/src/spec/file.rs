//! Job files: TOML, one `[[job]]` table per job. `perf/README.md` documents every key; an unknown key is an error.

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use crate::spec::{JobSpec, ReconnectSpec, SpecError, Target, TcpTarget, VerifySpec};
use crate::units::{UnitError, parse_count, parse_duration, parse_size};
use crate::workload::{OpMix, Pattern, SizeMix, SizeMixError};

/// A job file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not TOML, or a key or type that is not known.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A size, duration or count.
    #[error("job '{job}', {key}: {source}")]
    Unit {
        /// The job.
        job: String,
        /// The key.
        key: &'static str,
        /// What is wrong with the value.
        source: UnitError,
    },
    /// A mix of sizes.
    #[error("job '{job}', block_size: {source}")]
    Sizes {
        /// The job.
        job: String,
        /// What is wrong with the value.
        source: SizeMixError,
    },
    /// The values do not make a job.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    job: Vec<RawJob>,
}

#[derive(Clone, Copy, Debug, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
enum RawPattern {
    /// Uniform over the region.
    Random,
    /// One after the other, wrapping at the end.
    Sequential,
    /// Some blocks much more often than others.
    Zipf,
}

/// One job as written in a job file, or as flags of `sluice-perf run`: keys and flags have the same names.
#[derive(Debug, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawJob {
    /// Name of the job, unique in a run.
    #[arg(long, default_value = "job")]
    name: String,
    /// Application the load stands for; the job's name if not given.
    #[arg(long)]
    app: Option<String>,
    /// NVMe/TCP target as host:port; goes with nqn.
    #[arg(long)]
    address: Option<String>,
    /// Subsystem NQN.
    #[arg(long)]
    nqn: Option<String>,
    /// Namespace; the first active one if not given.
    #[arg(long)]
    nsid: Option<u32>,
    /// Host NQN; a random one if not given.
    #[arg(long)]
    host_nqn: Option<String>,
    /// Host identifier, a UUID; a random one if not given.
    #[arg(long)]
    host_id: Option<Uuid>,
    /// Ask for header digests.
    #[serde(default)]
    #[arg(long)]
    header_digest: bool,
    /// Ask for data digests.
    #[serde(default)]
    #[arg(long)]
    data_digest: bool,
    /// Leave submission queue flow control on.
    #[serde(default)]
    #[arg(long)]
    sq_flow_control: bool,
    /// Keep alive timeout, 0s for none; default 15s.
    #[arg(long)]
    keep_alive: Option<String>,
    /// Longest wait for a connection, an answer or an I/O; default 30s.
    #[arg(long)]
    timeout: Option<String>,
    /// Local target instead of address and nqn: a file, a block device, memory:SIZE or null:SIZE.
    #[arg(long)]
    device: Option<String>,
    /// Order of the accesses; default random.
    #[arg(long, value_enum)]
    pattern: Option<RawPattern>,
    /// Skew of pattern zipf, above 0 and below 10; default 0.99.
    #[arg(long)]
    zipf_theta: Option<f64>,
    /// Reads among reads and writes, 0 to 100; default 100.
    #[arg(long)]
    read_percent: Option<u8>,
    /// Deallocations among all I/Os, 0 to 100; default 0.
    #[arg(long)]
    trim_percent: Option<u8>,
    /// Write Zeroes among all I/Os, 0 to 100; default 0.
    #[arg(long)]
    write_zeroes_percent: Option<u8>,
    /// Access size, or a mix as SIZE:WEIGHT,...; default 4k.
    #[arg(long)]
    block_size: Option<String>,
    /// Outstanding I/Os per connection, 1 to 1024; default 32.
    #[arg(long)]
    queue_depth: Option<u16>,
    /// I/O queues, each a TCP connection, 1 to 128; default 1.
    #[arg(long)]
    connections: Option<u16>,
    /// Most I/Os per second of the job; as fast as possible if not given.
    #[arg(long)]
    rate: Option<String>,
    /// Measured time; default 10s unless count is given.
    #[arg(long)]
    time: Option<String>,
    /// Measured I/Os.
    #[arg(long)]
    count: Option<String>,
    /// Time to run before measuring; default 0s.
    #[arg(long)]
    warm_up: Option<String>,
    /// First byte of the region; default 0.
    #[arg(long)]
    offset: Option<String>,
    /// Bytes of the region; all that follow offset if not given.
    #[arg(long)]
    size: Option<String>,
    /// Seed of accesses and stamps; default 1.
    #[arg(long)]
    seed: Option<u64>,
    /// Stamp every block written and prove every block read.
    #[serde(default)]
    #[arg(long)]
    verify: bool,
    /// With verify: write every block once before the run.
    #[serde(default)]
    #[arg(long)]
    precondition: bool,
    /// With verify: read every block once after the run.
    #[serde(default)]
    #[arg(long)]
    read_back: bool,
    /// With verify: demand zeroes after a deallocation.
    #[serde(default)]
    #[arg(long)]
    strict_trim: bool,
    /// With verify: the region may hold anything until it is written; otherwise it must be zero.
    #[serde(default)]
    #[arg(long)]
    used: bool,
    /// Connect again when the connection is lost, and send again what was outstanding.
    #[serde(default)]
    #[arg(long)]
    reconnect: bool,
    /// With reconnect: give up after this long without a connection; default 30s.
    #[arg(long)]
    reconnect_timeout: Option<String>,
    /// Set Force Unit Access in every write.
    #[serde(default)]
    #[arg(long)]
    fua: bool,
    /// Fail after more I/O errors than this; default 0.
    #[arg(long)]
    error_limit: Option<u64>,
}

/// Reads the text of a job file and checks the jobs.
///
/// # Errors
/// Each variant of [`FileError`].
pub fn parse_file(text: &str) -> Result<Vec<JobSpec>, FileError> {
    let raw: RawFile = toml::from_str(text)?;
    let jobs = raw.job.iter().map(RawJob::resolve).collect::<Result<Vec<_>, _>>()?;
    super::check_jobs(&jobs)?;
    Ok(jobs)
}

impl RawJob {
    fn field(&self, problem: &str) -> FileError {
        SpecError::Field { job: self.name.clone(), problem: problem.to_owned() }.into()
    }

    /// Reads an optional quantity.
    fn unit<T>(
        &self,
        key: &'static str,
        text: Option<&String>,
        parse: fn(&str) -> Result<T, UnitError>,
    ) -> Result<Option<T>, FileError> {
        let parsed = text.map(|t| parse(t)).transpose();
        parsed.map_err(|source| FileError::Unit { job: self.name.clone(), key, source })
    }

    fn duration(&self, key: &'static str, text: Option<&String>) -> Result<Option<Duration>, FileError> {
        self.unit(key, text, parse_duration)
    }

    /// The job these values make; it is not checked yet.
    pub(crate) fn resolve(&self) -> Result<JobSpec, FileError> {
        let mut job = JobSpec::new(self.name.clone(), self.target()?);
        job.app = self.app.clone().unwrap_or_else(|| self.name.clone());
        job.pattern = self.pattern()?;
        job.ops = self.ops();
        if let Some(sizes) = &self.block_size {
            job.sizes = SizeMix::parse(sizes)
                .map_err(|source| FileError::Sizes { job: self.name.clone(), source })?;
        }
        job.queue_depth = self.queue_depth.unwrap_or(job.queue_depth);
        job.connections = self.connections.unwrap_or(job.connections);
        job.seed = self.seed.unwrap_or(job.seed);
        job.fua = self.fua;
        job.error_limit = self.error_limit.unwrap_or(job.error_limit);
        self.resolve_extent(&mut job)?;
        job.verify = self.verify_spec()?;
        job.reconnect = self.reconnect_spec()?;
        Ok(job)
    }

    /// Rate, time, count and region.
    fn resolve_extent(&self, job: &mut JobSpec) -> Result<(), FileError> {
        job.rate_iops = self.unit("rate", self.rate.as_ref(), parse_count)?;
        job.io_count = self.unit("count", self.count.as_ref(), parse_count)?;
        let time = self.duration("time", self.time.as_ref())?;
        job.run_time = if job.io_count.is_some() { time } else { time.or(job.run_time) };
        job.warm_up = self.duration("warm_up", self.warm_up.as_ref())?.unwrap_or_default();
        job.offset_bytes = self.unit("offset", self.offset.as_ref(), parse_size)?.unwrap_or(0);
        job.size_bytes = self.unit("size", self.size.as_ref(), parse_size)?;
        Ok(())
    }

    fn target(&self) -> Result<Target, FileError> {
        match (&self.device, &self.address, &self.nqn) {
            (Some(device), None, None) => Target::parse_local(device).map_err(|source| FileError::Unit {
                job: self.name.clone(),
                key: "device",
                source,
            }),
            (None, Some(address), Some(nqn)) => self.tcp(address, nqn),
            _ => Err(self.field("set either device, or address and nqn")),
        }
    }

    fn tcp(&self, address: &str, nqn: &str) -> Result<Target, FileError> {
        let mut tcp = TcpTarget::new(address, nqn);
        tcp.nsid = self.nsid;
        tcp.header_digest = self.header_digest;
        tcp.data_digest = self.data_digest;
        tcp.sq_flow_control = self.sq_flow_control;
        tcp.host.id = self.host_id.unwrap_or(tcp.host.id);
        if let Some(nqn) = &self.host_nqn {
            tcp.host.nqn.clone_from(nqn);
        }
        if let Some(keep_alive) = self.duration("keep_alive", self.keep_alive.as_ref())? {
            tcp.keep_alive = keep_alive;
        }
        if let Some(timeout) = self.duration("timeout", self.timeout.as_ref())? {
            tcp.timeout = timeout;
        }
        Ok(Target::Tcp(tcp))
    }

    fn pattern(&self) -> Result<Pattern, FileError> {
        match (&self.pattern, self.zipf_theta) {
            (Some(RawPattern::Zipf), theta) => Ok(Pattern::Zipf { theta: theta.unwrap_or(0.99) }),
            (_, Some(_)) => Err(self.field("zipf_theta belongs to pattern = \"zipf\"")),
            (Some(RawPattern::Sequential), None) => Ok(Pattern::Sequential),
            (Some(RawPattern::Random) | None, None) => Ok(Pattern::Random),
        }
    }

    fn ops(&self) -> OpMix {
        OpMix {
            read_percent: self.read_percent.unwrap_or(100),
            trim_percent: self.trim_percent.unwrap_or(0),
            write_zeroes_percent: self.write_zeroes_percent.unwrap_or(0),
        }
    }

    fn verify_spec(&self) -> Result<Option<VerifySpec>, FileError> {
        let spec = VerifySpec {
            precondition: self.precondition,
            read_back: self.read_back,
            strict_trim: self.strict_trim,
            used: self.used,
        };
        if !self.verify && spec != VerifySpec::default() {
            return Err(self.field("precondition, read_back, strict_trim and used need verify = true"));
        }
        Ok(self.verify.then_some(spec))
    }

    fn reconnect_spec(&self) -> Result<Option<ReconnectSpec>, FileError> {
        let give_up = self.duration("reconnect_timeout", self.reconnect_timeout.as_ref())?;
        if give_up.is_some() && !self.reconnect {
            return Err(self.field("reconnect_timeout needs reconnect = true"));
        }
        let default = ReconnectSpec::default();
        let spec = ReconnectSpec { give_up: give_up.unwrap_or(default.give_up), ..default };
        Ok(self.reconnect.then_some(spec))
    }
}
