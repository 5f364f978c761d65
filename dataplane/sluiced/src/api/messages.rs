//! The target's words in the protocol's.

use std::net::SocketAddr;
use std::time::Duration;

use sluice_device::DeviceInfo;
use sluice_node_api::v1;
use sluice_node_api::v1::host_access::Access;
use sluice_nvme_pcie::Health;
use sluice_reactor::Polling;
use sluice_target::handle::{ChangesPage, ConnectionStatus, PoolStatus, SnapshotStatus, VolumeStatus};
use sluice_target::stats::{IoStats, OpStats};
use sluice_volume::HostAccess;
use sluice_volume::map::{BLOCK_BYTES, Change, Level, Usage};
use sluice_volume::thin::Provision;

use super::error::NodeError;
use crate::config::Source;
use crate::node::{Counts, Heard, Slot, Told};

/// Nanoseconds; 584 years fit.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn polling(polling: Polling) -> (v1::Polling, u32) {
    match polling {
        Polling::Adaptive { spin } => {
            (v1::Polling::Adaptive, u32::try_from(spin.as_micros()).unwrap_or(u32::MAX))
        }
        Polling::Always => (v1::Polling::Always, 0),
    }
}

pub(super) fn listeners(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(SocketAddr::to_string).collect()
}

pub(super) fn reactor(slot: &Slot) -> v1::Reactor {
    let core = slot.core.and_then(|core| u32::try_from(core).ok());
    v1::Reactor { device: slot.config.name.clone(), core }
}

/// `pool` is the device's, while it is served.
pub(super) fn device(slot: &Slot, pool: Option<PoolStatus>) -> v1::Device {
    let Told { health, lost, events, counts, .. } = slot.watch.told();
    let in_user_space = matches!(slot.config.source, Source::Pcie { .. });
    let state = match (&pool, &lost) {
        (Some(_), Some(_)) => v1::DeviceState::Lost,
        (Some(_), None) => v1::DeviceState::Pool,
        (None, _) if slot.is_erasing() => v1::DeviceState::Erasing,
        (None, _) => v1::DeviceState::Idle,
    };
    v1::Device {
        name: slot.config.name.clone(),
        uri: slot.config.source.to_string(),
        state: state.into(),
        reason: slot.reason().or(lost).unwrap_or_default(),
        info: pool.map(|pool| device_info(pool.device)),
        health: health.map(|health| device_health(&health)),
        events: events.iter().map(device_event).collect(),
        counts: in_user_space.then(|| device_counts(counts)),
    }
}

fn device_event(event: &Heard) -> v1::DeviceEvent {
    let age_ns = nanos(event.at.elapsed());
    v1::DeviceEvent { sequence: event.sequence, age_ns, text: event.text.clone() }
}

fn device_counts(counts: Counts) -> v1::DeviceCounts {
    let Counts { aborts, resets, media_errors, warnings, losses } = counts;
    v1::DeviceCounts { aborts, resets, media_errors, warnings, losses }
}

pub(super) fn device_health(health: &Health) -> v1::DeviceHealth {
    v1::DeviceHealth {
        warnings: health.warnings().into_iter().map(str::to_owned).collect(),
        temperature_kelvin: health.temperature_kelvin.into(),
        spare_percent: health.spare_percent.into(),
        spare_threshold_percent: health.spare_threshold_percent.into(),
        used_percent: health.used_percent.into(),
        media_errors: u64::try_from(health.media_errors).unwrap_or(u64::MAX),
    }
}

fn device_info(info: DeviceInfo) -> v1::DeviceInfo {
    v1::DeviceInfo {
        kind: info.kind.to_owned(),
        size_bytes: info.size_bytes(),
        block_size: info.block_size,
        volatile_write_cache: info.volatile_write_cache,
        model: info.model,
        serial: info.serial,
    }
}

pub(super) fn pool(slot: &Slot, pool: &PoolStatus) -> v1::Pool {
    v1::Pool {
        name: slot.config.name.clone(),
        uuid: pool.uuid.to_string(),
        capacity_bytes: pool.capacity_bytes,
        free_bytes: pool.free_bytes,
        volumes: pool.volumes,
        snapshots: pool.snapshots,
        promised_bytes: pool.promised_bytes,
        metadata_bytes: pool.metadata_bytes,
        reclaiming: pool.reclaiming,
        reclaiming_bytes: pool.reclaiming_bytes,
        level: space_level(pool.level).into(),
        suspended: pool.suspended.clone().unwrap_or_default(),
    }
}

