//! Applications and volumes come, change and go. Under load, and in force at once.

use sluice_device::Nanos;

use super::account::Account;
use super::app::{App, Volume};
use super::{AppIndex, Scheduler, Tag};
use crate::admission::AdmissionError;
use crate::governor::{DeviceProfile, ProfileError};
use crate::model::{Qos, SpecError, VolumeQos};
use crate::stats::AppStats;

/// Other QoS for one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub app: AppIndex,
    /// What it has from now on; under a lease, what it has after it.
    pub qos: Qos,
}

/// Why a change was refused; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the figures of the messages")]
pub enum ControlError {
    /// The device cannot keep it.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// Lease: Min would exceed Max.
    #[error("under the lease: a Min of {min_iops} IOPS above Max of {max_iops}: raise Max too")]
    LeaseMinAboveMax { min_iops: u32, max_iops: u32 },
    /// Lease: a rate out of range.
    #[error("under the lease: {iops} IOPS are above what any device does: ask for less")]
    LeaseTooHigh { iops: u32 },
    /// Lease: it would take away.
    #[error(
        "a lease raises: Min {min_iops} (own {own_min_iops}), Max {max_iops:?} (own {own_max_iops:?}); to lower, change the application"
    )]
    LeaseLowers { min_iops: u32, own_min_iops: u32, max_iops: Option<u32>, own_max_iops: Option<u32> },
    /// The index is no application's.
    #[error("there is no such application on this device: it may have been removed")]
    NoSuchApp { app: AppIndex },
    /// The tag is no volume's.
    #[error("there is no such volume on this device: it may have been removed")]
    NoSuchVolume { tag: Tag },
    /// The same application twice in one change.
    #[error("an application appears twice in one change: merge the two")]
    Twice { app: AppIndex },
    /// All indices are taken.
    #[error(
        "the device has {limit} applications, the most it is configured for: raise the limit, or use another device"
    )]
    TooManyApps { limit: u32 },
    /// All tags are taken.
    #[error(
        "the device has {limit} volumes and clones, the most it is configured for: raise the limit, or use another device"
    )]
    TooManyVolumes { limit: u32 },
    /// The application still has volumes, or is the system's.
    #[error(
        "the application has {volumes} volumes on this device, or is the system's: remove its volumes first"
    )]
    AppInUse { volumes: u32 },
    /// The volume still has I/O.
    #[error("the volume has {queued} I/Os queued and {in_flight} at the device: stop its I/O first")]
    VolumeInUse { queued: u32, in_flight: u32 },
    /// A calibration that no device gives.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl From<SpecError> for ControlError {
    /// Of the rules for a specification a lease can break two only; the application's own holds already.
    fn from(error: SpecError) -> Self {
        match error {
            SpecError::MinAboveMax { min_iops, max_iops } => Self::LeaseMinAboveMax { min_iops, max_iops },
            SpecError::TooManyIops { iops } => Self::LeaseTooHigh { iops },
            other => unreachable!("a lease changes Min and Max only: {other}"),
        }
    }
}

impl Scheduler {
    /// Adds an application without volumes. Its Min is promised from now on.
    ///
    /// # Errors
    /// [`ControlError::Admission`], [`ControlError::TooManyApps`].
    pub fn add_app(&mut self, now: Nanos, qos: Qos) -> Result<AppIndex, ControlError> {
        let free = self.accounts.iter().position(|account| !account.live).unwrap_or(self.accounts.len());
        if free >= self.config.apps as usize {
            return Err(ControlError::TooManyApps { limit: self.config.apps });
        }
        self.admission.replace(0, u64::from(qos.min_iops()))?;
        let (app, account) = (App::new(now, &qos, self.lag.scale_permille), Account::new(now, qos));
        put(&mut self.apps, free, app);
        put(&mut self.accounts, free, account);
        put(&mut self.stats, free, AppStats::default());
        Ok(AppIndex(u32::try_from(free).expect("below the configured number")))
    }

    /// Removes an application; its index may be given to another, its figures are gone.
    ///
    /// # Errors
    /// [`ControlError::NoSuchApp`], [`ControlError::AppInUse`].
    pub fn remove_app(&mut self, app: AppIndex) -> Result<(), ControlError> {
        let account = self.account(app)?;
        if account.volumes > 0 || app == AppIndex::SYSTEM {
            return Err(ControlError::AppInUse { volumes: account.volumes });
        }
        let promised_iops = account.promised_iops();
        self.admission.replace(promised_iops, 0).expect("lowering is never refused");
        let account = &mut self.accounts[app.index()];
        (account.live, account.lease, account.base) = (false, None, Qos::default());
        self.order.remove(app.0);
        self.apps[app.index()].ordered = false;
        self.note_leases();
        Ok(())
    }

