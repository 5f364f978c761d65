//! The result of a run: what is printed, written as JSON, compared and plotted.
//!
//! The JSON is the serialized [`Report`]. Its `format` rises when a field changes its meaning or goes away; readers
//! refuse a format they do not know.

mod table;

pub use table::Table;
pub(crate) use table::table as house_table;
#[cfg(test)]
pub(crate) use test::sample;

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;
use crate::spec::JobSpec;
use crate::stats::{Counters, OpTally, Rates, Tally};

/// Version of the JSON that this release writes and reads.
pub const FORMAT: u32 = 1;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// `sluice-perf` and its version.
    pub tool: String,
    /// Start of the run, seconds since 1970 (UTC).
    pub started_unix_s: u64,
    /// Where it ran.
    pub host: Fingerprint,
    /// Engine threads.
    pub threads: usize,
    /// Every job, in the order given.
    pub jobs: Vec<JobReport>,
}

impl Report {
    /// Reads a report from JSON.
    ///
    /// # Errors
    /// A message that says what is wrong: not JSON, not a report, or of another format.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => return Err(format!("format {format}; this release reads format {FORMAT}")),
            None => return Err("not a sluice-perf result: it has no 'format'".to_owned()),
        }
        serde_json::from_value(value).map_err(|e| format!("not a sluice-perf result: {e}"))
    }

    /// The report as one JSON object on several lines.
    ///
    /// # Panics
    /// Never: every field can be serialized.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has no maps with odd keys")
    }

    /// Whether every job did what it was told and every block read was right.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.jobs.iter().all(|job| matches!(job.outcome, Outcome::Completed | Outcome::Stopped))
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It ran to its end.
    Completed,
    /// It was stopped from outside; everything until then was right.
    Stopped,
    /// Blocks held something they must not.
    VerifyFailed,
    /// I/O or a connection failed; the text says what.
    Failed(String),
}

/// One job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobReport {
    /// Name of the job.
    pub name: String,
    /// Application it stood for.
    pub app: String,
    /// Target as text.
    pub target: String,
    /// What it was told to do.
    pub settings: Settings,
    /// How it ended.
    pub outcome: Outcome,
    /// Measured time in seconds, without warm-up, preconditioning and reading back.
    pub seconds: f64,
    /// Rates over the measured time.
    pub rates: Rates,
    /// Reads in the measured time.
    pub reads: OpReport,
    /// Writes.
    pub writes: OpReport,
    /// Deallocations and Write Zeroes.
    pub clears: OpReport,
    /// Verification and trouble, over the whole job.
    pub counters: Counters,
    /// The first wrong blocks, as text.
    pub wrong_blocks: Vec<String>,
    /// One entry per second of the measured time.
    pub series: Vec<Rates>,
}

/// The workload, for the reader of a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// `random`, `sequential` or `zipf:THETA`.
    pub pattern: String,
    /// Reads among reads and writes.
    pub read_percent: u8,
    /// Deallocations among all.
    pub trim_percent: u8,
    /// Write Zeroes among all.
    pub write_zeroes_percent: u8,
    /// Sizes, `4KiB` or `4KiB:70,64KiB:30`.
    pub block_size: String,
    /// Outstanding I/Os per connection.
    pub queue_depth: u16,
    /// Connections.
    pub connections: u16,
    /// Rate limit.
    pub rate_iops: Option<u64>,
    /// Warm-up in seconds.
    pub warm_up_s: f64,
    /// Seed of the accesses.
    pub seed: u64,
    /// Whether blocks were verified.
    pub verify: bool,
    /// Whether lost connections were made again.
    pub reconnect: bool,
    /// Whether writes had Force Unit Access.
    pub fua: bool,
}

impl Settings {
    /// Those of a job.
    #[must_use]
    pub fn of(job: &JobSpec) -> Self {
        use crate::workload::Pattern;
        Self {
            pattern: match job.pattern {
                Pattern::Random => "random".to_owned(),
                Pattern::Sequential => "sequential".to_owned(),
                Pattern::Zipf { theta } => format!("zipf:{theta}"),
            },
            read_percent: job.ops.read_percent,
            trim_percent: job.ops.trim_percent,
            write_zeroes_percent: job.ops.write_zeroes_percent,
            block_size: job.sizes.to_string(),
            queue_depth: job.queue_depth,
            connections: job.connections,
            rate_iops: job.rate_iops,
            warm_up_s: job.warm_up.as_secs_f64(),
            seed: job.seed,
            verify: job.verify.is_some(),
            reconnect: job.reconnect.is_some(),
            fua: job.fua,
        }
    }
}

