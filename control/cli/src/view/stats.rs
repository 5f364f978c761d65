//! `sluice stats`: counters over a span of time, since the start of the node or between two looks.

use serde::Serialize;
use sluice_node_api::Size;
use sluice_node_api::latency::PerMillion;
use sluice_node_api::v1::{GetStatsResponse, IoStats, LatencyHistogram, OpStats, VolumeStats};

use super::{View, table};
use crate::{draw, units};

/// What all volumes did in a span of time.
#[derive(Debug, Serialize)]
pub(crate) struct StatsView {
    /// When the span ended, in nanoseconds since the node began to serve.
    pub(crate) uptime_ns: u64,
    /// How long it was.
    pub(crate) span_ns: u64,
    pub(crate) volumes: Vec<VolumeStatsView>,
    /// Draw the histograms, too.
    #[serde(skip)]
    pub(crate) histograms: bool,
}

/// What one volume did.
#[derive(Debug, Serialize)]
pub(crate) struct VolumeStatsView {
    pub(crate) volume: String,
    pub(crate) app: String,
    /// Commands that failed.
    pub(crate) errors: u64,
    /// Commands per second, those that failed not counted.
    pub(crate) iops: u64,
    pub(crate) bytes_per_second: u64,
    /// Reads and writes together.
    pub(crate) latency: LatencyView,
    pub(crate) reads: OpView,
    pub(crate) writes: OpView,
    pub(crate) others: OpView,
}

/// What one volume did of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct OpView {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    pub(crate) latency: LatencyView,
}

/// Percentiles; absent if nothing was done.
#[derive(Debug, Serialize)]
pub(crate) struct LatencyView {
    pub(crate) p50_ns: Option<u64>,
    pub(crate) p99_ns: Option<u64>,
    pub(crate) p99_9_ns: Option<u64>,
    pub(crate) max_ns: Option<u64>,
    /// Bound and count.
    buckets: Vec<(u64, u64)>,
    #[serde(skip)]
    histogram: LatencyHistogram,
}

impl From<LatencyHistogram> for LatencyView {
    fn from(histogram: LatencyHistogram) -> LatencyView {
        LatencyView {
            p50_ns: histogram.value_at(PerMillion::P50),
            p99_ns: histogram.value_at(PerMillion::P99),
            p99_9_ns: histogram.value_at(PerMillion::P99_9),
            max_ns: histogram.max(),
            buckets: histogram.buckets().collect(),
            histogram,
        }
    }
}

impl From<OpStats> for OpView {
    fn from(op: OpStats) -> OpView {
        OpView { count: op.count, bytes: op.bytes, latency: op.latency.unwrap_or_default().into() }
    }
}

impl VolumeStatsView {
    fn new(stats: VolumeStats, span_ns: u64) -> VolumeStatsView {
        let io = stats.io.unwrap_or_default();
        let [reads, writes, others] = [io.reads, io.writes, io.others].map(Option::unwrap_or_default);
        let both = [&reads, &writes].map(|op| op.latency.clone().unwrap_or_default());
        VolumeStatsView {
            volume: stats.volume,
            app: stats.app,
            errors: io.errors,
            iops: units::per_second(reads.count + writes.count + others.count, span_ns),
            bytes_per_second: units::per_second(reads.bytes + writes.bytes, span_ns),
            latency: both[0].plus(&both[1]).into(),
            reads: reads.into(),
            writes: writes.into(),
            others: others.into(),
        }
    }

    fn ops(&self) -> [(&'static str, &OpView); 3] {
        [("read", &self.reads), ("write", &self.writes), ("other", &self.others)]
    }
}

impl StatsView {
    /// Since the node began to serve.
    pub(crate) fn total(stats: GetStatsResponse) -> StatsView {
        let span_ns = stats.uptime_ns;
        StatsView::over(stats, span_ns)
    }

    /// Between two looks. A node that was restarted in between counts from its start.
    pub(crate) fn between(earlier: &GetStatsResponse, later: &GetStatsResponse) -> StatsView {
        let restarted = later.uptime_ns < earlier.uptime_ns;
        let span_ns = if restarted { later.uptime_ns } else { later.uptime_ns - earlier.uptime_ns };
        let mut difference = later.clone();
        for volume in difference.volumes.iter_mut().filter(|_| !restarted) {
            let before = earlier.volumes.iter().find(|before| before.volume == volume.volume);
            if let (Some(io), Some(before)) = (&mut volume.io, before.and_then(|before| before.io.as_ref())) {
                subtract(io, before);
            }
        }
        StatsView::over(difference, span_ns)
    }

