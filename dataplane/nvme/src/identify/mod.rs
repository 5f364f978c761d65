//! Identify, NVMe Base 2.0 section 5.17: the command and the data structures it returns.
//!
//! Every structure is 4096 bytes. A controller answers an unknown or unsupported CNS with Invalid Field
//! in Command.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | CDW10 | 7:0 | CNS, which structure |
//! | CDW10 | 31:16 | CNTID, a controller, where the structure is about one |
//! | CDW11 | 15:0 | CNSSID, identifier whose meaning depends on CNS |
//! | CDW11 | 31:24 | CSI, command set, for the structures of one |
//! | CDW14 | 6:0 | UIDX, UUID index |

pub mod active_list;
pub mod capabilities;
pub mod command_set_ctrl;
pub mod command_set_independent;
pub mod command_set_ns;
pub mod command_sets;
pub mod controller;
pub mod controller_list;
pub mod descriptors;
pub mod lba_format;
pub mod namespace;
pub mod power_state;

use crate::bits::bit_fields;
use crate::layout::wire_enum;
use crate::sqe::Sqe;
use zerocopy::little_endian::U32;

/// Size of every Identify data structure, in bytes.
pub const IDENTIFY_BYTES: u32 = 4096;

wire_enum! {
    /// CNS: Controller or Namespace Structure.
    pub enum Cns: u8 {
        Namespace = 0x00 => "Identify Namespace",
        Controller = 0x01 => "Identify Controller",
        ActiveNamespaceList = 0x02 => "Active Namespace ID list",
        NamespaceDescriptors = 0x03 => "Namespace Identification Descriptor list",
        NvmSetList = 0x04 => "NVM Set List",
        CommandSetNamespace = 0x05 => "I/O Command Set specific Identify Namespace",
        CommandSetController = 0x06 => "I/O Command Set specific Identify Controller",
        CommandSetActiveNamespaceList = 0x07 => "I/O Command Set specific Active Namespace ID list",
        IndependentNamespace = 0x08 => "I/O Command Set Independent Identify Namespace",
        AllocatedNamespaceList = 0x10 => "Allocated Namespace ID list",
        AllocatedNamespace = 0x11 => "Identify Namespace of an allocated namespace",
        NamespaceControllerList = 0x12 => "Controller List of an attached namespace",
        ControllerList = 0x13 => "Controller List of the NVM subsystem",
        PrimaryControllerCapabilities = 0x14 => "Primary Controller Capabilities",
        SecondaryControllerList = 0x15 => "Secondary Controller list",
        NamespaceGranularityList = 0x16 => "Namespace Granularity List",
        UuidList = 0x17 => "UUID List",
        DomainList = 0x18 => "Domain List",
        EnduranceGroupList = 0x19 => "Endurance Group List",
        CommandSetAllocatedNamespaceList = 0x1a => "I/O Command Set specific Allocated Namespace ID list",
        CommandSetAllocatedNamespace = 0x1b => "I/O Command Set specific Identify Namespace of an allocated namespace",
        CommandSets = 0x1c => "Identify I/O Command Set",
    }
}

wire_enum! {
    /// CSI: Command Set Identifier.
    pub enum CommandSet: u8 {
        Nvm = 0x00 => "NVM Command Set",
        KeyValue = 0x01 => "Key Value Command Set",
        ZonedNamespace = 0x02 => "Zoned Namespace Command Set",
    }
}

bit_fields! {
    /// CDW10 of Identify.
    pub struct IdentifyCdw10(u32) {
        /// CNS: see [`Cns`].
        cns, with_cns: u8 = 0..8;
        /// CNTID: controller identifier.
        cntid, with_cntid: u16 = 16..32;
    }
}

bit_fields! {
    /// CDW11 of Identify.
    pub struct IdentifyCdw11(u32) {
        /// CNSSID: CNS specific identifier.
        cnssid, with_cnssid: u16 = 0..16;
        /// CSI: see [`CommandSet`].
        csi, with_csi: u8 = 24..32;
    }
}

bit_fields! {
    /// CDW14 of Identify, Get Features, Set Features and Get Log Page, as far as they agree.
    pub struct UuidIndex(u32) {
        /// UIDX: entry of the UUID List that gives a vendor specific meaning; 0 for none.
        uidx, with_uidx: u8 = 0..7;
    }
}

/// The Identify command, less its data pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdentifyCommand {
    /// NSID: namespace the structure is about; where lists begin (exclusive).
    pub nsid: u32,
    /// Structure and controller.
    pub cdw10: IdentifyCdw10,
    /// Command set.
    pub cdw11: IdentifyCdw11,
    /// UUID index.
    pub uuid_index: UuidIndex,
}

impl IdentifyCommand {
    /// Reads the fields of an Identify command.
    #[must_use]
    pub fn from_sqe(sqe: &Sqe) -> Self {
        Self {
            nsid: sqe.nsid.get(),
            cdw10: IdentifyCdw10::from_bits(sqe.cdw10.get()),
            cdw11: IdentifyCdw11::from_bits(sqe.cdw11.get()),
            uuid_index: UuidIndex::from_bits(sqe.cdw14.get()),
        }
    }

    /// Writes the fields into `sqe`, opcode included.
    pub fn write_to(&self, sqe: &mut Sqe) {
        sqe.opcode = crate::opcode::AdminOpcode::Identify.wire();
        sqe.nsid = U32::new(self.nsid);
        sqe.cdw10 = U32::new(self.cdw10.bits());
        sqe.cdw11 = U32::new(self.cdw11.bits());
        sqe.cdw14 = U32::new(self.uuid_index.bits());
    }

    /// The structure asked for, `None` if it is not known here.
    #[must_use]
    pub const fn cns(&self) -> Option<Cns> {
        Cns::from_wire(self.cdw10.cns())
    }

    /// The command set asked for, `None` if it is not known here.
    #[must_use]
    pub const fn csi(&self) -> Option<CommandSet> {
        CommandSet::from_wire(self.cdw11.csi())
    }

    /// An Identify of `cns` about `nsid`.
    #[must_use]
    pub fn new(cns: Cns, nsid: u32) -> Self {
        Self { nsid, cdw10: IdentifyCdw10::default().with_cns(cns.wire()), ..Self::default() }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use zerocopy::IntoBytes;

    #[test]
    fn command_golden() {
        let mut command = IdentifyCommand::new(Cns::CommandSetNamespace, 1);
        command.cdw10 = command.cdw10.with_cntid(0x0201);
        command.cdw11 = command.cdw11.with_csi(2).with_cnssid(0x0403);
        command.uuid_index = UuidIndex::from_bits(5);
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[..8], [6, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..48], [5, 0, 1, 2, 3, 4, 0, 2]);
        assert_eq!(sqe.as_bytes()[56..60], [5, 0, 0, 0]);
        assert_eq!(IdentifyCommand::from_sqe(&sqe), command);
        assert_eq!(command.csi(), Some(CommandSet::ZonedNamespace));
    }

    #[test]
    fn unknown_structures_are_none() {
        assert_eq!(IdentifyCommand::new(Cns::Controller, 0).cns(), Some(Cns::Controller));
        let command = IdentifyCommand { cdw10: IdentifyCdw10::from_bits(0xff), ..IdentifyCommand::default() };
        assert_eq!(command.cns(), None);
    }
}
