//! What a scheduler is made with.

use sluice_device::Nanos;

use crate::governor::DeviceProfile;
use crate::model::{CostTable, Qos, UnitTable};

/// Capacities and tables of one scheduler.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Most applications, with the system's: 1 to 65536.
    pub apps: u32,
    /// Most volumes, clones and streams of background work together: 1 to 65536.
    pub volumes: u32,
    /// The caller's request slots: indices below this.
    pub slots: u32,
    /// Most I/Os that the device's queue takes; at least 1.
    pub max_in_flight: u32,
    /// What I/Os count against Min, Max and bursts.
    pub units: UnitTable,
    /// What I/Os cost the device.
    pub costs: CostTable,
    /// How long limits and other applications may hold back an I/O: a quarter of the shortest timeout among hosts.
    pub hold_limit: Nanos,
    /// What the device was found to do; `None`: no Min can be promised on it.
    pub profile: Option<DeviceProfile>,
    /// Thousandths of the profile's worst rate that may be promised.
    pub promised_permille: u32,
    /// The system application's QoS. No Min: that would come before the device is calibrated.
    pub system: Qos,
}

impl Config {
    /// For `slots` requests at once: 1024 applications, 4096 volumes, the tables' defaults, 80 % of the profile
    /// promised, and a hold limit of 7.5 s, for Linux hosts give an I/O 30 s.
    #[must_use]
    pub fn new(slots: u32, max_in_flight: u32, profile: Option<DeviceProfile>) -> Self {
        Self {
            apps: 1024,
            volumes: 4096,
            slots,
            max_in_flight,
            units: UnitTable::default(),
            costs: CostTable::default(),
            hold_limit: Nanos(7_500_000_000),
            profile,
            promised_permille: 800,
            system: Qos::default(),
        }
    }

    pub(super) fn check(&self) {
        let range = 1..=1 << 16;
        assert!(range.contains(&self.apps), "1 to 65536 applications, not {}", self.apps);
        assert!(range.contains(&self.volumes), "1 to 65536 volumes, not {}", self.volumes);
        assert!(self.max_in_flight > 0, "a device takes at least one I/O");
        assert!(self.promised_permille <= 1000, "more than the device does cannot be promised");
        assert!(self.system.min_iops() == 0, "the system application has no Min");
    }

    /// What may be promised on the device.
    pub(super) fn guaranteed_iops(&self) -> Option<u64> {
        self.profile.map(|profile| profile.worst_iops * u64::from(self.promised_permille) / 1000)
    }
}
