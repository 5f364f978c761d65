//! Leases: more for a while, and back without anybody's help.
//!
//! An application's own Min stays promised under a lease, so nothing can be promised to others that would keep it from
//! returning.

use sluice_device::Nanos;

use super::{AppIndex, ControlError, Scheduler};
use crate::event::Event;
use crate::model::{Qos, QosSpec, SpecError};

/// A raise of Min or Max for a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Min meanwhile, in I/O units per second; not below the application's own.
    pub min_iops: u32,
    /// Max meanwhile, not below its own; `None`: its own. Beyond it a burst goes only if its ceiling is above.
    pub max_iops: Option<u32>,
    /// For how long.
    pub duration: Nanos,
}

impl Lease {
    /// What an application with `base` has under this lease.
    fn raise(&self, base: &Qos) -> Result<Qos, SpecError> {
        let own = base.spec();
        let max_iops = own.max_iops.map(|max_iops| max_iops.max(self.max_iops.unwrap_or(0)));
        let burst = own.burst.filter(|burst| max_iops.is_some_and(|max_iops| burst.iops > max_iops));
        let min_iops = own.min_iops.max(self.min_iops);
        Qos::new(QosSpec { min_iops, max_iops, burst, ..*own })
    }

    fn lowers(&self, base: &Qos) -> bool {
        let own = base.spec();
        let below_max = self.max_iops.zip(own.max_iops).is_some_and(|(leased, own)| leased < own);
        self.min_iops < own.min_iops || below_max
    }
}

/// A lease that was granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunningLease {
    lease: Lease,
    pub(super) qos: Qos,
    pub(super) until: Nanos,
}

impl RunningLease {
    /// The same lease over another contract; ended if the two contradict each other.
    pub(super) fn over(self, base: &Qos) -> Option<Self> {
        self.lease.raise(base).ok().map(|qos| Self { qos, ..self })
    }
}

impl Scheduler {
    /// Raises an application's Min or Max for a while; a lease that runs already is replaced. In force at once.
    ///
    /// # Errors
    /// [`ControlError::LeaseLowers`], [`ControlError::LeaseMinAboveMax`], [`ControlError::LeaseTooHigh`], and
    /// [`ControlError::Admission`] if the raised Min cannot be kept. Nothing is changed then.
    pub fn lease(&mut self, now: Nanos, app: AppIndex, lease: Lease) -> Result<(), ControlError> {
        let account = self.account(app)?;
        if lease.lowers(&account.base) {
            let (own, asked) = (account.base.spec(), lease);
            return Err(ControlError::LeaseLowers {
                min_iops: asked.min_iops,
                own_min_iops: own.min_iops,
                max_iops: asked.max_iops,
                own_max_iops: own.max_iops,
            });
        }
        let qos = lease.raise(&account.base)?;
        self.admission.replace(account.promised_iops(), u64::from(qos.min_iops()))?;
        let until = now + lease.duration;
        self.accounts[app.index()].lease = Some(RunningLease { lease, qos, until });
        self.note_leases();
        self.retune(now, app);
        Ok(())
    }

    /// Ends an application's lease now, if it has one.
    ///
    /// # Errors
    /// [`ControlError::NoSuchApp`].
    pub fn end_lease(&mut self, now: Nanos, app: AppIndex) -> Result<(), ControlError> {
        if self.account(app)?.lease.is_some() {
            self.end(now, app);
            self.note_leases();
        }
        Ok(())
    }

    pub(super) fn end_leases(&mut self, now: Nanos) {
        for index in 0..u32::try_from(self.accounts.len()).unwrap_or(u32::MAX) {
            let lease = self.accounts[index as usize].lease;
            if lease.is_some_and(|lease| lease.until <= now) {
                self.end(now, AppIndex(index));
            }
        }
        self.note_leases();
    }

    fn end(&mut self, now: Nanos, app: AppIndex) {
        let account = &mut self.accounts[app.index()];
        let promised_iops = account.promised_iops();
        account.lease = None;
        let back_to = account.promised_iops();
        self.admission.replace(promised_iops, back_to).expect("lowering is never refused");
        self.retune(now, app);
        self.events.push(Event::LeaseEnded { app });
    }

    /// Finds when the next lease ends.
    pub(super) fn note_leases(&mut self) {
        let leases = self.accounts.iter().filter_map(|account| account.lease);
        self.sweep.next_lease = leases.map(|lease| lease.until).min();
    }
}
