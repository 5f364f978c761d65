//! Connect, NVMe Base 2.0 section 6.3: makes a queue of a transport connection.
//!
//! | bytes of the command | field |
//! |---|---|
//! | 41:40 | RECFMT: 0 |
//! | 43:42 | QID: 0 admin queue, else I/O queue |
//! | 45:44 | SQSIZE, entries, 0-based |
//! | 46 | CATTR |
//! | 51:48 | KATO in ms, admin queue only |
//!
//! | bytes of the data | field |
//! |---|---|
//! | 15:0 | HOSTID |
//! | 17:16 | CNTLID |
//! | 256..512 | SUBNQN |
//! | 512..768 | HOSTNQN |

use super::set_fabrics_type;
use crate::bits::bit_fields;
use crate::feature::host_identifier::HostIdentifier;
use crate::layout::wire_layout;
use crate::nqn::NqnField;
use crate::opcode::FabricsType;
use crate::sqe::Sqe;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// RECFMT that this layout has; another is answered with Connect Incompatible Format.
pub const CONNECT_RECFMT: u16 = 0;

/// CNTLID of an admin Connect under the dynamic controller model: any controller will do.
pub const CNTLID_ANY: u16 = 0xffff;

/// CNTLID of an admin Connect under the static controller model: any controller will do.
pub const CNTLID_ANY_STATIC: u16 = 0xfffe;

/// Size of the data, in bytes.
pub const CONNECT_DATA_BYTES: u32 = 1024;

bit_fields! {
    /// CDW10.
    pub struct ConnectCdw10(u32) {
        /// RECFMT: record format.
        recfmt, with_recfmt: u16 = 0..16;
        /// QID: queue identifier.
        qid, with_qid: u16 = 16..32;
    }
}

bit_fields! {
    /// CDW11.
    pub struct ConnectCdw11(u32) {
        /// SQSIZE: entries of the submission queue, 0-based.
        sqsize, with_sqsize: u16 = 0..16;
        /// CATTR bits 1:0: priority class of the queue.
        priority_class, with_priority_class: u8 = 16..18;
        /// CATTR bit 2: the host does not want submission queue flow control (SQHD).
        disable_sq_flow_control, with_disable_sq_flow_control: bool = 18..19;
        /// CATTR bit 3: the host can delete single I/O queues with Disconnect.
        individual_queue_deletion, with_individual_queue_deletion: bool = 19..20;
    }
}

/// The command, less its data pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectCommand {
    /// Format and queue.
    pub cdw10: ConnectCdw10,
    /// Size and attributes.
    pub cdw11: ConnectCdw11,
    /// KATO: keep alive timeout in milliseconds, 0 off; reserved for I/O queues.
    pub kato_ms: u32,
}

impl ConnectCommand {
    /// Reads the fields of a Connect command.
    #[must_use]
    pub fn from_sqe(sqe: &Sqe) -> Self {
        Self {
            cdw10: ConnectCdw10::from_bits(sqe.cdw10.get()),
            cdw11: ConnectCdw11::from_bits(sqe.cdw11.get()),
            kato_ms: sqe.cdw12.get(),
        }
    }

    /// Writes the fields into `sqe`, opcode and type included.
    pub fn write_to(&self, sqe: &mut Sqe) {
        set_fabrics_type(sqe, FabricsType::Connect);
        sqe.cdw10 = U32::new(self.cdw10.bits());
        sqe.cdw11 = U32::new(self.cdw11.bits());
        sqe.cdw12 = U32::new(self.kato_ms);
    }

    /// Entries of the submission queue, 1 to 65536; less than 2 is Connect Invalid Parameters.
    #[must_use]
    pub fn entries(&self) -> u32 {
        u32::from(self.cdw11.sqsize()) + 1
    }
}

/// The data, always sent in the capsule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ConnectData {
    /// HOSTID.
    pub hostid: HostIdentifier,
    /// CNTLID: for an I/O queue the controller it belongs to, for the admin queue mostly [`CNTLID_ANY`].
    pub cntlid: U16,
    /// Reserved.
    pub reserved18: [u8; 238],
    /// SUBNQN: the subsystem.
    pub subnqn: NqnField,
    /// HOSTNQN: the host.
    pub hostnqn: NqnField,
    /// Reserved.
    pub reserved768: [u8; 256],
}

wire_layout!(ConnectData: 1024 { hostid @ 0, cntlid @ 16, subnqn @ 256, hostnqn @ 512, reserved768 @ 768 });

