//! `sluice stats`

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_node_api::NodeClient;
use sluice_node_api::Size;
use sluice_node_api::v1::{GetStatsRequest, GetStatsResponse};

use super::Context;
use crate::args::{Output, StatsArgs};
use crate::draw::Trace;
use crate::error::CliError;
use crate::live::Live;
use crate::units;
use crate::view::{self, StatsView, VolumeStatsView, latency, table};

/// IOPS of each volume at the last looks.
type History = BTreeMap<String, Trace>;

pub(super) async fn run(context: &Context, args: StatsArgs) -> Result<(), CliError> {
    let mut client = context.client().await?;
    let first = fetch(&mut client, &args).await?;
    if args.watch {
        return watch(context.output, client, &args, first).await;
    }
    let mut stats = StatsView::total(first);
    stats.histograms = args.volume.is_some();
    Ok(view::show(context.output, &stats)?)
}

async fn fetch(client: &mut NodeClient, args: &StatsArgs) -> Result<GetStatsResponse, CliError> {
    let volume = args.volume.clone().unwrap_or_default();
    Ok(client.get_stats(GetStatsRequest { volume }).await?.into_inner())
}

async fn watch(
    output: Output,
    mut client: NodeClient,
    args: &StatsArgs,
    mut earlier: GetStatsResponse,
) -> Result<(), CliError> {
    let mut live = Live::stdout();
    let mut history = History::default();
    let mut ticks = tokio::time::interval(Duration::from_secs(args.interval.into()));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let later = fetch(&mut client, args).await?;
        let span = StatsView::between(&earlier, &later);
        earlier = later;
        match output {
            Output::Json => view::show(output, &span)?,
            Output::Table => live.draw(&frame(&span, &mut history))?,
        }
    }
}

fn frame(span: &StatsView, history: &mut History) -> String {
    let headers = [
        "VOLUME",
        "APP",
        ">IOPS",
        ">READS",
        ">WRITES",
        ">BANDWIDTH",
        ">P50",
        ">P99",
        ">P99.9",
        ">ERRORS",
        "IOPS SO FAR",
    ];
    let per_second = |count| units::count(units::per_second(count, span.span_ns));
    let row = |volume: &VolumeStatsView| {
        let trace = history.entry(volume.volume.clone()).or_default();
        trace.push(volume.iops);
        vec![
            volume.volume.clone(),
            volume.app.clone(),
            units::count(volume.iops),
            per_second(volume.reads.count),
            per_second(volume.writes.count),
            format!("{}/s", Size(volume.bytes_per_second).rounded()),
            latency(volume.latency.p50_ns),
            latency(volume.latency.p99_ns),
            latency(volume.latency.p99_9_ns),
            volume.errors.to_string(),
            trace.to_string(),
        ]
    };
    table(&headers, span.volumes.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{GetStatsResponse, IoStats, LatencyHistogram, OpStats, VolumeStats};

    use super::{History, frame};
    use crate::view::StatsView;

    fn stats(seconds: u64, count: u64) -> GetStatsResponse {
        let latency = Some(LatencyHistogram::from_buckets([(20_000, count)]));
        let reads = Some(OpStats { count, bytes: count << 12, latency });
        let io = Some(IoStats { reads, ..IoStats::default() });
        let volume = VolumeStats { volume: "db-0".into(), app: "db".into(), io };
        GetStatsResponse {
            uptime_ns: seconds * 1_000_000_000,
            volumes: vec![volume],
            ..GetStatsResponse::default()
        }
    }

    #[test]
    fn frames_grow_a_sparkline() {
        let mut history = History::default();
        frame(&StatsView::between(&stats(0, 0), &stats(1, 2048)), &mut history);
        let text = frame(&StatsView::between(&stats(1, 2048), &stats(2, 3072)), &mut history);
        let line = text.lines().nth(1).expect("a row");
        let cells = "db-0    db   1.02 K  1.02 K       0    4 MiB/s  20.0 us  20.0 us  20.0 us       0  ";
        assert_eq!(line, format!("{cells}\u{2588}\u{2584}"));
    }
}
