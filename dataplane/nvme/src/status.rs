//! Status field of a completion (NVMe Base section 4.2.3): every generic, command specific, Fabrics, media and
//! path status by its name in the specification.
//!
//! | bits | field |
//! |---|---|
//! | 0..8 | status code (SC) |
//! | 8..11 | status code type (SCT) |
//! | 11..13 | command retry delay (CRD) |
//! | 13 | more (M): the error log has details |
//! | 14 | do not retry (DNR) |
//!
//! A completion queue entry holds this value one bit higher, above the phase tag.

use core::fmt;

/// What a status code is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StatusCodeType {
    /// Generic command status.
    Generic = 0,
    /// Specific to the command, or to Fabrics.
    CommandSpecific = 1,
    /// Media and data integrity errors.
    Media = 2,
    /// Path related.
    Path = 3,
}

/// A status. Two are equal if code, type and all flags are; see [`Status::code`] to leave the flags out.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(u16);

impl Status {
    const CODE_MASK: u16 = 0x07ff;
    const MORE: u16 = 1 << 13;
    const DNR: u16 = 1 << 14;
    const ALL: u16 = 0x7fff;

    const fn of(sct: StatusCodeType, sc: u8) -> Self {
        Self((sct as u16) << 8 | sc as u16)
    }

    /// The value with the layout above; bit 15 is dropped.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL)
    }

    /// The value with the layout above.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// From the status field of a completion queue entry; the phase tag is dropped.
    #[must_use]
    pub const fn from_cqe_field(field: u16) -> Self {
        Self(field >> 1)
    }

    /// For the status field of a completion queue entry, phase tag zero.
    #[must_use]
    pub const fn to_cqe_field(self) -> u16 {
        self.0 << 1
    }

    /// Status code.
    #[must_use]
    pub const fn sc(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    /// Status code type, 0..=7; types 4 to 6 are reserved, 7 is vendor specific.
    #[must_use]
    pub const fn sct(self) -> u8 {
        self.0.to_le_bytes()[1] & 0b111
    }

    /// Command retry delay, 0..=3: which of the controller's CRDT values applies.
    #[must_use]
    pub const fn crd(self) -> u8 {
        self.0.to_le_bytes()[1] >> 3 & 0b11
    }

    /// The same status without retry delay, More and Do Not Retry.
    #[must_use]
    pub const fn code(self) -> Self {
        Self(self.0 & Self::CODE_MASK)
    }

    /// Whether the command succeeded, whatever the flags.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 & Self::CODE_MASK == 0
    }

    /// The same status with Do Not Retry set.
    #[must_use]
    pub const fn dnr(self) -> Self {
        Self(self.0 | Self::DNR)
    }

    /// Whether Do Not Retry is set.
    #[must_use]
    pub const fn is_dnr(self) -> bool {
        self.0 & Self::DNR != 0
    }

    /// The same status with More set: the error log has an entry for it.
    #[must_use]
    pub const fn with_more(self) -> Self {
        Self(self.0 | Self::MORE)
    }

    /// Whether More is set.
    #[must_use]
    pub const fn is_more(self) -> bool {
        self.0 & Self::MORE != 0
    }

    /// The specification's words, Fabrics commands' meaning first where codes are shared.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        [generic, command_specific, fabrics, nvm, media, path].iter().find_map(|table| table(self.code()))
    }

    /// The specification's words for the completion of an NVM command set command.
    #[must_use]
    pub fn nvm_name(self) -> Option<&'static str> {
        nvm(self.code()).or_else(|| self.name())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "status code type {:#x}, status code {:#04x}", self.sct(), self.sc())?,
        }
        if self.is_dnr() { f.write_str(" (do not retry)") } else { Ok(()) }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:#06x}: {self})", self.0)
    }
}

