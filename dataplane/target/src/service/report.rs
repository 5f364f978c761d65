//! What those who ask are told of connections, and the figures of volumes and applications.

use super::TargetService;
use crate::connection::{Connection, Role};
use crate::handle::{ConnectionStatus, InFlight, StatsReport};
use crate::stats::IoStats;
use sluice_device::Nanos;
use sluice_volume::VolumeIndex;
use sluice_volume::thin::ThinRecord;
use std::time::Duration;

impl TargetService {
    pub(super) fn connection_statuses(&self, now: Nanos) -> Vec<ConnectionStatus> {
        let connected = self.connections.iter().filter(|(_, connection)| connection.role != Role::Refused);
        connected.map(|(_, connection)| self.connection_status(connection, now)).collect()
    }

    fn connection_status(&self, connection: &Connection, now: Nanos) -> ConnectionStatus {
        let controller = self.controllers.get(connection.controller);
        let subsystem = controller.and_then(|controller| self.subsystems.get(controller.subsystem));
        let (header_digest, data_digest) = connection.wire.qpair.digests();
        ConnectionStatus {
            volume: subsystem.map(|s| s.name.clone()).unwrap_or_default(),
            subsystem_nqn: subsystem.map(|s| s.nqn.clone()).unwrap_or_default(),
            host_nqn: controller.map(|c| c.host_nqn.clone()).unwrap_or_default(),
            peer: connection.peer,
            controller_id: controller.map_or(0, |c| c.cntlid),
            queue_id: connection.role.qid(),
            queue_entries: connection.entries,
            outstanding: connection.outstanding,
            header_digest,
            data_digest,
            age: Duration::from_nanos(now.0.saturating_sub(connection.opened.0)),
        }
    }

    /// The volume a connection serves.
    pub(super) fn volume_of(&self, connection: &Connection) -> Option<VolumeIndex> {
        let controller = self.controllers.get(connection.controller)?;
        Some(self.subsystems.get(controller.subsystem)?.volume)
    }

    /// The figures of a volume: those of its connections, open and closed.
    pub(super) fn volume_stats(&self, volume: VolumeIndex) -> IoStats {
        let mut sum = self.closed_stats.get(&volume).cloned().unwrap_or_default();
        for (_, connection) in self.connections.iter() {
            if self.volume_of(connection) == Some(volume) {
                sum.add(&connection.stats);
            }
        }
        sum
    }

    fn in_flight(&self) -> InFlight {
        let commands = u32::try_from(self.io.requests.len()).unwrap_or(u32::MAX);
        InFlight {
            commands,
            buffer_bytes: self.io.buffers.total_bytes(0) - self.io.buffers.available_bytes(0),
        }
    }

    pub(super) fn stats_report(&self, now: Nanos) -> StatsReport {
        let mut report = StatsReport { in_flight: self.in_flight(), ..StatsReport::default() };
        // Of the others there is nothing to tell, and they may be many.
        let told = |record: &&ThinRecord| record.published || self.closed_stats.contains_key(&record.index);
        for record in self.volumes().filter(told) {
            let stats = self.volume_stats(record.index);
            report.volumes.push((record.name.clone(), record.app.clone(), stats));
        }
        report.volumes.sort_by(|a, b| a.0.cmp(&b.0));
        report.apps = self.io.apps.figures();
        report.scheduler = Some(self.io.apps.scheduler_figures(now));
        let io_queues = self.connections.iter().filter(|(_, c)| matches!(c.role, Role::Io(_)));
        report.connections = io_queues
            .map(|(_, connection)| {
                let mut stats = IoStats::default();
                stats.add(&connection.stats);
                (self.connection_status(connection, now), stats)
            })
            .collect();
        report
    }
}
