//! Features, NVMe Base 2.0 section 5.27: Get Features, Set Features, and the value of each feature.
//!
//! A value is CDW11 of Set Features and dword 0 of the completion of Get Features; the exceptions are the
//! ones with a data buffer: Timestamp, Host Behavior Support, Host Identifier.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | CDW10 | 7:0 | FID, which feature |
//! | CDW10 of Get | 10:8 | SEL, which of its values |
//! | CDW10 of Set | 31 | SV, save over resets |
//! | CDW11 of Set | 31:0 | the value |
//! | CDW14 | 6:0 | UIDX, UUID index |

pub mod arbitration;
pub mod async_event_config;
pub mod error_recovery;
pub mod host_behavior;
pub mod host_identifier;
pub mod io_command_set_profile;
pub mod keep_alive_timer;
pub mod number_of_queues;
pub mod power_management;
pub mod temperature_threshold;
pub mod timestamp;
pub mod volatile_write_cache;
pub mod write_atomicity;

use crate::bits::bit_fields;
use crate::identify::UuidIndex;
use crate::layout::wire_enum;
use crate::opcode::AdminOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

wire_enum! {
    /// FID: Feature Identifier.
    pub enum FeatureId: u8 {
        Arbitration = 0x01 => "Arbitration",
        PowerManagement = 0x02 => "Power Management",
        LbaRangeType = 0x03 => "LBA Range Type",
        TemperatureThreshold = 0x04 => "Temperature Threshold",
        ErrorRecovery = 0x05 => "Error Recovery",
        VolatileWriteCache = 0x06 => "Volatile Write Cache",
        NumberOfQueues = 0x07 => "Number of Queues",
        InterruptCoalescing = 0x08 => "Interrupt Coalescing",
        InterruptVectorConfiguration = 0x09 => "Interrupt Vector Configuration",
        WriteAtomicity = 0x0a => "Write Atomicity Normal",
        AsyncEventConfiguration = 0x0b => "Asynchronous Event Configuration",
        AutonomousPowerStateTransition = 0x0c => "Autonomous Power State Transition",
        HostMemoryBuffer = 0x0d => "Host Memory Buffer",
        Timestamp = 0x0e => "Timestamp",
        KeepAliveTimer = 0x0f => "Keep Alive Timer",
        ThermalManagement = 0x10 => "Host Controlled Thermal Management",
        NonOperationalPowerState = 0x11 => "Non-Operational Power State Config",
        ReadRecoveryLevel = 0x12 => "Read Recovery Level Config",
        HostBehaviorSupport = 0x16 => "Host Behavior Support",
        SanitizeConfig = 0x17 => "Sanitize Config",
        IoCommandSetProfile = 0x19 => "I/O Command Set Profile",
        SoftwareProgressMarker = 0x80 => "Software Progress Marker",
        HostIdentifier = 0x81 => "Host Identifier",
        ReservationNotificationMask = 0x82 => "Reservation Notification Mask",
        ReservationPersistence = 0x83 => "Reservation Persistence",
        NamespaceWriteProtection = 0x84 => "Namespace Write Protection Config",
    }
}

wire_enum! {
    /// SEL: which value Get Features returns.
    pub enum Select: u8 {
        Current = 0 => "Current",
        Default = 1 => "Default",
        Saved = 2 => "Saved",
        Capabilities = 3 => "Supported capabilities",
    }
}

bit_fields! {
    /// CDW10 of Get Features.
    pub struct GetFeaturesCdw10(u32) {
        /// FID: see [`FeatureId`].
        fid, with_fid: u8 = 0..8;
        /// SEL: see [`Select`].
        sel, with_sel: u8 = 8..11;
    }
}

bit_fields! {
    /// CDW10 of Set Features.
    pub struct SetFeaturesCdw10(u32) {
        /// FID: see [`FeatureId`].
        fid, with_fid: u8 = 0..8;
        /// SV: save, so that the value persists over power cycles and resets.
        sv, with_sv: bool = 31..32;
    }
}

bit_fields! {
    /// Dword 0 of the completion of Get Features with [`Select::Capabilities`].
    pub struct FeatureCapabilities(u32) {
        /// The feature can be saved.
        saveable, with_saveable: bool = 0..1;
        /// The feature has a value per namespace.
        namespace_specific, with_namespace_specific: bool = 1..2;
        /// The feature can be changed.
        changeable, with_changeable: bool = 2..3;
    }
}

/// The Get Features command, less its data pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetFeatures {
    /// NSID, for features of a namespace.
    pub nsid: u32,
    /// Feature and selection.
    pub cdw10: GetFeaturesCdw10,
    /// CDW11: what some features (Temperature Threshold) need to be told.
    pub cdw11: u32,
    /// UUID index.
    pub uuid_index: UuidIndex,
}