    /// Adds a volume or clone to an application, or a stream of background work that it causes.
    ///
    /// # Errors
    /// [`ControlError::NoSuchApp`], [`ControlError::TooManyVolumes`].
    pub fn add_volume(&mut self, now: Nanos, app: AppIndex, qos: VolumeQos) -> Result<Tag, ControlError> {
        self.account(app)?;
        let free = self.volumes.iter().position(|volume| !volume.live).unwrap_or(self.volumes.len());
        if free >= self.config.volumes as usize {
            return Err(ControlError::TooManyVolumes { limit: self.config.volumes });
        }
        let account = &mut self.accounts[app.index()];
        account.volumes += 1;
        self.apps[app.index()].order.reserve(account.volumes as usize);
        put(&mut self.volumes, free, Volume::new(app.0, now, &qos));
        Ok(Tag(u32::try_from(free).expect("below the configured number")))
    }

    /// Removes a volume without I/O; its tag may be given to another.
    ///
    /// # Errors
    /// [`ControlError::NoSuchVolume`], [`ControlError::VolumeInUse`].
    pub fn remove_volume(&mut self, tag: Tag) -> Result<(), ControlError> {
        let volume = self.volume(tag)?;
        let Volume { app, queued, in_flight, .. } = *volume;
        if queued > 0 || in_flight > 0 {
            return Err(ControlError::VolumeInUse { queued, in_flight });
        }
        self.volumes[tag.index()].live = false;
        self.apps[app as usize].order.remove(tag.0);
        self.accounts[app as usize].volumes -= 1;
        self.caps.cancel(tag.0);
        self.overdue.retain(|other| *other != tag.0);
        Ok(())
    }

    /// Gives applications other QoS, all or none. In force for the next I/O; what is queued stays queued, and nothing
    /// fails.
    ///
    /// # Errors
    /// [`ControlError::Admission`] if the Mins together cannot be kept, [`ControlError::NoSuchApp`],
    /// [`ControlError::Twice`].
    pub fn change(&mut self, now: Nanos, changes: &[Change]) -> Result<(), ControlError> {
        let mut apps: Vec<u32> = changes.iter().map(|change| change.app.0).collect();
        apps.sort_unstable();
        if let Some(pair) = apps.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ControlError::Twice { app: AppIndex(pair[0]) });
        }
        let (mut old_iops, mut new_iops) = (0, 0);
        for change in changes {
            let account = self.account(change.app)?;
            let leased = account.lease.map_or(0, |lease| lease.qos.min_iops());
            old_iops += account.promised_iops();
            new_iops += u64::from(change.qos.min_iops().max(leased));
        }
        self.admission.replace(old_iops, new_iops)?;
        changes.iter().for_each(|change| self.apply(now, *change));
        self.note_leases();
        Ok(())
    }

    fn apply(&mut self, now: Nanos, Change { app, qos }: Change) {
        let account = &mut self.accounts[app.index()];
        let counted = account.lease.map_or(0, |lease| lease.qos.min_iops()).max(qos.min_iops());
        account.base = qos;
        account.lease = account.lease.and_then(|lease| lease.over(&qos));
        let promised_iops = account.promised_iops();
        self.admission.replace(u64::from(counted), promised_iops).expect("a lease that ended promises less");
        self.retune(now, app);
    }

    /// Gives a volume another weight or cap.
    ///
    /// # Errors
    /// [`ControlError::NoSuchVolume`].
    pub fn change_volume(&mut self, now: Nanos, tag: Tag, qos: VolumeQos) -> Result<(), ControlError> {
        self.volume(tag)?;
        self.volumes[tag.index()].retune(now, &qos);
        if self.volumes[tag.index()].capped {
            self.caps.cancel(tag.0);
            self.uncap(tag.0, now);
        }
        Ok(())
    }

    /// A new calibration: the governor starts from it, and it decides what can be promised. Promises made stand.
    ///
    /// # Errors
    /// [`ControlError::Profile`].
    pub fn calibrated(&mut self, profile: DeviceProfile) -> Result<(), ControlError> {
        profile.check()?;
        self.config.profile = Some(profile);
        self.governor.recalibrate(&profile);
        self.note_guaranteed();
        Ok(())
    }

    /// Brings an application's buckets in line with its contract.
    pub(super) fn retune(&mut self, now: Nanos, app: AppIndex) {
        let qos = self.accounts[app.index()].qos();
        self.apps[app.index()].retune(now, &qos, self.lag.scale_permille);
        self.settle(app.0, now);
    }

    pub(super) fn account(&self, app: AppIndex) -> Result<&Account, ControlError> {
        self.accounts.get(app.index()).filter(|account| account.live).ok_or(ControlError::NoSuchApp { app })
    }

    pub(super) fn volume(&self, tag: Tag) -> Result<&Volume, ControlError> {
        self.volumes.get(tag.index()).filter(|volume| volume.live).ok_or(ControlError::NoSuchVolume { tag })
    }
}

/// Puts a value at an index that exists, or behind the last.
fn put<T>(all: &mut Vec<T>, index: usize, value: T) {
    match all.get_mut(index) {
        Some(place) => *place = value,
        None => all.push(value),
    }
}
