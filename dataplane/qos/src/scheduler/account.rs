//! What the scheduler keeps of an application off the hot path.

use sluice_device::Nanos;

use super::lease::RunningLease;
use crate::model::Qos;

/// An application's contract and the window it is watched over.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) live: bool,
    /// What it has when no lease is running.
    pub(super) base: Qos,
    pub(super) lease: Option<RunningLease>,
    /// How many volumes it has.
    pub(super) volumes: u32,
    pub(super) window: Window,
}

/// About 100 ms of an application's service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) since: Nanos,
    /// The units it had got by then.
    pub(super) units: u64,
    /// How long its own volumes' caps and its bandwidth limit had held it back by then.
    pub(super) own_ns: u64,
    /// Its Min was missed in the last one.
    pub(super) missed: bool,
}

impl Account {
    pub(super) fn new(now: Nanos, base: Qos) -> Self {
        let window = Window { since: now, units: 0, own_ns: 0, missed: false };
        Self { live: true, base, lease: None, volumes: 0, window }
    }

    /// What it has now.
    pub(super) fn qos(&self) -> Qos {
        self.lease.map_or(self.base, |lease| lease.qos)
    }

    /// What is promised to it: its own Min stays promised under a lease, so that a lease can always end.
    pub(super) fn promised_iops(&self) -> u64 {
        u64::from(self.qos().min_iops().max(self.base.min_iops()))
    }
}
