//! Calls about connections and counters.

use sluice_node_api::v1;
use sluice_target::handle::StatsReport;
use sluice_target::stats::IoStats;

use super::apps::{app_stats, scheduler_stats};
use super::error::NodeError;
use super::messages::{connection, io_stats, nanos};
use super::volumes;
use crate::node::NodeState;

pub(super) async fn connections(state: &NodeState, volume: &str) -> Result<Vec<v1::Connection>, NodeError> {
    let mut all = Vec::new();
    for (slot, handle) in state.serving() {
        let wanted =
            handle.connections().await?.into_iter().filter(|c| volume.is_empty() || c.volume == volume);
        all.extend(wanted.map(|status| connection(&slot.config.name, status)));
    }
    all.sort_by(|a, b| key(a).cmp(&key(b)));
    Ok(all)
}

/// The order of lists.
fn key(connection: &v1::Connection) -> (&str, u32, u32) {
    (&connection.volume, connection.controller_id, connection.queue_id)
}

pub(super) async fn stats(state: &NodeState, volume: &str) -> Result<v1::GetStatsResponse, NodeError> {
    let mut answer = v1::GetStatsResponse::default();
    for (slot, handle) in state.serving() {
        add(&mut answer, &slot.config.name, handle.stats().await?, volume);
    }
    if !volume.is_empty() && answer.volumes.is_empty() {
        // One that was never published has no figures.
        let app = volumes::get(state, volume).await?.app;
        let io = Some(io_stats(&IoStats::default()));
        answer.volumes.push(v1::VolumeStats { volume: volume.to_owned(), app, io });
    }
    answer.volumes.sort_by(|a, b| a.volume.cmp(&b.volume));
    let by_key = |stats: &v1::ConnectionStats| {
        stats.connection.as_ref().map(key).map(|(v, c, q)| (v.to_owned(), c, q))
    };
    answer.connections.sort_by_cached_key(by_key);
    answer.uptime_ns = nanos(state.started.elapsed());
    Ok(answer)
}

/// Adds one reactor's figures, of one volume or of all.
fn add(answer: &mut v1::GetStatsResponse, device: &str, report: StatsReport, volume: &str) {
    let wanted = |name: &str| volume.is_empty() || name == volume;
    let volumes = report.volumes.into_iter().filter(|(name, ..)| wanted(name));
    answer.volumes.extend(volumes.map(|(volume, app, io)| {
        let io = Some(io_stats(&io));
        v1::VolumeStats { volume, app, io }
    }));
    answer.apps.extend(report.apps.into_iter().map(|figures| app_stats(device, figures)));
    answer.schedulers.extend(report.scheduler.map(|figures| scheduler_stats(device, figures)));
    let connections = report.connections.into_iter().filter(|(status, _)| wanted(&status.volume));
    answer.connections.extend(connections.map(|(status, io)| {
        let io = Some(io_stats(&io));
        v1::ConnectionStats { connection: Some(connection(device, status)), io }
    }));
}
