//! SMART / Health Information (LID 02h), NVMe Base 2.0 section 5.16.1.3.
//!
//! | bytes | field |
//! |---|---|
//! | 0 | critical warning |
//! | 2:1 | composite temperature in kelvins |
//! | 3, 4, 5 | available spare, its threshold, percentage used |
//! | 6 | endurance group warnings |
//! | 32..192 | ten counters of 16 bytes |
//! | 195:192, 199:196 | minutes above warning and critical temperature |
//! | 200..216 | eight temperature sensors |
//! | 216..232 | thermal management transitions and seconds |

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::little_endian::{U16, U32, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// Critical Warning.
    pub struct CriticalWarning(u8) {
        /// Available spare fell below its threshold.
        spare, with_spare: bool = 0..1;
        /// A temperature is over or under its threshold.
        temperature, with_temperature: bool = 1..2;
        /// Reliability is degraded by media or internal errors.
        reliability, with_reliability: bool = 2..3;
        /// The media are read only.
        read_only, with_read_only: bool = 3..4;
        /// The volatile memory backup failed.
        memory_backup, with_memory_backup: bool = 4..5;
        /// The persistent memory region is read only or unreliable.
        persistent_memory, with_persistent_memory: bool = 5..6;
    }
}

/// Bytes of a data unit, of which the page counts 1000 as one.
pub const DATA_UNIT_BYTES: u32 = 512;

/// The page as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SmartLog {
    /// Critical warning.
    pub critical_warning: CriticalWarning,
    /// Composite temperature in kelvins.
    pub composite_temperature: U16,
    /// Available spare in percent.
    pub available_spare: u8,
    /// Threshold of available spare in percent.
    pub spare_threshold: u8,
    /// Life used in percent, may exceed 100.
    pub percentage_used: u8,
    /// Endurance group critical warnings, bits as in [`CriticalWarning`].
    pub endurance_group_warning: u8,
    /// Reserved.
    pub reserved7: [u8; 25],
    /// Thousands of 512-byte units read by hosts, rounded up.
    pub data_units_read: U128,
    /// Thousands of 512-byte units written by hosts, rounded up.
    pub data_units_written: U128,
    /// Read and Compare commands.
    pub host_reads: U128,
    /// Write commands.
    pub host_writes: U128,
    /// Minutes the controller was busy.
    pub busy_minutes: U128,
    /// Power cycles.
    pub power_cycles: U128,
    /// Hours powered on.
    pub power_on_hours: U128,
    /// Power losses without shutdown notification.
    pub unsafe_shutdowns: U128,
    /// Unrecovered media and data integrity errors.
    pub media_errors: U128,
    /// Entries ever made in the Error Information log.
    pub error_entries: U128,
    /// Minutes above the warning temperature.
    pub warning_temperature_minutes: U32,
    /// Minutes above the critical temperature.
    pub critical_temperature_minutes: U32,
    /// Sensors in kelvins; 0: not implemented.
    pub temperature_sensors: [U16; 8],
    /// Transitions to lower power for TMT1 and TMT2.
    pub thermal_transitions: [U32; 2],
    /// Seconds at lower power for TMT1 and TMT2.
    pub thermal_seconds: [U32; 2],
    /// Reserved.
    pub reserved232: [u8; 280],
}

wire_layout!(SmartLog: 512 {
    critical_warning @ 0, composite_temperature @ 1, available_spare @ 3, spare_threshold @ 4, percentage_used @ 5,
    endurance_group_warning @ 6, data_units_read @ 32, data_units_written @ 48, host_reads @ 64, host_writes @ 80,
    busy_minutes @ 96, power_cycles @ 112, power_on_hours @ 128, unsafe_shutdowns @ 144, media_errors @ 160,
    error_entries @ 176, warning_temperature_minutes @ 192, critical_temperature_minutes @ 196,
    temperature_sensors @ 200, thermal_transitions @ 216, thermal_seconds @ 224, reserved232 @ 232,
});

impl SmartLog {
    /// The page's unit for `bytes` moved: thousands of 512-byte units, rounded up.
    #[must_use]
    pub fn data_units(bytes: u128) -> U128 {
        U128::new(bytes.div_ceil(u128::from(DATA_UNIT_BYTES) * 1000))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let page = SmartLog {
            critical_warning: CriticalWarning::default().with_read_only(true),
            composite_temperature: U16::new(0x0138),
            available_spare: 100,
            spare_threshold: 10,
            data_units_read: SmartLog::data_units(512_001),
            host_writes: U128::new(0x0102),
            error_entries: U128::new(3),
            critical_temperature_minutes: U32::new(4),
            ..SmartLog::default()
        };
        let bytes = page.as_bytes();
        assert_eq!(bytes[..7], [8, 0x38, 1, 100, 10, 0, 0]);
        assert_eq!(bytes[32..34], [2, 0]);
        assert_eq!(bytes[80..83], [2, 1, 0]);
        assert_eq!((bytes[176], bytes[196]), (3, 4));
        assert!(SmartLog::read_from_bytes(bytes).is_ok_and(|read| read == page));
    }

    #[test]
    fn data_units_round_up() {
        for (bytes, units) in [(0, 0), (1, 1), (512_000, 1), (512_001, 2)] {
            assert_eq!(SmartLog::data_units(bytes).get(), units);
        }
    }
}