    fn over(stats: GetStatsResponse, span_ns: u64) -> StatsView {
        let volume = |stats| VolumeStatsView::new(stats, span_ns);
        let volumes = stats.volumes.into_iter().map(volume).collect();
        StatsView { uptime_ns: stats.uptime_ns, span_ns, volumes, histograms: false }
    }
}

/// Counters do not go back, but a volume may have been deleted and made anew: then what there is counts.
fn subtract(io: &mut IoStats, before: &IoStats) {
    let pairs =
        [(&mut io.reads, &before.reads), (&mut io.writes, &before.writes), (&mut io.others, &before.others)];
    for (now, before) in pairs {
        if let (Some(now), Some(before)) = (now.as_mut(), before) {
            now.count = now.count.checked_sub(before.count).unwrap_or(now.count);
            now.bytes = now.bytes.checked_sub(before.bytes).unwrap_or(now.bytes);
            if let (Some(latency), Some(before)) = (&mut now.latency, &before.latency) {
                *latency = latency.since(before);
            }
        }
    }
    io.errors = io.errors.checked_sub(before.errors).unwrap_or(io.errors);
}

/// A latency, or a dash.
pub(crate) fn latency(ns: Option<u64>) -> String {
    ns.map_or_else(|| "-".to_owned(), units::duration)
}

impl View for StatsView {
    fn text(&self) -> String {
        let headers =
            ["VOLUME", "APP", "OP", ">COUNT", ">BYTES", ">P50", ">P99", ">P99.9", ">MAX", ">ERRORS"];
        let mut rows = Vec::new();
        for volume in &self.volumes {
            rows.extend(volume.ops().iter().enumerate().map(|(index, op)| row(volume, index == 0, op)));
        }
        let mut text = table(&headers, rows);
        for volume in self.volumes.iter().filter(|_| self.histograms) {
            text.push_str(&histograms(volume));
        }
        text
    }
}

/// The volume's name, application and errors stand on its first line only.
fn row(volume: &VolumeStatsView, first: bool, (name, op): &(&str, &OpView)) -> Vec<String> {
    let once = |text: String| if first { text } else { String::new() };
    vec![
        once(volume.volume.clone()),
        once(volume.app.clone()),
        (*name).to_owned(),
        units::count(op.count),
        Size(op.bytes).rounded(),
        latency(op.latency.p50_ns),
        latency(op.latency.p99_ns),
        latency(op.latency.p99_9_ns),
        latency(op.latency.max_ns),
        once(volume.errors.to_string()),
    ]
}

fn histograms(volume: &VolumeStatsView) -> String {
    let drawn = |(name, op): &(&str, &OpView)| {
        format!("\n{name} latency\n{}", draw::histogram(&op.latency.histogram))
    };
    volume.ops().iter().filter(|(_, op)| op.count != 0).map(drawn).collect()
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{GetStatsResponse, IoStats, LatencyHistogram, OpStats, VolumeStats};

    use super::StatsView;
    use crate::view::View;

    fn op(count: u64, buckets: &[(u64, u64)]) -> Option<OpStats> {
        let latency = Some(LatencyHistogram::from_buckets(buckets.iter().copied()));
        Some(OpStats { count, bytes: count * 4096, latency })
    }

    fn stats(uptime_ns: u64, reads: Option<OpStats>, errors: u64) -> GetStatsResponse {
        let io = IoStats { reads, writes: op(0, &[]), others: None, errors };
        let volume = VolumeStats { volume: "db-0".into(), app: "db".into(), io: Some(io) };
        GetStatsResponse { uptime_ns, volumes: vec![volume], ..GetStatsResponse::default() }
    }

    #[test]
    fn snapshot() {
        let view = StatsView::total(stats(2_000_000_000, op(1000, &[(9_000, 989), (30_000, 11)]), 2));
        let expected = "\
VOLUME  APP  OP      COUNT    BYTES      P50      P99    P99.9      MAX  ERRORS
db-0    db   read   1.00 K  3.9 MiB  9.00 us  30.0 us  30.0 us  30.0 us       2
             write       0      0 B        -        -        -        -
             other       0      0 B        -        -        -        -
";
        assert_eq!(view.text(), expected);
        assert_eq!((view.volumes[0].iops, view.volumes[0].bytes_per_second), (500, 2_048_000));
    }

    #[test]
    fn a_span_counts_what_happened_in_it() {
        let earlier = stats(1_000_000_000, op(1000, &[(9_000, 1000)]), 2);
        let later = stats(3_000_000_000, op(1600, &[(9_000, 1000), (50_000, 600)]), 2);
        let view = StatsView::between(&earlier, &later);
        let volume = &view.volumes[0];
        assert_eq!((view.span_ns, volume.iops, volume.errors), (2_000_000_000, 300, 0));
        assert_eq!(volume.latency.p50_ns, Some(50_000));
    }

    #[test]
    fn a_restart_in_between_counts_from_the_start() {
        let view =
            StatsView::between(&stats(9_000_000_000, op(1000, &[]), 9), &stats(500_000_000, op(10, &[]), 1));
        let volume = &view.volumes[0];
        assert_eq!((view.span_ns, volume.reads.count, volume.iops, volume.errors), (500_000_000, 10, 20, 1));
    }

    #[test]
    fn a_histogram_follows_on_demand() {
        let mut view = StatsView::total(stats(1, op(3, &[(9_000, 3)]), 0));
        view.histograms = true;
        assert!(view.text().contains("\nread latency\n  <=  9.00 us        3  \u{2588}"), "{}", view.text());
        assert!(!view.text().contains("write latency"));
    }
}
