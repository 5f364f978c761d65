//! Reports: JSON there and back, refusals, the table.

use super::*;
use crate::spec::Target;
use crate::workload::AccessOp;

/// A small report for tests of everything that reads one.
pub(crate) fn sample(scale: u64) -> Report {
    let mut job = JobSpec::new("database", Target::Memory { bytes: 1 << 30 });
    job.verify = Some(crate::spec::VerifySpec::default());
    job.app = "postgres".to_owned();
    let mut total = Tally::default();
    for i in 0..10_000 {
        total.record(AccessOp::Read, 4096, 20_000 + i * scale);
        if i % 3 == 0 {
            total.record(AccessOp::Write, 4096, 30_000 + i * i % 90_000);
        }
    }
    let second = Rates::of(&total, Duration::from_secs(2));
    let result = JobResult {
        outcome: Outcome::Completed,
        span: Duration::from_secs(2),
        total,
        counters: Counters { blocks_verified: 10_000, ..Counters::default() },
        wrong_blocks: vec![],
        series: vec![second; 2],
    };
    Report {
        format: FORMAT,
        tool: "sluice-perf test".to_owned(),
        started_unix_s: 1_800_000_000,
        host: Fingerprint::default(),
        threads: 1,
        jobs: vec![JobReport::of(&job, result)],
    }
}

#[test]
fn json_there_and_back() {
    let report = sample(3);
    assert_eq!(Report::from_json(&report.to_json()), Ok(report));
}

#[test]
fn other_json_is_refused() {
    for (text, reason) in [
        ("", "not JSON"),
        ("{}", "no 'format'"),
        ("{\"format\": 2}", "format 2"),
        ("{\"format\": 1}", "not a sluice-perf result"),
    ] {
        let error = Report::from_json(text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn distribution_ends_at_the_longest() {
    let report = sample(3);
    let latency = report.jobs[0].reads.latency.as_ref().unwrap();
    let last = latency.distribution.last().unwrap();
    assert_eq!((last.count, last.latency_ns), (10_000, latency.max_ns));
    assert!(latency.distribution.windows(2).all(|w| w[0].percentile <= w[1].percentile));
    assert!(latency.p50_ns < latency.p99_ns && latency.p99_ns <= latency.max_ns);
}

#[test]
fn table_names_every_job() {
    let text = Table(&sample(3)).to_string();
    for word in ["database", "postgres", "5 k", "10000", "verified"] {
        assert!(text.contains(word), "{word} in:\n{text}");
    }
}
