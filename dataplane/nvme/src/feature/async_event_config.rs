//! Asynchronous Event Configuration (FID 0Bh), NVMe Base 2.0 section 5.27.1.9: which events the host wants.

use crate::bits::bit_fields;

bit_fields! {
    /// One bit per event; the low eight select critical warnings of the SMART log.
    pub struct AsyncEventConfig(u32) {
        /// Critical warnings, bits as in [`crate::log::smart::CriticalWarning`].
        smart, with_smart: u8 = 0..8;
        /// Namespace Attribute Notices.
        namespace_attribute, with_namespace_attribute: bool = 8..9;
        /// Firmware Activation Notices.
        firmware_activation, with_firmware_activation: bool = 9..10;
        /// Telemetry Log Notices.
        telemetry, with_telemetry: bool = 10..11;
        /// Asymmetric Namespace Access Change Notices.
        ana_change, with_ana_change: bool = 11..12;
        /// Predictable Latency Event Aggregate Log Change Notices.
        predictable_latency, with_predictable_latency: bool = 12..13;
        /// LBA Status Information Notices.
        lba_status, with_lba_status: bool = 13..14;
        /// Endurance Group Event Aggregate Log Change Notices.
        endurance_group, with_endurance_group: bool = 14..15;
        /// Normal NVM Subsystem Shutdown.
        normal_shutdown, with_normal_shutdown: bool = 15..16;
        /// Zone Descriptor Changed Notices.
        zone_descriptor, with_zone_descriptor: bool = 27..28;
        /// Discovery Log Page Change Notification.
        discovery_change, with_discovery_change: bool = 31..32;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        let value = AsyncEventConfig::default().with_smart(0x3f).with_namespace_attribute(true);
        assert_eq!(value.with_discovery_change(true).bits(), 0x8000_013f);
    }

    #[test]
    fn linux_asks_for_these() {
        // A Linux host sets what OAES offers of: ANA change, firmware activation, namespace attribute,
        // discovery change.
        let value = AsyncEventConfig::from_bits(0x8000_0b00);
        assert!(value.namespace_attribute() && value.firmware_activation());
        assert!(value.ana_change() && value.discovery_change());
        assert_eq!(value.smart(), 0);
    }
}