fn space_level(level: Level) -> v1::SpaceLevel {
    match level {
        Level::Ample => v1::SpaceLevel::Ample,
        Level::Low => v1::SpaceLevel::Low,
        Level::Critical => v1::SpaceLevel::Critical,
        Level::Full => v1::SpaceLevel::Full,
    }
}

fn usage(usage: &Usage) -> v1::Usage {
    v1::Usage {
        logical_bytes: usage.logical_bytes(),
        exclusive_bytes: usage.exclusive_bytes(),
        shared_bytes: usage.shared_bytes(),
    }
}

pub(super) fn snapshot(pool: &str, snapshot: SnapshotStatus) -> v1::Snapshot {
    v1::Snapshot {
        pool: pool.to_owned(),
        uuid: snapshot.uuid.to_string(),
        usage: Some(usage(&snapshot.usage)),
        name: snapshot.name,
        volume: snapshot.volume,
        app: snapshot.app,
        size_bytes: snapshot.size_bytes,
        block_size: snapshot.block_size,
        created_us: snapshot.created_us,
    }
}

/// A part of what changed.
pub(super) fn changes(page: &ChangesPage) -> v1::ListChangedBlocksResponse {
    let extent = |change: &Change| v1::ChangedExtent {
        offset_bytes: change.start * BLOCK_BYTES,
        length_bytes: change.blocks * BLOCK_BYTES,
        mapped: change.mapped,
    };
    v1::ListChangedBlocksResponse {
        extents: page.changes.iter().map(extent).collect(),
        told_bytes: page.next.map_or(page.size_bytes, |block| block * BLOCK_BYTES),
        size_bytes: page.size_bytes,
    }
}

pub(super) fn volume(pool: &str, volume: VolumeStatus) -> v1::Volume {
    v1::Volume {
        pool: pool.to_owned(),
        uuid: volume.uuid.to_string(),
        nguid: volume.nguid.iter().map(|byte| format!("{byte:02x}")).collect(),
        access: volume.published.then(|| access(volume.access)),
        thick: volume.provision == Provision::Thick,
        usage: Some(usage(&volume.usage)),
        origin: volume.origin,
        created_us: volume.created_us,
        name: volume.name,
        app: volume.app,
        nqn: volume.nqn,
        block_size: volume.block_size,
        size_bytes: volume.size_bytes,
        published: volume.published,
        connections: volume.connections,
    }
}

fn access(access: HostAccess) -> v1::HostAccess {
    let access = match access {
        HostAccess::Any => Access::AnyHost(v1::AnyHost {}),
        HostAccess::Hosts(nqns) => Access::Hosts(v1::HostList { nqns }),
    };
    v1::HostAccess { access: Some(access) }
}

/// Who is to have access. Lengths and forms are checked by the pool.
pub(super) fn host_access(access: Option<v1::HostAccess>) -> Result<HostAccess, NodeError> {
    match access.and_then(|access| access.access) {
        Some(Access::AnyHost(v1::AnyHost {})) => Ok(HostAccess::Any),
        Some(Access::Hosts(v1::HostList { nqns })) if !nqns.is_empty() => Ok(HostAccess::Hosts(nqns)),
        Some(Access::Hosts(_)) | None => Err(NodeError::NoAccess),
    }
}

pub(super) fn connection(device: &str, connection: ConnectionStatus) -> v1::Connection {
    v1::Connection {
        device: device.to_owned(),
        volume: connection.volume,
        peer: connection.peer.to_string(),
        host_nqn: connection.host_nqn,
        controller_id: connection.controller_id.into(),
        queue_id: connection.queue_id.into(),
        queue_entries: connection.queue_entries.into(),
        outstanding: connection.outstanding.into(),
        header_digest: connection.header_digest,
        data_digest: connection.data_digest,
        age_ns: nanos(connection.age),
    }
}

pub(super) fn io_stats(stats: &IoStats) -> v1::IoStats {
    v1::IoStats {
        reads: Some(op_stats(&stats.read)),
        writes: Some(op_stats(&stats.write)),
        others: Some(op_stats(&stats.other)),
        errors: stats.errors,
    }
}

