//! Command opcodes: NVMe Base 2.0 section 5 figure "Opcodes for Admin Commands", NVM Command Set 1.0 section 3,
//! Fabrics command types NVMe Base 2.0 section 6.
//!
//! The target matches on these; an opcode that is `None` here is answered with Invalid Command Opcode.

use crate::layout::wire_enum;

wire_enum! {
    /// Opcode of a command in the Admin Submission Queue.
    pub enum AdminOpcode: u8 {
        DeleteIoSubmissionQueue = 0x00 => "Delete I/O Submission Queue",
        CreateIoSubmissionQueue = 0x01 => "Create I/O Submission Queue",
        GetLogPage = 0x02 => "Get Log Page",
        DeleteIoCompletionQueue = 0x04 => "Delete I/O Completion Queue",
        CreateIoCompletionQueue = 0x05 => "Create I/O Completion Queue",
        Identify = 0x06 => "Identify",
        Abort = 0x08 => "Abort",
        SetFeatures = 0x09 => "Set Features",
        GetFeatures = 0x0a => "Get Features",
        AsyncEventRequest = 0x0c => "Asynchronous Event Request",
        NamespaceManagement = 0x0d => "Namespace Management",
        FirmwareCommit = 0x10 => "Firmware Commit",
        FirmwareImageDownload = 0x11 => "Firmware Image Download",
        DeviceSelfTest = 0x14 => "Device Self-test",
        NamespaceAttachment = 0x15 => "Namespace Attachment",
        KeepAlive = 0x18 => "Keep Alive",
        DirectiveSend = 0x19 => "Directive Send",
        DirectiveReceive = 0x1a => "Directive Receive",
        VirtualizationManagement = 0x1c => "Virtualization Management",
        NvmeMiSend = 0x1d => "NVMe-MI Send",
        NvmeMiReceive = 0x1e => "NVMe-MI Receive",
        CapacityManagement = 0x20 => "Capacity Management",
        Lockdown = 0x24 => "Lockdown",
        DoorbellBufferConfig = 0x7c => "Doorbell Buffer Config",
        Fabrics = 0x7f => "Fabrics Commands",
        FormatNvm = 0x80 => "Format NVM",
        SecuritySend = 0x81 => "Security Send",
        SecurityReceive = 0x82 => "Security Receive",
        Sanitize = 0x84 => "Sanitize",
        GetLbaStatus = 0x86 => "Get LBA Status",
    }
}

wire_enum! {
    /// Opcode of a command in an I/O Submission Queue of the NVM Command Set.
    pub enum NvmOpcode: u8 {
        Flush = 0x00 => "Flush",
        Write = 0x01 => "Write",
        Read = 0x02 => "Read",
        WriteUncorrectable = 0x04 => "Write Uncorrectable",
        Compare = 0x05 => "Compare",
        WriteZeroes = 0x08 => "Write Zeroes",
        DatasetManagement = 0x09 => "Dataset Management",
        Verify = 0x0c => "Verify",
        ReservationRegister = 0x0d => "Reservation Register",
        ReservationReport = 0x0e => "Reservation Report",
        ReservationAcquire = 0x11 => "Reservation Acquire",
        ReservationRelease = 0x15 => "Reservation Release",
        Cancel = 0x18 => "Cancel",
        Copy = 0x19 => "Copy",
        Fabrics = 0x7f => "Fabrics Commands",
    }
}

wire_enum! {
    /// Fabrics Command Type (FCTYPE): byte 4 of the entry when the opcode is 7Fh.
    pub enum FabricsType: u8 {
        PropertySet = 0x00 => "Property Set",
        Connect = 0x01 => "Connect",
        PropertyGet = 0x04 => "Property Get",
        AuthenticationSend = 0x05 => "Authentication Send",
        AuthenticationReceive = 0x06 => "Authentication Receive",
        Disconnect = 0x08 => "Disconnect",
    }
}

wire_enum! {
    /// Data Transfer: bits 1:0 of every opcode, and of FCTYPE for Fabrics commands.
    pub enum DataTransfer: u8 {
        None = 0 => "No data transfer",
        HostToController = 1 => "Host to controller",
        ControllerToHost = 2 => "Controller to host",
        Bidirectional = 3 => "Bidirectional",
    }
}

impl DataTransfer {
    /// Direction that an opcode (or FCTYPE) declares.
    #[must_use]
    pub const fn of(opcode: u8) -> Self {
        match opcode & 3 {
            0 => Self::None,
            1 => Self::HostToController,
            2 => Self::ControllerToHost,
            _ => Self::Bidirectional,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn every_opcode_round_trips() {
        for &opcode in AdminOpcode::ALL {
            assert_eq!(AdminOpcode::from_wire(opcode.wire()), Some(opcode));
        }
        for &opcode in NvmOpcode::ALL {
            assert_eq!(NvmOpcode::from_wire(opcode.wire()), Some(opcode));
        }
        for &kind in FabricsType::ALL {
            assert_eq!(FabricsType::from_wire(kind.wire()), Some(kind));
        }
    }

    #[test]
    fn unknown_opcodes_are_none() {
        assert_eq!(AdminOpcode::from_wire(0x03), None);
        assert_eq!(NvmOpcode::from_wire(0x03), None);
        assert_eq!(FabricsType::from_wire(0x02), None);
    }

    #[test]
    fn opcodes_declare_their_direction() {
        assert_eq!(DataTransfer::of(NvmOpcode::Flush.wire()), DataTransfer::None);
        assert_eq!(DataTransfer::of(NvmOpcode::Write.wire()), DataTransfer::HostToController);
        assert_eq!(DataTransfer::of(NvmOpcode::Read.wire()), DataTransfer::ControllerToHost);
        assert_eq!(DataTransfer::of(NvmOpcode::DatasetManagement.wire()), DataTransfer::HostToController);
        assert_eq!(DataTransfer::of(AdminOpcode::Identify.wire()), DataTransfer::ControllerToHost);
        assert_eq!(DataTransfer::of(FabricsType::Connect.wire()), DataTransfer::HostToController);
        assert_eq!(DataTransfer::of(0x7f), DataTransfer::Bidirectional);
    }
}
