//! What the demo proved: for people the last thing on the screen, for machines one JSON object.

use serde::Serialize;
use sluice_node_api::Size;
use sluice_perf::report::{JobReport, OpReport, Outcome, Report};

use super::act::Isolation;
use super::display::whole;
use super::stage::Published;
use crate::view::{View, card, latency};
use crate::{connect, units};

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Every job ran to its end, and every block held what it must.
    pub(super) verified: bool,
    /// Sums over the applications.
    blocks_written: u64,
    blocks_verified: u64,
    blocks_wrong: u64,
    /// What the sensitive application had, and whether its Min was kept.
    isolation: Isolation,
    /// No window missed the Min, or the device itself fell short of it.
    min_kept: bool,
    apps: Vec<AppSummary>,
}

/// One application's figures.
#[derive(Debug, Serialize)]
struct AppSummary {
    app: String,
    volume: String,
    workload: &'static str,
    block_size_bytes: u32,
    /// `completed`, or what went wrong.
    outcome: String,
    /// Of the measured time, without the writing before it and the reading back after it.
    seconds: f64,
    iops: u64,
    bytes_per_second: u64,
    reads: OpSummary,
    writes: OpSummary,
    /// In blocks of `block_size_bytes`, over the whole demo.
    blocks_written: u64,
    blocks_verified: u64,
    blocks_wrong: u64,
    io_errors: u64,
    disconnects: u64,
    /// The first wrong blocks, in words.
    wrong_blocks: Vec<String>,
    nqn: String,
    /// How a host connects while the node is up.
    connect: String,
}

/// Figures of reads or writes in the measured time.
#[derive(Debug, Serialize)]
struct OpSummary {
    count: u64,
    bytes: u64,
    p50_ns: Option<u64>,
    p99_ns: Option<u64>,
    p99_9_ns: Option<u64>,
    max_ns: Option<u64>,
}

impl Summary {
    /// From the load's report, whose jobs stand in the order of the volumes.
    pub(super) fn new(report: &Report, volumes: &[Published], isolation: Isolation) -> Summary {
        let apps: Vec<AppSummary> = report.jobs.iter().zip(volumes).map(AppSummary::new).collect();
        let sum = |count: fn(&AppSummary) -> u64| apps.iter().map(count).sum();
        let (blocks_verified, blocks_wrong) = (sum(|app| app.blocks_verified), sum(|app| app.blocks_wrong));
        Summary {
            verified: proved(report, volumes.len()) && blocks_wrong == 0,
            blocks_written: sum(|app| app.blocks_written),
            blocks_verified,
            blocks_wrong,
            min_kept: isolation.is_kept(),
            isolation,
            apps,
        }
    }
}

/// A job that was stopped early, or verified nothing, proves nothing.
fn proved(report: &Report, jobs: usize) -> bool {
    let complete = |job: &JobReport| job.outcome == Outcome::Completed && job.counters.blocks_verified > 0;
    report.jobs.len() == jobs && report.jobs.iter().all(complete)
}

impl AppSummary {
    fn new((job, volume): (&JobReport, &Published)) -> AppSummary {
        let app = volume.app;
        AppSummary {
            app: app.name.to_owned(),
            volume: app.volume.to_owned(),
            workload: app.workload,
            block_size_bytes: app.block_size,
            outcome: outcome(&job.outcome),
            seconds: job.seconds,
            iops: whole(job.rates.iops),
            bytes_per_second: whole(job.rates.bytes_per_second),
            reads: OpSummary::new(&job.reads),
            writes: OpSummary::new(&job.writes),
            blocks_written: job.counters.blocks_written,
            blocks_verified: job.counters.blocks_verified,
            blocks_wrong: job.counters.blocks_wrong,
            io_errors: job.counters.errors,
            disconnects: job.counters.disconnects,
            wrong_blocks: job.wrong_blocks.clone(),
            nqn: volume.nqn.clone(),
            connect: connect::command(volume.address, &volume.nqn, None),
        }
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Completed => "completed".to_owned(),
        Outcome::Stopped => "stopped early".to_owned(),
        Outcome::VerifyFailed => "wrong blocks".to_owned(),
        Outcome::Failed(reason) => reason.clone(),
    }
}

impl OpSummary {
    fn new(op: &OpReport) -> OpSummary {
        let of = |value: fn(&sluice_perf::report::Latency) -> u64| op.latency.as_ref().map(value);
        OpSummary {
            count: op.ios,
            bytes: op.bytes,
            p50_ns: of(|latency| latency.p50_ns),
            p99_ns: of(|latency| latency.p99_ns),
            p99_9_ns: of(|latency| latency.p999_ns),
            max_ns: of(|latency| latency.max_ns),
        }
    }

    fn text(&self) -> String {
        format!(
            "{} ({}), p50 {}, p99 {}, p99.9 {}, max {}",
            units::count(self.count),
            Size(self.bytes).rounded(),
            latency(self.p50_ns),
            latency(self.p99_ns),
            latency(self.p99_9_ns),
            latency(self.max_ns),
        )
    }
}

impl View for Summary {
    fn text(&self) -> String {
        let apps: String = self.apps.iter().map(AppSummary::text).collect();
        let verdict = match self.verified {
            true => format!(
                "verified: {} blocks written, {} read and compared, all of them right",
                units::count(self.blocks_written),
                units::count(self.blocks_verified)
            ),
            false => format!("NOT VERIFIED: {} blocks were wrong", units::count(self.blocks_wrong)),
        };
        format!("{apps}\n{}\n{verdict}\n", card(&self.isolation.pairs()))
    }
}