/// Declares the constants of one table and the function that names its values.
macro_rules! statuses {
    ($table:ident, $sct:expr, $doc:literal; $($name:ident = $code:literal, $text:literal;)+) => {
        #[doc = $doc]
        impl Status {
            $(#[doc = $text] pub const $name: Self = Self::of($sct, $code);)+
        }

        fn $table(status: Status) -> Option<&'static str> {
            match status {
                $(Status::$name => Some($text),)+
                _ => None,
            }
        }
    };
}

statuses! {
    generic, StatusCodeType::Generic, "Generic command status (NVMe Base section 4.2.3.1).";
    SUCCESS = 0x00, "Successful Completion";
    INVALID_OPCODE = 0x01, "Invalid Command Opcode";
    INVALID_FIELD = 0x02, "Invalid Field in Command";
    CID_CONFLICT = 0x03, "Command ID Conflict";
    DATA_TRANSFER_ERROR = 0x04, "Data Transfer Error";
    POWER_LOSS = 0x05, "Commands Aborted due to Power Loss Notification";
    INTERNAL_ERROR = 0x06, "Internal Error";
    ABORT_REQUESTED = 0x07, "Command Abort Requested";
    ABORTED_SQ_DELETION = 0x08, "Command Aborted due to SQ Deletion";
    FUSED_FAILED = 0x09, "Command Aborted due to Failed Fused Command";
    FUSED_MISSING = 0x0a, "Command Aborted due to Missing Fused Command";
    INVALID_NAMESPACE = 0x0b, "Invalid Namespace or Format";
    COMMAND_SEQUENCE_ERROR = 0x0c, "Command Sequence Error";
    SGL_INVALID_SEGMENT = 0x0d, "Invalid SGL Segment Descriptor";
    SGL_INVALID_COUNT = 0x0e, "Invalid Number of SGL Descriptors";
    SGL_DATA_LENGTH_INVALID = 0x0f, "Data SGL Length Invalid";
    SGL_METADATA_LENGTH_INVALID = 0x10, "Metadata SGL Length Invalid";
    SGL_TYPE_INVALID = 0x11, "SGL Descriptor Type Invalid";
    CMB_INVALID_USE = 0x12, "Invalid Use of Controller Memory Buffer";
    PRP_OFFSET_INVALID = 0x13, "PRP Offset Invalid";
    ATOMIC_WRITE_UNIT_EXCEEDED = 0x14, "Atomic Write Unit Exceeded";
    OPERATION_DENIED = 0x15, "Operation Denied";
    SGL_OFFSET_INVALID = 0x16, "SGL Offset Invalid";
    HOST_ID_INCONSISTENT = 0x18, "Host Identifier Inconsistent Format";
    KEEP_ALIVE_EXPIRED = 0x19, "Keep Alive Timer Expired";
    KEEP_ALIVE_INVALID = 0x1a, "Keep Alive Timeout Invalid";
    PREEMPT_ABORT = 0x1b, "Command Aborted due to Preempt and Abort";
    SANITIZE_FAILED = 0x1c, "Sanitize Failed";
    SANITIZE_IN_PROGRESS = 0x1d, "Sanitize In Progress";
    SGL_GRANULARITY_INVALID = 0x1e, "SGL Data Block Granularity Invalid";
    CMB_QUEUE_UNSUPPORTED = 0x1f, "Command Not Supported for Queue in CMB";
    NAMESPACE_WRITE_PROTECTED = 0x20, "Namespace is Write Protected";
    COMMAND_INTERRUPTED = 0x21, "Command Interrupted";
    TRANSIENT_TRANSPORT_ERROR = 0x22, "Transient Transport Error";
    PROHIBITED_BY_LOCKDOWN = 0x23, "Command Prohibited by Command and Feature Lockdown";
    ADMIN_MEDIA_NOT_READY = 0x24, "Admin Command Media Not Ready";
    INVALID_KEY_TAG = 0x25, "Invalid Key Tag";
    HOST_DISPERSED_NAMESPACE_DISABLED = 0x26, "Host Dispersed Namespace Support Not Enabled";
    HOST_ID_NOT_INITIALIZED = 0x27, "Host Identifier Not Initialized";
    INCORRECT_KEY = 0x28, "Incorrect Key";
    FDP_DISABLED = 0x29, "FDP Disabled";
    INVALID_PLACEMENT_HANDLE_LIST = 0x2a, "Invalid Placement Handle List";
    LBA_OUT_OF_RANGE = 0x80, "LBA Out of Range";
    CAPACITY_EXCEEDED = 0x81, "Capacity Exceeded";
    NAMESPACE_NOT_READY = 0x82, "Namespace Not Ready";
    HOST_RESERVATION_CONFLICT = 0x83, "Reservation Conflict";
    FORMAT_IN_PROGRESS = 0x84, "Format In Progress";
    INVALID_VALUE_SIZE = 0x85, "Invalid Value Size";
    INVALID_KEY_SIZE = 0x86, "Invalid Key Size";
    KV_KEY_MISSING = 0x87, "KV Key Does Not Exist";
    UNRECOVERED_ERROR = 0x88, "Unrecovered Error";
    KEY_EXISTS = 0x89, "Key Exists";
}

