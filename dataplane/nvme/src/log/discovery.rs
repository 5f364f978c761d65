//! Discovery (LID 70h), NVMe Base 2.0 section 5.16.1.23: where the NVM subsystems are.
//!
//! The page is a [`DiscoveryHeader`] and `numrec` times a [`DiscoveryEntry`], 1024 bytes each. A host
//! reads the header, the entries, and the header again; if GENCTR moved in between, it starts over.
//!
//! | bytes of the header | field |
//! |---|---|
//! | 7:0 | GENCTR, generation counter |
//! | 15:8 | NUMREC, number of records |
//! | 17:16 | RECFMT, record format: 0 |
//!
//! | bytes of an entry | field |
//! |---|---|
//! | 0 | TRTYPE |
//! | 1 | ADRFAM |
//! | 2 | SUBTYPE |
//! | 3 | TREQ |
//! | 5:4 | PORTID |
//! | 7:6 | CNTLID; FFFFh: dynamic |
//! | 9:8 | ASQSZ |
//! | 11:10 | EFLAGS |
//! | 32..64 | TRSVCID, ASCII: the TCP port |
//! | 256..512 | SUBNQN |
//! | 512..768 | TRADDR, ASCII: the IP address |
//! | 768..1024 | TSAS; byte 0 is SECTYPE for TCP |

use crate::bits::bit_fields;
use crate::layout::{wire_enum, wire_layout};
use crate::nqn::NqnField;
use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

wire_enum! {
    /// TRTYPE: Transport Type.
    pub enum TransportType: u8 {
        Rdma = 0x01 => "RDMA",
        FibreChannel = 0x02 => "Fibre Channel",
        Tcp = 0x03 => "TCP",
        IntraHost = 0xfe => "Intra-host",
    }
}

wire_enum! {
    /// ADRFAM: Address Family.
    pub enum AddressFamily: u8 {
        Ipv4 = 0x01 => "IPv4",
        Ipv6 = 0x02 => "IPv6",
        InfiniBand = 0x03 => "InfiniBand",
        FibreChannel = 0x04 => "Fibre Channel",
        IntraHost = 0xfe => "Intra-host",
    }
}

wire_enum! {
    /// SUBTYPE: Subsystem Type.
    pub enum SubsystemType: u8 {
        Referral = 0x01 => "Referral to another Discovery subsystem",
        Nvm = 0x02 => "NVM subsystem",
        CurrentDiscovery = 0x03 => "Current Discovery subsystem",
    }
}

wire_enum! {
    /// SECTYPE: Security Type of NVMe/TCP, in TREQ's company.
    pub enum TcpSecurity: u8 {
        None = 0x00 => "No security",
        Tls12 = 0x01 => "TLS 1.2",
        Tls13 = 0x02 => "TLS 1.3",
    }
}

bit_fields! {
    /// TREQ: Transport Requirements.
    pub struct Treq(u8) {
        /// Secure channel: 0 not specified, 1 required, 2 not required.
        secure_channel, with_secure_channel: u8 = 0..2;
        /// The controller can do without submission queue flow control.
        sq_flow_control_disable, with_sq_flow_control_disable: bool = 2..3;
    }
}

bit_fields! {
    /// EFLAGS: Entry Flags.
    pub struct EntryFlags(u16) {
        /// DUPRETINFO: other ports return the same information.
        dupretinfo, with_dupretinfo: bool = 0..1;
        /// EPCSD: the Discovery subsystem supports explicit persistent connections.
        epcsd, with_epcsd: bool = 1..2;
        /// NCC: no Central Discovery controller connectivity.
        ncc, with_ncc: bool = 2..3;
    }
}

bit_fields! {
    /// LSP of a Get Log Page for this page.
    pub struct DiscoveryLsp(u8) {
        /// EXTDLPE: extended entries.
        extdlpe, with_extdlpe: bool = 0..1;
        /// PLEO: entries of this port only.
        pleo, with_pleo: bool = 1..2;
        /// ALLSUBE: entries of all subsystems, however the host may access them.
        allsube, with_allsube: bool = 2..3;
    }
}

/// CNTLID of an entry whose subsystem hands out controllers as hosts connect.
pub const CNTLID_DYNAMIC: u16 = 0xffff;

/// Smallest ASQSZ of an entry.
pub const ASQSZ_MIN: u16 = 32;