/// One kind of operation over the measured time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpReport {
    /// Completed I/Os.
    pub ios: u64,
    /// Their bytes.
    pub bytes: u64,
    /// I/Os per second.
    pub iops: f64,
    /// Bytes per second.
    pub bytes_per_second: f64,
    /// Latencies; absent if there was no I/O of this kind.
    pub latency: Option<Latency>,
}

impl OpReport {
    /// Sums up a tally taken over `span`.
    #[must_use]
    pub fn of(tally: &OpTally, span: Duration) -> Self {
        let per_second = |count: u64| if span.is_zero() { 0.0 } else { count as f64 / span.as_secs_f64() };
        Self {
            ios: tally.ios,
            bytes: tally.bytes,
            iops: per_second(tally.ios),
            bytes_per_second: per_second(tally.bytes),
            latency: (tally.ios > 0).then(|| Latency::of(&tally.latency)),
        }
    }
}

/// A latency distribution. All times in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Shortest.
    pub min_ns: u64,
    /// Longest.
    pub max_ns: u64,
    /// Arithmetic mean.
    pub mean_ns: f64,
    /// Standard deviation.
    pub stddev_ns: f64,
    /// Median.
    pub p50_ns: u64,
    /// 90th percentile.
    pub p90_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// 99.9th percentile.
    pub p999_ns: u64,
    /// 99.99th percentile.
    pub p9999_ns: u64,
    /// The distribution as HdrHistogram gives it: points denser and denser towards 100 %.
    pub distribution: Vec<DistributionPoint>,
}

/// `count` I/Os, which are `percentile` percent, took at most `latency_ns`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DistributionPoint {
    /// 0..=100.
    pub percentile: f64,
    /// Upper bound in nanoseconds.
    pub latency_ns: u64,
    /// I/Os up to it.
    pub count: u64,
}

/// Points per halving of the distance to 100 %, as in HdrHistogram's own percentile output.
const TICKS_PER_HALF: u32 = 5;

impl Latency {
    /// Sums up a histogram of nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let quantile = |q: f64| histogram.value_at_quantile(q);
        Self {
            min_ns: histogram.min(),
            max_ns: histogram.max(),
            mean_ns: histogram.mean(),
            stddev_ns: histogram.stdev(),
            p50_ns: quantile(0.5),
            p90_ns: quantile(0.9),
            p99_ns: quantile(0.99),
            p999_ns: quantile(0.999),
            p9999_ns: quantile(0.9999),
            distribution: distribution(histogram),
        }
    }
}

fn distribution(histogram: &Histogram<u64>) -> Vec<DistributionPoint> {
    let mut count = 0;
    let points = histogram.iter_quantiles(TICKS_PER_HALF).map(|step| {
        count += step.count_since_last_iteration();
        DistributionPoint { percentile: step.percentile(), latency_ns: step.value_iterated_to(), count }
    });
    points.collect()
}

/// What an engine knows of a job at its end.
pub(crate) struct JobResult {
    pub(crate) outcome: Outcome,
    pub(crate) span: Duration,
    pub(crate) total: Tally,
    pub(crate) counters: Counters,
    pub(crate) wrong_blocks: Vec<String>,
    pub(crate) series: Vec<Rates>,
}

impl JobReport {
    pub(crate) fn of(job: &JobSpec, result: JobResult) -> Self {
        let JobResult { outcome, span, total, counters, wrong_blocks, series } = result;
        Self {
            name: job.name.clone(),
            app: job.app.clone(),
            target: job.target.to_string(),
            settings: Settings::of(job),
            outcome,
            seconds: span.as_secs_f64(),
            rates: Rates::of(&total, span),
            reads: OpReport::of(&total.reads, span),
            writes: OpReport::of(&total.writes, span),
            clears: OpReport::of(&total.clears, span),
            counters,
            wrong_blocks,
            series,
        }
    }
}

#[cfg(test)]
mod test;