statuses! {
    command_specific, StatusCodeType::CommandSpecific, "Command specific status (NVMe Base section 4.2.3.2).";
    CQ_INVALID = 0x00, "Completion Queue Invalid";
    INVALID_QUEUE_ID = 0x01, "Invalid Queue Identifier";
    INVALID_QUEUE_SIZE = 0x02, "Invalid Queue Size";
    ABORT_LIMIT_EXCEEDED = 0x03, "Abort Command Limit Exceeded";
    AER_LIMIT_EXCEEDED = 0x05, "Asynchronous Event Request Limit Exceeded";
    INVALID_FIRMWARE_SLOT = 0x06, "Invalid Firmware Slot";
    INVALID_FIRMWARE_IMAGE = 0x07, "Invalid Firmware Image";
    INVALID_INTERRUPT_VECTOR = 0x08, "Invalid Interrupt Vector";
    INVALID_LOG_PAGE = 0x09, "Invalid Log Page";
    INVALID_FORMAT = 0x0a, "Invalid Format";
    FIRMWARE_NEEDS_CONVENTIONAL_RESET = 0x0b, "Firmware Activation Requires Conventional Reset";
    INVALID_QUEUE_DELETION = 0x0c, "Invalid Queue Deletion";
    FEATURE_NOT_SAVEABLE = 0x0d, "Feature Identifier Not Saveable";
    FEATURE_NOT_CHANGEABLE = 0x0e, "Feature Not Changeable";
    FEATURE_NOT_NAMESPACE_SPECIFIC = 0x0f, "Feature Not Namespace Specific";
    FIRMWARE_NEEDS_SUBSYSTEM_RESET = 0x10, "Firmware Activation Requires NVM Subsystem Reset";
    FIRMWARE_NEEDS_CONTROLLER_RESET = 0x11, "Firmware Activation Requires Controller Level Reset";
    FIRMWARE_NEEDS_MAXIMUM_TIME = 0x12, "Firmware Activation Requires Maximum Time Violation";
    FIRMWARE_PROHIBITED = 0x13, "Firmware Activation Prohibited";
    OVERLAPPING_RANGE = 0x14, "Overlapping Range";
    NAMESPACE_INSUFFICIENT_CAPACITY = 0x15, "Namespace Insufficient Capacity";
    NAMESPACE_ID_UNAVAILABLE = 0x16, "Namespace Identifier Unavailable";
    NAMESPACE_ALREADY_ATTACHED = 0x18, "Namespace Already Attached";
    NAMESPACE_PRIVATE = 0x19, "Namespace Is Private";
    NAMESPACE_NOT_ATTACHED = 0x1a, "Namespace Not Attached";
    THIN_PROVISIONING_UNSUPPORTED = 0x1b, "Thin Provisioning Not Supported";
    CONTROLLER_LIST_INVALID = 0x1c, "Controller List Invalid";
    SELF_TEST_IN_PROGRESS = 0x1d, "Device Self-test In Progress";
    BOOT_PARTITION_WRITE_PROHIBITED = 0x1e, "Boot Partition Write Prohibited";
    INVALID_CONTROLLER_ID = 0x1f, "Invalid Controller Identifier";
    INVALID_SECONDARY_STATE = 0x20, "Invalid Secondary Controller State";
    INVALID_RESOURCE_COUNT = 0x21, "Invalid Number of Controller Resources";
    INVALID_RESOURCE_ID = 0x22, "Invalid Resource Identifier";
    SANITIZE_PROHIBITED_PMR = 0x23, "Sanitize Prohibited While Persistent Memory Region is Enabled";
    ANA_GROUP_INVALID = 0x24, "ANA Group Identifier Invalid";
    ANA_ATTACH_FAILED = 0x25, "ANA Attach Failed";
    INSUFFICIENT_CAPACITY = 0x26, "Insufficient Capacity";
    NAMESPACE_ATTACHMENT_LIMIT = 0x27, "Namespace Attachment Limit Exceeded";
    PROHIBITION_UNSUPPORTED = 0x28, "Prohibition of Command Execution Not Supported";
    IOCS_NOT_SUPPORTED = 0x29, "I/O Command Set Not Supported";
    IOCS_NOT_ENABLED = 0x2a, "I/O Command Set Not Enabled";
    IOCS_COMBINATION_REJECTED = 0x2b, "I/O Command Set Combination Rejected";
    INVALID_IOCS = 0x2c, "Invalid I/O Command Set";
    IDENTIFIER_UNAVAILABLE = 0x2d, "Identifier Unavailable";
    NAMESPACE_DISPERSED = 0x2e, "Namespace Is Dispersed";
    INVALID_DISCOVERY_INFORMATION = 0x2f, "Invalid Discovery Information";
    ZONING_DATA_LOCKED = 0x30, "Zoning Data Structure Locked";
    ZONING_DATA_NOT_FOUND = 0x31, "Zoning Data Structure Not Found";
    INSUFFICIENT_DISCOVERY_RESOURCES = 0x32, "Insufficient Discovery Resources";
    REQUESTED_FUNCTION_DISABLED = 0x33, "Requested Function Disabled";
    ZONEGROUP_ORIGINATOR_INVALID = 0x34, "ZoneGroup Originator Invalid";
}