/// Head of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DiscoveryHeader {
    /// GENCTR: raised by every change of the page, wraps to 0.
    pub genctr: U64,
    /// NUMREC: entries that follow.
    pub numrec: U64,
    /// RECFMT: 0.
    pub recfmt: U16,
    /// Reserved.
    pub reserved18: [u8; 1006],
}

wire_layout!(DiscoveryHeader: 1024 { genctr @ 0, numrec @ 8, recfmt @ 16 });

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DiscoveryEntry {
    /// TRTYPE: see [`TransportType`].
    pub trtype: u8,
    /// ADRFAM: see [`AddressFamily`].
    pub adrfam: u8,
    /// SUBTYPE: see [`SubsystemType`].
    pub subtype: u8,
    /// TREQ.
    pub treq: Treq,
    /// PORTID: port of the subsystem.
    pub portid: U16,
    /// CNTLID: controller, or [`CNTLID_DYNAMIC`].
    pub cntlid: U16,
    /// ASQSZ: largest admin submission queue, entries; at least [`ASQSZ_MIN`].
    pub asqsz: U16,
    /// EFLAGS.
    pub eflags: EntryFlags,
    /// Reserved.
    pub reserved12: [u8; 20],
    /// TRSVCID: transport service, ASCII; for TCP the port in decimal.
    pub trsvcid: [u8; 32],
    /// Reserved.
    pub reserved64: [u8; 192],
    /// SUBNQN: the subsystem.
    pub subnqn: NqnField,
    /// TRADDR: transport address, ASCII.
    pub traddr: [u8; 256],
    /// SECTYPE: first byte of TSAS for TCP, see [`TcpSecurity`].
    pub sectype: u8,
    /// Rest of TSAS, reserved for TCP.
    pub reserved769: [u8; 255],
}

wire_layout!(DiscoveryEntry: 1024 {
    trtype @ 0, adrfam @ 1, subtype @ 2, treq @ 3, portid @ 4, cntlid @ 6, asqsz @ 8, eflags @ 10, trsvcid @ 32,
    subnqn @ 256, traddr @ 512, sectype @ 768,
});

#[cfg(test)]
mod test {
    use super::*;
    use crate::text::{ascii, set_ascii};

    #[test]
    fn header_golden() {
        let header =
            DiscoveryHeader { genctr: U64::new(0x0102), numrec: U64::new(3), ..DiscoveryHeader::default() };
        assert_eq!(header.as_bytes()[..18], [2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(DiscoveryHeader::read_from_bytes(header.as_bytes()).is_ok_and(|read| read == header));
    }

    #[test]
    fn entry_golden() {
        let mut entry = DiscoveryEntry {
            trtype: TransportType::Tcp.wire(),
            adrfam: AddressFamily::Ipv4.wire(),
            subtype: SubsystemType::Nvm.wire(),
            treq: Treq::default().with_secure_channel(2).with_sq_flow_control_disable(true),
            portid: U16::new(1),
            cntlid: U16::new(CNTLID_DYNAMIC),
            asqsz: U16::new(ASQSZ_MIN),
            subnqn: NqnField::new("nqn.2026-11.io.sluice:v").expect("it is short enough"),
            sectype: TcpSecurity::None.wire(),
            ..DiscoveryEntry::default()
        };
        set_ascii(&mut entry.trsvcid, "4420");
        set_ascii(&mut entry.traddr, "192.0.2.1");
        let bytes = entry.as_bytes();
        assert_eq!(bytes[..12], [3, 1, 2, 6, 1, 0, 0xff, 0xff, 32, 0, 0, 0]);
        assert_eq!(&bytes[32..38], b"4420  ");
        assert_eq!(&bytes[256..281], b"nqn.2026-11.io.sluice:v\0\0");
        assert_eq!(&bytes[512..522], b"192.0.2.1 ");
        assert_eq!(ascii(&entry.traddr), Some("192.0.2.1"));
        assert!(DiscoveryEntry::read_from_bytes(bytes).is_ok_and(|read| read == entry));
    }

    #[test]
    fn flags_golden() {
        assert_eq!(EntryFlags::default().with_epcsd(true).bits(), 2);
        assert_eq!(DiscoveryLsp::default().with_allsube(true).bits(), 4);
    }
}