impl GetFeatures {
    /// A request for the `select` value of `fid`.
    #[must_use]
    pub fn new(fid: FeatureId, select: Select) -> Self {
        let cdw10 = GetFeaturesCdw10::default().with_fid(fid.wire()).with_sel(select.wire());
        Self { cdw10, ..Self::default() }
    }

    /// Reads the fields of a Get Features command.
    #[must_use]
    pub fn from_sqe(sqe: &Sqe) -> Self {
        Self {
            nsid: sqe.nsid.get(),
            cdw10: GetFeaturesCdw10::from_bits(sqe.cdw10.get()),
            cdw11: sqe.cdw11.get(),
            uuid_index: UuidIndex::from_bits(sqe.cdw14.get()),
        }
    }

    /// Writes the fields into `sqe`, opcode included.
    pub fn write_to(&self, sqe: &mut Sqe) {
        sqe.opcode = AdminOpcode::GetFeatures.wire();
        sqe.nsid = U32::new(self.nsid);
        sqe.cdw10 = U32::new(self.cdw10.bits());
        sqe.cdw11 = U32::new(self.cdw11);
        sqe.cdw14 = U32::new(self.uuid_index.bits());
    }

    /// The feature asked for, `None` if it is not known here.
    #[must_use]
    pub const fn fid(&self) -> Option<FeatureId> {
        FeatureId::from_wire(self.cdw10.fid())
    }

    /// The value asked for, `None` if SEL is reserved.
    #[must_use]
    pub const fn select(&self) -> Option<Select> {
        Select::from_wire(self.cdw10.sel())
    }
}

/// The Set Features command, less its data pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetFeatures {
    /// NSID, for features of a namespace.
    pub nsid: u32,
    /// Feature and whether to save.
    pub cdw10: SetFeaturesCdw10,
    /// CDW11: the value.
    pub value: u32,
    /// UUID index.
    pub uuid_index: UuidIndex,
}

impl SetFeatures {
    /// Sets `fid` to `value`, not saved.
    #[must_use]
    pub fn new(fid: FeatureId, value: u32) -> Self {
        Self { cdw10: SetFeaturesCdw10::default().with_fid(fid.wire()), value, ..Self::default() }
    }

    /// Reads the fields of a Set Features command.
    #[must_use]
    pub fn from_sqe(sqe: &Sqe) -> Self {
        Self {
            nsid: sqe.nsid.get(),
            cdw10: SetFeaturesCdw10::from_bits(sqe.cdw10.get()),
            value: sqe.cdw11.get(),
            uuid_index: UuidIndex::from_bits(sqe.cdw14.get()),
        }
    }

    /// Writes the fields into `sqe`, opcode included.
    pub fn write_to(&self, sqe: &mut Sqe) {
        sqe.opcode = AdminOpcode::SetFeatures.wire();
        sqe.nsid = U32::new(self.nsid);
        sqe.cdw10 = U32::new(self.cdw10.bits());
        sqe.cdw11 = U32::new(self.value);
        sqe.cdw14 = U32::new(self.uuid_index.bits());
    }

    /// The feature to set, `None` if it is not known here.
    #[must_use]
    pub const fn fid(&self) -> Option<FeatureId> {
        FeatureId::from_wire(self.cdw10.fid())
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn get_golden() {
        let mut command = GetFeatures::new(FeatureId::TemperatureThreshold, Select::Capabilities);
        command.nsid = 0xffff_ffff;
        command.cdw11 = 0x0102_0304;
        command.uuid_index = UuidIndex::from_bits(1);
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[..8], [0x0a, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(sqe.as_bytes()[40..48], [4, 3, 0, 0, 4, 3, 2, 1]);
        assert_eq!(GetFeatures::from_sqe(&sqe), command);
        assert_eq!(command.fid(), Some(FeatureId::TemperatureThreshold));
        assert_eq!(command.select(), Some(Select::Capabilities));
    }

    #[test]
    fn set_golden() {
        let mut command = SetFeatures::new(FeatureId::NumberOfQueues, 0x0003_0004);
        command.cdw10 = command.cdw10.with_sv(true);
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[..8], [9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..48], [7, 0, 0, 0x80, 4, 0, 3, 0]);
        assert_eq!(SetFeatures::from_sqe(&sqe), command);
        assert_eq!(command.fid(), Some(FeatureId::NumberOfQueues));
    }

    #[test]
    fn what_is_not_known_is_none() {
        let command = GetFeatures { cdw10: GetFeaturesCdw10::from_bits(0x07ff), ..GetFeatures::default() };
        assert_eq!((command.fid(), command.select()), (None, None));
    }

    #[test]
    fn capabilities_golden() {
        let all = FeatureCapabilities::default()
            .with_saveable(true)
            .with_namespace_specific(true)
            .with_changeable(true);
        assert_eq!(all.bits(), 7);
        assert_eq!(FeatureCapabilities::default().with_changeable(true).bits(), 4);
    }
}