statuses! {
    nvm, StatusCodeType::CommandSpecific, "Command specific status of the NVM command set (NVM Command Set section 3.1.2).";
    CONFLICTING_ATTRIBUTES = 0x80, "Conflicting Attributes";
    INVALID_PROTECTION_INFORMATION = 0x81, "Invalid Protection Information";
    WRITE_TO_READ_ONLY_RANGE = 0x82, "Attempted Write to Read Only Range";
    COMMAND_SIZE_LIMIT_EXCEEDED = 0x83, "Command Size Limit Exceeded";
}

statuses! {
    fabrics, StatusCodeType::CommandSpecific, "Command specific status of Fabrics commands (NVMe Base section 4.2.3.2); it shares codes with the NVM command set.";
    CONNECT_INCOMPATIBLE_FORMAT = 0x80, "Connect Incompatible Format";
    CONNECT_CONTROLLER_BUSY = 0x81, "Connect Controller Busy";
    CONNECT_INVALID_PARAMETERS = 0x82, "Connect Invalid Parameters";
    CONNECT_RESTART_DISCOVERY = 0x83, "Connect Restart Discovery";
    CONNECT_INVALID_HOST = 0x84, "Connect Invalid Host";
    INVALID_QUEUE_TYPE = 0x85, "Invalid Queue Type";
    DISCOVER_RESTART = 0x90, "Discover Restart";
    AUTHENTICATION_REQUIRED = 0x91, "Authentication Required";
}