bit_fields! {
    /// Dword 0 of the completion of a Connect that succeeded.
    pub struct ConnectAccepted(u32) {
        /// CNTLID: the controller the queue belongs to.
        cntlid, with_cntlid: u16 = 0..16;
        /// ATR: the host must authenticate with DH-HMAC-CHAP in this connection.
        atr, with_atr: bool = 17..18;
        /// ASCR: the host must set up a secure channel.
        ascr, with_ascr: bool = 18..19;
    }
}

bit_fields! {
    /// Dword 0 of the completion with Connect Invalid Parameters: what was invalid.
    pub struct ConnectInvalid(u32) {
        /// IPO: offset of the parameter in bytes.
        ipo, with_ipo: u16 = 0..16;
        /// IATTR bit 0: the offset is into the data, not the entry.
        in_data, with_in_data: bool = 16..17;
    }
}

impl ConnectInvalid {
    /// QID of the entry.
    pub const QID: Self = Self::entry(42);
    /// SQSIZE of the entry.
    pub const SQSIZE: Self = Self::entry(44);
    /// CATTR of the entry.
    pub const CATTR: Self = Self::entry(46);
    /// KATO of the entry.
    pub const KATO: Self = Self::entry(48);
    /// HOSTID of the data.
    pub const HOSTID: Self = Self::data(0);
    /// CNTLID of the data.
    pub const CNTLID: Self = Self::data(16);
    /// SUBNQN of the data.
    pub const SUBNQN: Self = Self::data(256);
    /// HOSTNQN of the data.
    pub const HOSTNQN: Self = Self::data(512);

    const fn entry(offset: u16) -> Self {
        Self::from_bits(0).with_ipo(offset)
    }

    const fn data(offset: u16) -> Self {
        Self::entry(offset).with_in_data(true)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn command_golden() {
        let command = ConnectCommand {
            cdw10: ConnectCdw10::default().with_qid(2),
            cdw11: ConnectCdw11::default().with_sqsize(127).with_disable_sq_flow_control(true),
            kato_ms: 5000,
        };
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[..8], [0x7f, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(sqe.as_bytes()[40..52], [0, 0, 2, 0, 127, 0, 4, 0, 0x88, 0x13, 0, 0]);
        assert_eq!(ConnectCommand::from_sqe(&sqe), command);
        assert_eq!(command.entries(), 128);
    }

    #[test]
    fn data_golden() {
        let data = ConnectData {
            hostid: HostIdentifier(*b"0123456789abcdef"),
            cntlid: U16::new(CNTLID_ANY),
            subnqn: NqnField::new("nqn.s").expect("it is short enough"),
            hostnqn: NqnField::new("nqn.h").expect("it is short enough"),
            ..ConnectData::default()
        };
        let bytes = data.as_bytes();
        assert_eq!(&bytes[..19], b"0123456789abcdef\xff\xff\0");
        assert_eq!((&bytes[256..262], &bytes[512..518]), (b"nqn.s\0".as_slice(), b"nqn.h\0".as_slice()));
        assert!(ConnectData::read_from_bytes(bytes).is_ok_and(|read| read == data));
    }

    #[test]
    fn completion_golden() {
        assert_eq!(ConnectAccepted::default().with_cntlid(0x0102).with_atr(true).bits(), 0x0002_0102);
        assert_eq!(ConnectAccepted::default().with_ascr(true).bits(), 0x0004_0000);
    }

    #[test]
    fn offsets_of_invalid_parameters_are_those_of_the_fields() {
        use core::mem::offset_of;
        let data = |offset: usize| (true, offset);
        let cases = [
            (ConnectInvalid::QID, (false, offset_of!(Sqe, cdw10) + 2)),
            (ConnectInvalid::SQSIZE, (false, offset_of!(Sqe, cdw11))),
            (ConnectInvalid::CATTR, (false, offset_of!(Sqe, cdw11) + 2)),
            (ConnectInvalid::KATO, (false, offset_of!(Sqe, cdw12))),
            (ConnectInvalid::HOSTID, data(offset_of!(ConnectData, hostid))),
            (ConnectInvalid::CNTLID, data(offset_of!(ConnectData, cntlid))),
            (ConnectInvalid::SUBNQN, data(offset_of!(ConnectData, subnqn))),
            (ConnectInvalid::HOSTNQN, data(offset_of!(ConnectData, hostnqn))),
        ];
        for (invalid, (in_data, offset)) in cases {
            assert_eq!((invalid.in_data(), usize::from(invalid.ipo())), (in_data, offset));
        }
    }
}
