//! Completion of an Asynchronous Event Request, NVMe Base 2.0 section 5.2.1.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | 0 | 2:0 | type |
//! | 0 | 15:8 | information, by type |
//! | 0 | 23:16 | log page that has more and, read with RAE clear, re-arms the event |
//! | 1 | 31:0 | event specific parameter |

use crate::bits::bit_fields;
use crate::layout::wire_enum;
use crate::log::LogId;

wire_enum! {
    /// Asynchronous Event Type.
    pub enum EventType: u8 {
        Error = 0 => "Error status",
        Smart = 1 => "SMART / Health status",
        Notice = 2 => "Notice",
        Immediate = 3 => "Immediate",
        IoCommandSpecific = 6 => "I/O Command specific status",
        VendorSpecific = 7 => "Vendor specific",
    }
}

wire_enum! {
    /// Asynchronous Event Information of [`EventType::Error`].
    pub enum ErrorEvent: u8 {
        WriteToInvalidDoorbell = 0x00 => "Write to Invalid Doorbell Register",
        InvalidDoorbellValue = 0x01 => "Invalid Doorbell Write Value",
        DiagnosticFailure = 0x02 => "Diagnostic Failure",
        PersistentInternalError = 0x03 => "Persistent Internal Error",
        TransientInternalError = 0x04 => "Transient Internal Error",
        FirmwareImageLoadError = 0x05 => "Firmware Image Load Error",
    }
}

wire_enum! {
    /// Asynchronous Event Information of [`EventType::Smart`].
    pub enum SmartEvent: u8 {
        Reliability = 0x00 => "NVM subsystem Reliability",
        TemperatureThreshold = 0x01 => "Temperature Threshold",
        SpareBelowThreshold = 0x02 => "Spare Below Threshold",
    }
}

wire_enum! {
    /// Asynchronous Event Information of [`EventType::Notice`].
    pub enum NoticeEvent: u8 {
        NamespaceAttributeChanged = 0x00 => "Namespace Attribute Changed",
        FirmwareActivationStarting = 0x01 => "Firmware Activation Starting",
        TelemetryLogChanged = 0x02 => "Telemetry Log Changed",
        AnaChange = 0x03 => "Asymmetric Namespace Access Change",
        DiscoveryLogChange = 0xf0 => "Discovery Log Page Change",
    }
}

bit_fields! {
    /// Dword 0 of the completion.
    pub struct AsyncEvent(u32) {
        /// Type: see [`EventType`].
        event_type, with_event_type: u8 = 0..3;
        /// Information: by type.
        information, with_information: u8 = 8..16;
        /// Log page identifier: see [`LogId`].
        log_page, with_log_page: u8 = 16..24;
    }
}

impl AsyncEvent {
    /// A notice, with the log page that tells more.
    #[must_use]
    pub fn notice(notice: NoticeEvent) -> Self {
        let log_page = match notice {
            NoticeEvent::NamespaceAttributeChanged => LogId::ChangedNamespaces,
            NoticeEvent::FirmwareActivationStarting => LogId::FirmwareSlot,
            NoticeEvent::TelemetryLogChanged => LogId::TelemetryController,
            NoticeEvent::AnaChange => LogId::AsymmetricNamespaceAccess,
            NoticeEvent::DiscoveryLogChange => LogId::Discovery,
        };
        Self::default()
            .with_event_type(EventType::Notice.wire())
            .with_information(notice.wire())
            .with_log_page(log_page.wire())
    }

    /// An error; the Error Information log tells more.
    #[must_use]
    pub fn error(error: ErrorEvent) -> Self {
        Self::default()
            .with_event_type(EventType::Error.wire())
            .with_information(error.wire())
            .with_log_page(LogId::ErrorInformation.wire())
    }

    /// A health event; the SMART log tells more.
    #[must_use]
    pub fn smart(event: SmartEvent) -> Self {
        Self::default()
            .with_event_type(EventType::Smart.wire())
            .with_information(event.wire())
            .with_log_page(LogId::Smart.wire())
    }

    /// The type, `None` if it is reserved.
    #[must_use]
    pub const fn kind(self) -> Option<EventType> {
        EventType::from_wire(self.event_type())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn golden() {
        assert_eq!(AsyncEvent::notice(NoticeEvent::NamespaceAttributeChanged).bits(), 0x0004_0002);
        assert_eq!(AsyncEvent::notice(NoticeEvent::DiscoveryLogChange).bits(), 0x0070_f002);
        assert_eq!(AsyncEvent::error(ErrorEvent::PersistentInternalError).bits(), 0x0001_0300);
        assert_eq!(AsyncEvent::smart(SmartEvent::SpareBelowThreshold).bits(), 0x0002_0201);
    }

    #[test]
    fn reserved_types_are_none() {
        assert_eq!(AsyncEvent::from_bits(4).kind(), None);
        assert_eq!(AsyncEvent::from_bits(0xffff_fffa).kind(), Some(EventType::Notice));
    }
}
