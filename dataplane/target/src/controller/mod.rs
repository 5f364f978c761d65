//! A controller: what its admin queue asks and is told, without I/O.
//!
//! An admin command goes in with a view of what the subsystem is; an [`Answer`] comes out. What an answer
//! needs beyond the controller (to abort, to close queues) the owner does. The controllers of volumes
//! and of the discovery subsystem are the same machine with another [`Personality`].
//!
//! ```text
//!   Property Set CC.EN=1        CC.SHN != 0
//!  (new) ----------> ready ----------------> shut down
//!    ^                 |                         |
//!    +---- CC.EN=0 ----+------- CC.EN=0 ---------+      I/O queues are closed with it
//! ```

mod admin;
mod error_log;
mod events;
mod features;
mod identify;
mod log_page;
mod properties;

pub(crate) use admin::Answer;
pub(crate) use log_page::DiscoveryPage;

use crate::config::Limits;
use crate::stats::IoStats;
use crate::subsystem::NamespaceInfo;
use error_log::ErrorLog;
use events::Events;
use features::Features;
use properties::Properties;
use sluice_device::Nanos;
use sluice_nvme::feature::host_identifier::HostIdentifier;
use sluice_nvme::feature::keep_alive_timer::KeepAliveTimer;
use sluice_nvme::status::Status;
use std::time::Duration;
use uuid::Uuid;

/// KAS: keep-alive timeouts are counted in units of 100 ms times this.
pub(crate) const KAS: u16 = 10;
/// How much later than agreed a keep-alive may come: the look-over is not that exact, and networks are not.
const KEEP_ALIVE_GRACE_NS: u64 = 1_000_000_000;

/// Discovery controller activity timeout, in milliseconds.
const DISCOVERY_ACTIVITY_MS: u64 = 120_000;

/// What a controller is the controller of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Personality {
    /// A volume.
    Volume,
    /// The discovery subsystem.
    Discovery,
}

/// What admin commands are answered from.
pub(crate) struct View<'a> {
    pub(crate) limits: &'a Limits,
    /// Longest keep-alive timeout that a host may choose.
    pub(crate) keep_alive_max: Duration,
    pub(crate) subsystem_nqn: &'a str,
    /// The volume and its identity; `None` for discovery, or when the volume is no longer published.
    pub(crate) volume: Option<(Uuid, NamespaceInfo)>,
    /// The volume's figures, when a log page wants them.
    pub(crate) stats: &'a dyn Fn() -> IoStats,
    /// The discovery log page, when it is asked for.
    pub(crate) discovery: &'a dyn Fn() -> DiscoveryPage,
}

/// Who connected.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) nqn: String,
    pub(crate) id: HostIdentifier,
}

/// A controller.
pub(crate) struct Controller {
    /// Index of its subsystem; 0 for discovery.
    pub(crate) subsystem: u32,
    pub(crate) cntlid: u16,
    pub(crate) host_nqn: String,
    personality: Personality,
    host_id: HostIdentifier,
    keep_alive: KeepAliveTimer,
    properties: Properties,
    features: Features,
    events: Events,
    errors: ErrorLog,
    /// I/O queues that are connected, by identifier less one.
    queues: Vec<bool>,
}

impl Controller {
    /// The controller that an admin Connect makes. `kato_ms` zero: no keep-alive timer.
    pub(crate) fn new(
        personality: Personality,
        subsystem: u32,
        cntlid: u16,
        host: Host,
        kato_ms: u32,
        limits: &Limits,
    ) -> Self {
        let io_queues = match personality {
            Personality::Volume => limits.io_queues,
            Personality::Discovery => 0,
        };
        Self {
            subsystem,
            cntlid,
            host_nqn: host.nqn,
            personality,
            host_id: host.id,
            keep_alive: KeepAliveTimer::from_bits(kato_ms).rounded(KAS),
            properties: Properties::new(limits),
            features: Features::new(io_queues),
            events: Events::new(),
            errors: ErrorLog::new(),
            queues: vec![false; usize::from(io_queues)],
        }
    }

    /// Whether the host has been silent for longer than its keep-alive timeout. One that reads the discovery
    /// log without a timeout has two minutes (NVMe Base section 3.1.2.3), or those that never leave would
    /// fill the acceptor.
    pub(crate) fn keep_alive_expired(&self, last_heard: Nanos, now: Nanos) -> bool {
        let kato_ms = match (self.personality, self.keep_alive.kato_ms()) {
            (Personality::Discovery, 0) => DISCOVERY_ACTIVITY_MS,
            (_, kato_ms) => kato_ms.into(),
        };
        kato_ms > 0 && now.0.saturating_sub(last_heard.0) > kato_ms * 1_000_000 + KEEP_ALIVE_GRACE_NS
    }

    /// Whether I/O queues may connect: the controller is enabled, and not shut down.
    pub(crate) fn is_ready(&self) -> bool {
        self.properties.is_ready()
    }

    pub(crate) fn host_id(&self) -> HostIdentifier {
        self.host_id
    }

    /// Takes an I/O queue's identifier.
    ///
    /// `None`: more than the host was granted. `Some(false)`: connected already.
    pub(crate) fn open_queue(&mut self, qid: u16) -> Option<bool> {
        let granted = usize::from(self.features.queues());
        let taken = self.queues[..granted].get_mut(usize::from(qid.checked_sub(1)?))?;
        Some(!std::mem::replace(taken, true))
    }

    /// An I/O queue's connection is gone.
    pub(crate) fn queue_closed(&mut self, qid: u16) {
        if let Some(taken) = self.queues.get_mut(usize::from(qid).wrapping_sub(1)) {
            *taken = false;
        }
    }

    /// Notes a failed command.
    pub(crate) fn log_error(&mut self, qid: u16, cid: u16, status: Status, lba: u64) {
        self.errors.push(qid, cid, status, lba);
    }

    /// The namespace changed or went: an event for the host, if it asked for such. Returns the completion
    /// of an Asynchronous Event Request, if one is outstanding.
    pub(crate) fn namespace_changed(&mut self) -> Option<sluice_nvme::cqe::Cqe> {
        self.events.namespace_changed(self.features.async_events())
    }

    /// The discovery log changed: likewise.
    pub(crate) fn discovery_changed(&mut self) -> Option<sluice_nvme::cqe::Cqe> {
        self.events.discovery_changed(self.features.async_events())
    }
}

#[cfg(test)]
mod test;
