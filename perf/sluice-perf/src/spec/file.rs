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

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawPattern {
    Random,
    Sequential,
    Zipf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJob {
    name: String,
    app: Option<String>,
    address: Option<String>,
    nqn: Option<String>,
    nsid: Option<u32>,
    host_nqn: Option<String>,
    host_id: Option<Uuid>,
    #[serde(default)]
    header_digest: bool,
    #[serde(default)]
    data_digest: bool,
    #[serde(default)]
    sq_flow_control: bool,
    keep_alive: Option<String>,
    timeout: Option<String>,
    device: Option<String>,
    pattern: Option<RawPattern>,
    zipf_theta: Option<f64>,
    read_percent: Option<u8>,
    trim_percent: Option<u8>,
    write_zeroes_percent: Option<u8>,
    block_size: Option<String>,
    queue_depth: Option<u16>,
    connections: Option<u16>,
    rate: Option<String>,
    time: Option<String>,
    count: Option<String>,
    warm_up: Option<String>,
    offset: Option<String>,
    size: Option<String>,
    seed: Option<u64>,
    #[serde(default)]
    verify: bool,
    #[serde(default)]
    precondition: bool,
    #[serde(default)]
    read_back: bool,
    #[serde(default)]
    strict_trim: bool,
    #[serde(default)]
    used: bool,
    #[serde(default)]
    reconnect: bool,
    reconnect_timeout: Option<String>,
    #[serde(default)]
    fua: bool,
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

    fn resolve(&self) -> Result<JobSpec, FileError> {
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
