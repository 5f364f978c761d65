//! What a scrape shows, in the OpenMetrics text format.
//!
//! Latencies are kept finer than this shows them: each recorded bucket counts where its upper end lies, so a figure is
//! never better than what was measured.

mod apps;
mod devices;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};
use sluice_node_api::v1;

/// Upper ends of the latency buckets, in nanoseconds.
const BOUNDS_NS: [u64; 17] = [
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    10_000_000_000,
];

/// The answers that a scrape is made of.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) node: String,
    pub(super) devices: Vec<v1::Device>,
    pub(super) pools: Vec<v1::Pool>,
    pub(super) stats: v1::GetStatsResponse,
}

const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, u64>> = None;

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

impl Scrape {
    /// All of it.
    pub(super) fn text(self) -> String {
        let mut registry = Registry::with_prefix("sluice");
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry).expect("a String takes everything");
        text
    }

    fn node(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels = [("node", self.node.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
        let mut info = encoder.encode_descriptor("node", "The node.", None, MetricType::Info)?;
        info.encode_info(&labels)?;
        let seconds = self.stats.uptime_ns as f64 / 1e9;
        let about = "Time since the node began to serve.";
        gauge(encoder, "uptime", about, Some(&Unit::Seconds))?.encode_gauge(&seconds)
    }

    fn pools(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = |name, about, unit, value: fn(&v1::Pool) -> u64| {
            let mut metric = gauge(encoder, name, about, unit)?;
            for pool in &self.pools {
                metric.encode_family(&[("pool", pool.name.as_str())])?.encode_gauge(&value(pool))?;
            }
            Ok(())
        };
        let bytes = Some(&Unit::Bytes);
        family("pool_capacity", "What the pool can hold.", bytes, |pool| pool.capacity_bytes)?;
        family("pool_free", "What is free and promised to nobody.", bytes, |pool| pool.free_bytes)?;
        let promised = "What thick volumes are promised and have not written to.";
        family("pool_promised", promised, bytes, |pool| pool.promised_bytes)?;
        family("pool_metadata", "What metadata take.", bytes, |pool| pool.metadata_bytes)?;
        let level = "How urgent more space is: 1 not, 2 from 80 % on, 3 from 95 % on, 4 full.";
        family("pool_space_level", level, None, |pool| u64::try_from(pool.level).unwrap_or(0))?;
        let suspended = "1 if the pool takes no writes until the daemon is restarted.";
        family("pool_suspended", suspended, None, |pool| u64::from(!pool.suspended.is_empty()))?;
        family("pool_volumes", "Volumes in the pool.", None, |pool| pool.volumes.into())?;
        family("pool_snapshots", "Snapshots in the pool.", None, |pool| pool.snapshots.into())
    }

    fn connections(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = gauge(encoder, "volume_connections", "NVMe/TCP connections, one per queue.", None)?;
        for volume in &self.stats.volumes {
            let of = |stats: &&v1::ConnectionStats| {
                stats.connection.as_ref().is_some_and(|connection| connection.volume == volume.volume)
            };
            let count = u64::try_from(self.stats.connections.iter().filter(of).count()).unwrap_or(u64::MAX);
            metric.encode_family(&volume_labels(volume))?.encode_gauge(&count)?;
        }
        Ok(())
    }

    fn errors(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let about = "I/O commands completed with an error.";
        let mut metric = encoder.encode_descriptor("volume_errors", about, None, MetricType::Counter)?;
        for volume in &self.stats.volumes {
            let errors = volume.io.as_ref().map_or(0, |io| io.errors);
            metric.encode_family(&volume_labels(volume))?.encode_counter(&errors, NO_EXEMPLAR)?;
        }
        Ok(())
    }

    /// One counter of each kind of command.
    fn counted(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, about, unit): (&str, &str, Option<&Unit>),
        value: fn(&v1::OpStats) -> u64,
    ) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(name, about, unit, MetricType::Counter)?;
        for (labels, op) in self.ops() {
            metric.encode_family(&labels)?.encode_counter(&value(op), NO_EXEMPLAR)?;
        }
        Ok(())
    }

    fn latencies(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let about = "From the round that took the command off the socket to that which answered it.";
        let unit = Some(&Unit::Seconds);
        let mut metric = encoder.encode_descriptor("volume_latency", about, unit, MetricType::Histogram)?;
        for (labels, op) in self.ops() {
            let latency = op.latency.clone().unwrap_or_default();
            let (sum, buckets) = cumulate(&latency);
            let mut metric = metric.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(sum, latency.total(), &buckets, None)?;
        }
        Ok(())
    }

    fn ops(&self) -> impl Iterator<Item = (Labels<'_, 3>, &v1::OpStats)> {
        self.stats.volumes.iter().flat_map(ops_of)
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let encoder = &mut encoder;
        self.node(encoder)?;
        self.devices(encoder)?;
        self.pools(encoder)?;
        self.connections(encoder)?;
        self.errors(encoder)?;
        self.counted(encoder, ("volume_ios", "I/O commands completed.", None), |op| op.count)?;
        let bytes = ("volume_io", "Bytes read, written, zeroed or deallocated.", Some(&Unit::Bytes));
        self.counted(encoder, bytes, |op| op.bytes)?;
        self.latencies(encoder)?;
        self.apps(encoder)?;
        self.schedulers(encoder)
    }
}