statuses! {
    media, StatusCodeType::Media, "Media and data integrity errors (NVMe Base section 4.2.3.3).";
    WRITE_FAULT = 0x80, "Write Fault";
    UNRECOVERED_READ = 0x81, "Unrecovered Read Error";
    GUARD_CHECK = 0x82, "End-to-end Guard Check Error";
    APPLICATION_TAG_CHECK = 0x83, "End-to-end Application Tag Check Error";
    REFERENCE_TAG_CHECK = 0x84, "End-to-end Reference Tag Check Error";
    COMPARE_FAILURE = 0x85, "Compare Failure";
    ACCESS_DENIED = 0x86, "Access Denied";
    UNWRITTEN_BLOCK = 0x87, "Deallocated or Unwritten Logical Block";
    STORAGE_TAG_CHECK = 0x88, "End-to-End Storage Tag Check Error";
}

statuses! {
    path, StatusCodeType::Path, "Path related status (NVMe Base section 4.2.3.4).";
    INTERNAL_PATH_ERROR = 0x00, "Internal Path Error";
    ANA_PERSISTENT_LOSS = 0x01, "Asymmetric Access Persistent Loss";
    ANA_INACCESSIBLE = 0x02, "Asymmetric Access Inaccessible";
    ANA_TRANSITION = 0x03, "Asymmetric Access Transition";
    CONTROLLER_PATHING_ERROR = 0x60, "Controller Pathing Error";
    HOST_PATHING_ERROR = 0x70, "Host Pathing Error";
    ABORTED_BY_HOST = 0x71, "Command Aborted By Host";
}
#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn codes_are_the_specifications() {
        for (status, bits) in [
            (Status::SUCCESS, 0x000),
            (Status::INVALID_FIELD, 0x002),
            (Status::SGL_OFFSET_INVALID, 0x016),
            (Status::TRANSIENT_TRANSPORT_ERROR, 0x022),
            (Status::LBA_OUT_OF_RANGE, 0x080),
            (Status::INVALID_LOG_PAGE, 0x109),
            (Status::CONNECT_INVALID_HOST, 0x184),
            (Status::AUTHENTICATION_REQUIRED, 0x191),
            (Status::COMPARE_FAILURE, 0x285),
            (Status::ANA_INACCESSIBLE, 0x302),
            (Status::ABORTED_BY_HOST, 0x371),
        ] {
            assert_eq!(status.bits(), bits, "{status}");
        }
    }

    #[test]
    fn flags_leave_the_code_alone() {
        let status = Status::WRITE_FAULT.dnr().with_more();
        assert_eq!(status.bits(), 0x6280);
        assert_eq!((status.sct(), status.sc(), status.crd()), (2, 0x80, 0));
        assert_eq!(status.code(), Status::WRITE_FAULT);
        assert!(status.is_dnr() && status.is_more() && !status.is_success());
        assert!(Status::SUCCESS.with_more().is_success());
        assert_eq!(Status::from_bits(0x1800).crd(), 3);
    }

    #[test]
    fn cqe_field_round_trips_every_value() {
        for bits in 0..=0x7fffu16 {
            let status = Status::from_bits(bits);
            assert_eq!(Status::from_cqe_field(status.to_cqe_field()), status);
            assert_eq!(Status::from_cqe_field(status.to_cqe_field() | 1), status);
        }
    }

    #[test]
    fn says_it_in_the_specifications_words() {
        assert_eq!(Status::UNRECOVERED_READ.to_string(), "Unrecovered Read Error");
        assert_eq!(Status::INVALID_FIELD.dnr().to_string(), "Invalid Field in Command (do not retry)");
        assert_eq!(Status::from_bits(0x7ff).to_string(), "status code type 0x7, status code 0xff");
        assert_eq!(Status::CONFLICTING_ATTRIBUTES.nvm_name(), Some("Conflicting Attributes"));
        assert_eq!(Status::CONNECT_CONTROLLER_BUSY.name(), Some("Connect Controller Busy"));
    }
}
