//! What is to be seen from outside. Read off the hot path.

use sluice_device::Nanos;

use super::{AppIndex, ControlError, Scheduler, Tag};
use crate::admission::Admission;
use crate::governor::GovernorView;
use crate::model::Qos;
use crate::stats::AppStats;

/// An application as it stands.
#[derive(Debug, Clone, Copy)]
pub struct AppView<'a> {
    /// What it has now, a lease included.
    pub qos: Qos,
    /// When its lease ends.
    pub lease_until: Option<Nanos>,
    /// What of its Min it is given while the device does not keep all: in I/O units per second.
    pub min_iops_now: u64,
    /// I/Os in its queues.
    pub queued: u32,
    /// Volumes, clones and streams.
    pub volumes: u32,
    /// Its figures.
    pub stats: &'a AppStats,
}

/// The device as it stands.
#[derive(Debug, Clone, Copy)]
pub struct DeviceView {
    /// Depth, rate, capacity.
    pub governor: GovernorView,
    /// What is promised of what can be.
    pub admission: Admission,
    /// Thousandths of every Min that are given; 1000: all of it.
    pub scale_permille: u32,
    /// I/Os in all queues.
    pub queued: u32,
    /// Events that nobody read in time.
    pub events_lost: u64,
}

impl Scheduler {
    /// An application as it stands.
    ///
    /// # Errors
    /// [`ControlError::NoSuchApp`].
    pub fn app(&self, app: AppIndex) -> Result<AppView<'_>, ControlError> {
        let account = self.account(app)?;
        let hot = &self.apps[app.index()];
        Ok(AppView {
            qos: account.qos(),
            lease_until: account.lease.map(|lease| lease.until),
            min_iops_now: hot.min.rate(),
            queued: hot.queued,
            volumes: account.volumes,
            stats: &self.stats[app.index()],
        })
    }

    /// The device as it stands.
    #[must_use]
    pub fn device(&self) -> DeviceView {
        DeviceView {
            governor: self.governor.view(),
            admission: self.admission,
            scale_permille: self.lag.scale_permille,
            queued: self.queued,
            events_lost: self.events.lost(),
        }
    }

    /// All applications.
    pub fn apps(&self) -> impl Iterator<Item = AppIndex> {
        (0u32..).zip(&self.accounts).filter(|(_, account)| account.live).map(|(index, _)| AppIndex(index))
    }

    /// Whose a volume is.
    ///
    /// # Errors
    /// [`ControlError::NoSuchVolume`].
    pub fn app_of(&self, tag: Tag) -> Result<AppIndex, ControlError> {
        Ok(AppIndex(self.volume(tag)?.app))
    }

    /// I/Os in a volume's queue: what a connection is measured by that must be slowed down.
    ///
    /// # Errors
    /// [`ControlError::NoSuchVolume`].
    pub fn queued(&self, tag: Tag) -> Result<u32, ControlError> {
        Ok(self.volume(tag)?.queued)
    }
}