fn ops_of(volume: &v1::VolumeStats) -> impl Iterator<Item = (Labels<'_, 3>, &v1::OpStats)> {
    let io = volume.io.as_ref();
    let ops = io.map(|io| [("read", &io.reads), ("write", &io.writes), ("other", &io.others)]);
    ops.into_iter().flatten().filter_map(|(op, stats)| {
        let labels = [("volume", volume.volume.as_str()), ("app", volume.app.as_str()), ("op", op)];
        Some((labels, stats.as_ref()?))
    })
}

fn gauge<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    about: &str,
    unit: Option<&'a Unit>,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    encoder.encode_descriptor(name, about, unit, MetricType::Gauge)
}

fn volume_labels(volume: &v1::VolumeStats) -> Labels<'_, 2> {
    [("volume", &volume.volume), ("app", &volume.app)]
}

/// Sum in seconds, and counts by [`BOUNDS_NS`], not yet cumulative; the last bucket has no bound.
fn cumulate(latency: &v1::LatencyHistogram) -> (f64, Vec<(f64, u64)>) {
    let bounds = BOUNDS_NS.iter().map(|&bound| bound as f64 / 1e9).chain([f64::INFINITY]);
    let mut buckets: Vec<(f64, u64)> = bounds.map(|bound| (bound, 0)).collect();
    let mut sum = 0.0;
    for (highest_ns, count) in latency.buckets() {
        let index = BOUNDS_NS.partition_point(|&bound| bound < highest_ns);
        buckets[index].1 += count;
        sum += highest_ns as f64 / 1e9 * count as f64;
    }
    (sum, buckets)
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1;

    use super::Scrape;

    fn scrape() -> Scrape {
        let latency =
            v1::LatencyHistogram { highest_ns: vec![20_000, 20_001, 99_000_000_000], count: vec![2, 1, 1] };
        let reads = v1::OpStats { count: 4, bytes: 16384, latency: Some(latency) };
        let io = v1::IoStats { reads: Some(reads), errors: 3, ..v1::IoStats::default() };
        let volume = v1::VolumeStats { volume: "db".into(), app: "shop".into(), io: Some(io) };
        let pool = v1::Pool {
            name: "disk".into(),
            capacity_bytes: 100,
            free_bytes: 60,
            snapshots: 3,
            level: v1::SpaceLevel::Low.into(),
            suspended: "flushing the device failed".into(),
            ..v1::Pool::default()
        };
        let connection = v1::Connection { volume: "db".into(), ..v1::Connection::default() };
        let connection = v1::ConnectionStats { connection: Some(connection), io: None };
        let app = v1::AppStats {
            app: "shop".into(),
            pool: "disk".into(),
            in_force: Some(v1::AppQos { min_iops: 500, ..v1::AppQos::default() }),
            units: 70,
            waited: Some(v1::Waited { max_ns: 2_500_000_000, ..v1::Waited::default() }),
            ..v1::AppStats::default()
        };
        let scheduler = v1::SchedulerStats { pool: "disk".into(), promised_iops: 500, ..Default::default() };
        let stats = v1::GetStatsResponse {
            uptime_ns: 1_500_000_000,
            volumes: vec![volume],
            connections: vec![connection],
            apps: vec![app],
            schedulers: vec![scheduler],
        };
        Scrape { node: "n1".into(), devices: devices().into(), pools: vec![pool], stats }
    }

    /// A drive that is ill, and a file.
    fn devices() -> [v1::Device; 2] {
        let health = v1::DeviceHealth {
            warnings: vec!["media read only".into()],
            temperature_kelvin: 310,
            spare_percent: 4,
            spare_threshold_percent: 10,
            used_percent: 101,
            media_errors: 12,
        };
        let counts = v1::DeviceCounts { aborts: 5, resets: 2, losses: 1, ..v1::DeviceCounts::default() };
        let drive = v1::Device {
            name: "d0".into(),
            state: v1::DeviceState::Lost.into(),
            health: Some(health),
            counts: Some(counts),
            ..v1::Device::default()
        };
        let state = v1::DeviceState::Pool.into();
        [drive, v1::Device { name: "f0".into(), state, ..v1::Device::default() }]
    }

    #[test]
    fn every_family_is_there_with_its_labels() {
        let text = scrape().text();
        for line in [
            "# TYPE sluice_node info",
            "sluice_uptime_seconds 1.5",
            "sluice_device_up{device=\"d0\"} 0",
            "sluice_device_up{device=\"f0\"} 1",
            "sluice_device_critical_warning{device=\"d0\",warning=\"media read only\"} 1",
            "sluice_device_temperature_celsius{device=\"d0\"} 37.0",
            "sluice_device_spare_ratio{device=\"d0\"} 0.04",
            "sluice_device_spare_threshold_ratio{device=\"d0\"} 0.1",
            "sluice_device_used_ratio{device=\"d0\"} 1.01",
            "sluice_device_media_errors{device=\"d0\"} 12.0",
            "sluice_device_aborts_total{device=\"d0\"} 5",
            "sluice_device_resets_total{device=\"d0\"} 2",
            "sluice_device_losses_total{device=\"d0\"} 1",
            "sluice_pool_capacity_bytes{pool=\"disk\"} 100",
            "sluice_pool_free_bytes{pool=\"disk\"} 60",
            "sluice_pool_space_level{pool=\"disk\"} 2",
            "sluice_pool_suspended{pool=\"disk\"} 1",
            "sluice_pool_snapshots{pool=\"disk\"} 3",
            "sluice_volume_connections{volume=\"db\",app=\"shop\"} 1",
            "sluice_volume_errors_total{volume=\"db\",app=\"shop\"} 3",
            "sluice_volume_ios_total{volume=\"db\",app=\"shop\",op=\"read\"} 4",
            "sluice_volume_io_bytes_total{volume=\"db\",app=\"shop\",op=\"read\"} 16384",
            "sluice_app_min_iops{app=\"shop\",pool=\"disk\"} 500",
            "sluice_app_units_total{app=\"shop\",pool=\"disk\"} 70",
            "sluice_app_waited_seconds_total{app=\"shop\",pool=\"disk\",cause=\"max\"} 2.5",
            "sluice_scheduler_promised_iops{pool=\"disk\"} 500",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        // What is not there is not shown as 0.
        assert!(
            !text.contains("sluice_app_max_iops{")
                && !text.contains("sluice_scheduler_guaranteed_iops{")
                && !text.contains("sluice_device_spare_ratio{device=\"f0\"}")
        );
    }

    #[test]
    fn buckets_are_cumulative_and_bounds_belong_to_them() {
        let text = scrape().text();
        let bucket = |le: &str| {
            let start = format!(
                "sluice_volume_latency_seconds_bucket{{le=\"{le}\",volume=\"db\",app=\"shop\",op=\"read\"}} "
            );
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("{start}\n{text}")).to_owned()
        };
        assert_eq!(["0.00001", "0.00002", "0.00005", "10.0", "+Inf"].map(bucket), ["0", "2", "3", "3", "4"]);
    }
}