impl AppSummary {
    fn text(&self) -> String {
        let blocks = format!(
            "{} written, {} verified, {} wrong (blocks of {} bytes)",
            units::count(self.blocks_written),
            units::count(self.blocks_verified),
            self.blocks_wrong,
            self.block_size_bytes
        );
        let bandwidth = Size(self.bytes_per_second).rounded();
        let rate = format!("{} IOPS, {bandwidth}/s over {:.1} s", units::count(self.iops), self.seconds);
        let mut pairs = vec![
            ("app", format!("{} on volume {}: {}", self.app, self.volume, self.workload)),
            ("outcome", self.outcome.clone()),
            ("rate", rate),
            ("reads", self.reads.text()),
            ("writes", self.writes.text()),
            ("blocks", blocks),
        ];
        pairs.extend(self.wrong_blocks.iter().map(|wrong| ("wrong", wrong.clone())));
        pairs.push(("connect", self.connect.clone()));
        format!("\n{}", card(&pairs))
    }
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use sluice_perf::fingerprint::Fingerprint;
    use sluice_perf::report::{FORMAT, JobReport, Latency, OpReport, Outcome, Report, Settings};
    use sluice_perf::stats::{Counters, Rates};

    use super::Summary;
    use crate::demo::act::{Act, Isolation};
    use crate::demo::apps::APPS;
    use crate::demo::stage::Published;
    use crate::view::View;

    fn isolation() -> Isolation {
        let act = Act { iops: 9000, p50_ns: Some(90_000), p99_ns: Some(200_000), p99_9_ns: None };
        Isolation { app: "shop", min_iops: Some(8000), with_qos: act, windows: 60, ..Isolation::default() }
    }

    fn volumes() -> Vec<Published> {
        let address = ([127, 0, 0, 1], 4420).into();
        APPS.iter().map(|app| Published { app: *app, nqn: format!("nqn.{}", app.name), address }).collect()
    }

    fn job(volume: &Published) -> JobReport {
        let job = volume.job(Duration::from_secs(2));
        let latency = Latency {
            p50_ns: 80_000,
            p99_ns: 250_000,
            p999_ns: 400_000,
            max_ns: 2_000_000,
            ..Latency::default()
        };
        let reads =
            OpReport { ios: 70_000, bytes: 70_000 << 12, latency: Some(latency), ..OpReport::default() };
        JobReport {
            name: job.name.clone(),
            app: job.app.clone(),
            target: job.target.to_string(),
            settings: Settings::of(&job),
            outcome: Outcome::Completed,
            seconds: 2.0,
            rates: Rates { iops: 35_000.0, bytes_per_second: 1e8, ..Rates::default() },
            reads,
            writes: OpReport::default(),
            clears: OpReport::default(),
            counters: Counters { blocks_written: 32_768, blocks_verified: 100_000, ..Counters::default() },
            wrong_blocks: Vec::new(),
            series: Vec::new(),
        }
    }

    fn report(change: impl Fn(&mut JobReport)) -> Report {
        let mut jobs: Vec<JobReport> = volumes().iter().map(job).collect();
        change(&mut jobs[1]);
        let tool = "test".to_owned();
        Report { format: FORMAT, tool, started_unix_s: 0, host: Fingerprint::default(), threads: 1, jobs }
    }

    #[test]
    fn snapshot() {
        let text = Summary::new(&report(|_| ()), &volumes(), isolation()).text();
        let expected = "
app      shop on volume shop-db: 4 KiB random, 70 % reads, depth 4
outcome  completed
rate     35.0 K IOPS, 95.3 MiB/s over 2.0 s
reads    70.0 K (273.4 MiB), p50 80.0 us, p99 250 us, p99.9 400 us, max 2.00 ms
writes   0 (0 B), p50 -, p99 -, p99.9 -, max -
blocks   32.8 K written, 100 K verified, 0 wrong (blocks of 4096 bytes)
connect  nvme connect --transport=tcp --traddr=127.0.0.1 --trsvcid=4420 --nqn=nqn.shop
";
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.ends_with(
                "
its Min     9.00 K IOPS, p50 90.0 us, p99 200 us, p99.9 -
verdict     shop had its Min of 8.00 K IOPS in every window in which it asked for it

verified: 65.5 K blocks written, 200 K read and compared, all of them right\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn anything_short_of_a_whole_proof_is_not_verified() {
        assert!(Summary::new(&report(|_| ()), &volumes(), isolation()).verified);
        let changes: [fn(&mut JobReport); 5] = [
            |job| job.outcome = Outcome::VerifyFailed,
            |job| job.outcome = Outcome::Stopped,
            |job| job.outcome = Outcome::Failed("connection lost".to_owned()),
            |job| job.counters.blocks_verified = 0,
            |job| job.counters.blocks_wrong = 1,
        ];
        for change in changes {
            let summary = Summary::new(&report(change), &volumes(), isolation());
            assert!(!summary.verified && summary.text().contains("NOT VERIFIED"), "{}", summary.text());
        }
        let mut one = report(|_| ());
        one.jobs.pop();
        assert!(!Summary::new(&one, &volumes(), isolation()).verified);
    }

    #[test]
    fn json_has_the_figures_of_each_application() {
        let json =
            serde_json::to_value(Summary::new(&report(|_| ()), &volumes(), isolation())).expect("JSON");
        assert_eq!(
            (json["verified"].as_bool(), json["blocks_verified"].as_u64()),
            (Some(true), Some(200_000))
        );
        let app = &json["apps"][0];
        assert_eq!((app["app"].as_str(), app["reads"]["p99_ns"].as_u64()), (Some("shop"), Some(250_000)));
        assert_eq!((app["iops"].as_u64(), app["outcome"].as_str()), (Some(35_000), Some("completed")));
    }
}