fn op_stats(stats: &OpStats) -> v1::OpStats {
    let buckets = stats.latency_ns.iter_recorded();
    let buckets = buckets.map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration()));
    let latency = v1::LatencyHistogram::from_buckets(buckets);
    v1::OpStats { count: stats.count, bytes: stats.bytes, latency: Some(latency) }
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use sluice_node_api::v1;
    use sluice_node_api::v1::host_access::Access;
    use sluice_reactor::Polling;
    use sluice_target::handle::{ChangesPage, VolumeStatus};
    use sluice_target::stats::IoStats;
    use sluice_volume::HostAccess;
    use sluice_volume::map::{Change, Usage};
    use sluice_volume::thin::Provision;
    use uuid::Uuid;

    use super::{changes, host_access, io_stats, nanos, polling, volume};

    #[test]
    fn polling_modes() {
        let spin = Duration::from_micros(70);
        assert_eq!(polling(Polling::Adaptive { spin }), (v1::Polling::Adaptive, 70));
        assert_eq!(polling(Polling::Always), (v1::Polling::Always, 0));
        assert_eq!((nanos(Duration::from_micros(3)), nanos(Duration::MAX)), (3_000, u64::MAX));
    }

    #[test]
    fn access_there_and_back() {
        let hosts = |nqns: &[&str]| v1::HostList { nqns: nqns.iter().map(|&nqn| nqn.to_owned()).collect() };
        let some = |access| Some(v1::HostAccess { access: Some(access) });
        let read = |access| host_access(access).ok();
        assert_eq!(read(some(Access::AnyHost(v1::AnyHost {}))), Some(HostAccess::Any));
        assert_eq!(
            read(some(Access::Hosts(hosts(&["nqn.a"])))),
            Some(HostAccess::Hosts(vec!["nqn.a".into()]))
        );
        assert_eq!(read(some(Access::Hosts(hosts(&[])))), None);
        assert_eq!(read(None), None);
        assert_eq!(read(Some(v1::HostAccess { access: None })), None);
    }

    #[test]
    fn a_volume_that_is_not_published_shows_no_access() {
        let status = VolumeStatus {
            name: "a".into(),
            app: "b".into(),
            uuid: Uuid::from_u128(0xff),
            nguid: [0xab; 16],
            nqn: "nqn.x".into(),
            block_size: 512,
            size_bytes: 1 << 20,
            provision: Provision::Thick,
            origin: "c@d".into(),
            created_us: 7,
            usage: Usage { mapped_blocks: 3, chunks: 2, exclusive_chunks: 1 },
            published: false,
            access: HostAccess::Any,
            connections: 0,
        };
        let shown = volume("p", status.clone());
        assert_eq!((shown.access, shown.nguid.as_str()), (None, "ab".repeat(16).as_str()));
        assert_eq!(shown.uuid, "00000000-0000-0000-0000-0000000000ff");
        let usage = v1::Usage { logical_bytes: 12_288, exclusive_bytes: 128 << 10, shared_bytes: 128 << 10 };
        assert_eq!((shown.thick, shown.origin.as_str(), shown.usage), (true, "c@d", Some(usage)));
        let shown = volume("p", VolumeStatus { published: true, ..status });
        assert_eq!(shown.access.and_then(|access| access.access), Some(Access::AnyHost(v1::AnyHost {})));
    }

    #[test]
    fn changes_are_told_in_bytes() {
        let change = Change { start: 3, blocks: 2, mapped: true };
        let page = ChangesPage { changes: vec![change], next: Some(9), size_bytes: 1 << 20 };
        let part = changes(&page);
        assert_eq!((part.extents[0].offset_bytes, part.extents[0].length_bytes), (12_288, 8192));
        assert_eq!((part.told_bytes, part.size_bytes), (36_864, 1 << 20));
        let last = changes(&ChangesPage { next: None, ..page });
        assert_eq!(last.told_bytes, 1 << 20);
    }

    #[test]
    fn histograms_become_sparse() {
        let mut stats = IoStats::default();
        stats.read.count = 3;
        stats.read.latency_ns.record_n(9_000, 2).expect("in range");
        stats.read.latency_ns.record(1_000_000).expect("in range");
        let latency = io_stats(&stats).reads.and_then(|reads| reads.latency).expect("there");
        assert_eq!(latency.count, [2, 1]);
        assert!((9_000..9_000 + 128).contains(&latency.highest_ns[0]), "{latency:?}");
        assert!((1_000_000..1_010_000).contains(&latency.highest_ns[1]), "{latency:?}");
    }
}
