//! Identify Controller (CNS 01h), NVMe Base 2.0 section 5.17.2.1; the Fabrics bytes 1792 to 2047 included.
//!
//! | bytes | fields |
//! |---|---|
//! | 0..128 | identity: VID, SSVID, SN, MN, FR, RAB, IEEE, CMIC, MDTS, CNTLID, VER, RTD3, OAES, CTRATT, CNTRLTYPE, FGUID |
//! | 128..256 | command retry delays, NVMe-MI |
//! | 256..512 | admin commands: OACS, limits, log pages, power, thermal, capacity, KAS, ANA |
//! | 512..1024 | I/O commands: SQES, CQES, MAXCMD, NN, ONCS, VWC, atomicity, SGLS, SUBNQN |
//! | 1792..2048 | Fabrics: IOCCSZ, IORCSZ, ICDOFF, FCATT, MSDBD, OFCS, DCTYPE |
//! | 2048..3072 | 32 power states |
//! | 3072..4096 | vendor specific |

use super::capabilities::{
    Cmic, Ctratt, EntrySizes, Fcatt, Fna, Frmw, Fuses, Lpa, Oacs, Oaes, Ofcs, Oncs, Sanicap, Sgls, Vwc,
};
use super::power_state::PowerState;
use crate::layout::{wire_enum, wire_layout};
use crate::nqn::NqnField;
use crate::property::Version;
use zerocopy::little_endian::{U16, U32, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

wire_enum! {
    /// CNTRLTYPE: Controller Type.
    pub enum ControllerType: u8 {
        NotReported = 0x00 => "Not reported",
        Io = 0x01 => "I/O controller",
        Discovery = 0x02 => "Discovery controller",
        Administrative = 0x03 => "Administrative controller",
    }
}

wire_enum! {
    /// DCTYPE: Discovery Controller Type.
    pub enum DiscoveryControllerType: u8 {
        NotReported = 0x00 => "Not reported",
        Direct = 0x01 => "Direct Discovery controller",
        Central = 0x02 => "Central Discovery controller",
    }
}

/// Identify Controller data structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IdentifyController {
    /// VID: PCI vendor; 0 if the controller is no PCI device.
    pub vid: U16,
    /// SSVID: PCI subsystem vendor.
    pub ssvid: U16,
    /// SN: serial number, ASCII.
    pub sn: [u8; 20],
    /// MN: model number, ASCII.
    pub mn: [u8; 40],
    /// FR: firmware revision, ASCII.
    pub fr: [u8; 8],
    /// RAB: recommended arbitration burst, 2^n commands.
    pub rab: u8,
    /// IEEE: OUI of the vendor, least significant byte first.
    pub ieee: [u8; 3],
    /// CMIC.
    pub cmic: Cmic,
    /// MDTS: largest data transfer, 2^n memory pages of CAP.MPSMIN; 0 no limit.
    pub mdts: u8,
    /// CNTLID: controller identifier.
    pub cntlid: U16,
    /// VER: same as the VS property.
    pub ver: Version,
    /// RTD3R: resume latency in us; 0 not reported.
    pub rtd3r: U32,
    /// RTD3E: entry latency in us, also the time a shutdown may take; 0 not reported.
    pub rtd3e: U32,
    /// OAES.
    pub oaes: Oaes,
    /// CTRATT.
    pub ctratt: Ctratt,
    /// RRLS: read recovery levels supported.
    pub rrls: U16,
    /// Reserved.
    pub reserved102: [u8; 9],
    /// CNTRLTYPE: see [`ControllerType`].
    pub cntrltype: u8,
    /// FGUID: FRU globally unique identifier.
    pub fguid: [u8; 16],
    /// CRDT1 to CRDT3: command retry delays in 100 ms.
    pub crdt: [U16; 3],
    /// Reserved.
    pub reserved134: [u8; 106],
    /// Reserved for NVMe-MI.
    pub reserved240: [u8; 13],
    /// NVMSR: NVM subsystem report (NVMe-MI).
    pub nvmsr: u8,
    /// VWCI: VPD write cycles (NVMe-MI).
    pub vwci: u8,
    /// MEC: management endpoint capabilities (NVMe-MI).
    pub mec: u8,
    /// OACS.
    pub oacs: Oacs,
    /// ACL: concurrent Abort commands, 0-based.
    pub acl: u8,
    /// AERL: concurrent Asynchronous Event Requests, 0-based.
    pub aerl: u8,
    /// FRMW.
    pub frmw: Frmw,
    /// LPA.
    pub lpa: Lpa,
    /// ELPE: entries of the Error Information log, 0-based.
    pub elpe: u8,
    /// NPSS: power states, 0-based.
    pub npss: u8,
    /// AVSCC: vendor specific admin commands have the standard format.
    pub avscc: u8,
    /// APSTA: autonomous power state transitions.
    pub apsta: u8,
    /// WCTEMP: warning temperature in kelvins; 0 not reported.
    pub wctemp: U16,
    /// CCTEMP: critical temperature in kelvins; 0 not reported.
    pub cctemp: U16,
    /// MTFA: longest firmware activation in 100 ms.
    pub mtfa: U16,
    /// HMPRE: host memory buffer preferred, in 4 KiB.
    pub hmpre: U32,
    /// HMMIN: host memory buffer minimum, in 4 KiB.
    pub hmmin: U32,
    /// TNVMCAP: total capacity in bytes.
    pub tnvmcap: U128,
    /// UNVMCAP: unallocated capacity in bytes.
    pub unvmcap: U128,
    /// RPMBS: replay protected memory block support.
    pub rpmbs: U32,
    /// EDSTT: extended self-test time in minutes.
    pub edstt: U16,
    /// DSTO: self-test options.
    pub dsto: u8,
    /// FWUG: firmware update granularity in 4 KiB.
    pub fwug: u8,
    /// KAS: granularity of the keep alive timer in 100 ms; 0 no keep alive.
    pub kas: U16,
    /// HCTMA: host controlled thermal management.
    pub hctma: U16,
    /// MNTMT: minimum thermal management temperature in kelvins.
    pub mntmt: U16,
    /// MXTMT: maximum thermal management temperature in kelvins.
    pub mxtmt: U16,
    /// SANICAP.
    pub sanicap: Sanicap,
    /// HMMINDS: host memory buffer minimum descriptor, in 4 KiB.
    pub hmminds: U32,
    /// HMMAXD: host memory buffer descriptors.
    pub hmmaxd: U16,
    /// NSETIDMAX: largest NVM Set identifier.
    pub nsetidmax: U16,
    /// ENDGIDMAX: largest Endurance Group identifier.
    pub endgidmax: U16,
    /// ANATT: ANA transition time in seconds.
    pub anatt: u8,
    /// ANACAP: ANA capabilities.
    pub anacap: u8,
    /// ANAGRPMAX: largest ANA group identifier.
    pub anagrpmax: U32,
    /// NANAGRPID: number of ANA groups.
    pub nanagrpid: U32,
    /// PELS: persistent event log size in 64 KiB.
    pub pels: U32,
    /// Domain identifier.
    pub domain: U16,
    /// Reserved.
    pub reserved358: [u8; 10],
    /// MEGCAP: largest Endurance Group capacity in bytes.
    pub megcap: U128,
    /// Reserved.
    pub reserved384: [u8; 128],
    /// SQES: submission queue entry size; 6 and 6 for 64 bytes.
    pub sqes: EntrySizes,
    /// CQES: completion queue entry size; 4 and 4 for 16 bytes.
    pub cqes: EntrySizes,
    /// MAXCMD: outstanding commands per queue that can make sense; mandatory over Fabrics.
    pub maxcmd: U16,
    /// NN: largest valid NSID.
    pub nn: U32,
    /// ONCS.
    pub oncs: Oncs,
    /// FUSES.
    pub fuses: Fuses,
    /// FNA.
    pub fna: Fna,
    /// VWC.
    pub vwc: Vwc,
    /// AWUN: blocks written atomically in normal operation, 0-based.
    pub awun: U16,
    /// AWUPF: blocks written atomically over a power failure, 0-based.
    pub awupf: U16,
    /// ICSVSCC: vendor specific I/O commands have the standard format.
    pub icsvscc: u8,
    /// NWPC: namespace write protection.
    pub nwpc: u8,
    /// ACWU: blocks of an atomic Compare and Write, 0-based.
    pub acwu: U16,
    /// CDFS: copy descriptor formats.
    pub cdfs: U16,
    /// SGLS.
    pub sgls: Sgls,
    /// MNAN: most namespaces that may be attached; 0 is NN.
    pub mnan: U32,
    /// MAXDNA: largest capacity of a domain's attached namespaces.
    pub maxdna: U128,
    /// MAXCNA: most namespaces attached to this controller.
    pub maxcna: U32,
    /// Reserved.
    pub reserved564: [u8; 204],
    /// SUBNQN: NVM subsystem NVMe Qualified Name.
    pub subnqn: NqnField,
    /// Reserved.
    pub reserved1024: [u8; 768],
    /// IOCCSZ: largest I/O command capsule, in 16 bytes; 4 plus the in-capsule data.
    pub ioccsz: U32,
    /// IORCSZ: largest I/O response capsule, in 16 bytes; 1 over TCP.
    pub iorcsz: U32,
    /// ICDOFF: offset of in-capsule data after the entry, in 16 bytes; 0 over TCP.
    pub icdoff: U16,
    /// FCATT.
    pub fcatt: Fcatt,
    /// MSDBD: most SGL Data Block descriptors in a capsule; 1 over TCP.
    pub msdbd: u8,
    /// OFCS.
    pub ofcs: Ofcs,
    /// DCTYPE: see [`DiscoveryControllerType`].
    pub dctype: u8,
    /// Reserved.
    pub reserved1807: [u8; 241],
    /// PSD0 to PSD31: power states.
    pub psd: [PowerState; 32],
    /// Vendor specific.
    pub vendor: [u8; 1024],
}

wire_layout!(IdentifyController: 4096 {
    vid @ 0, ssvid @ 2, sn @ 4, mn @ 24, fr @ 64, rab @ 72, ieee @ 73, cmic @ 76, mdts @ 77, cntlid @ 78, ver @ 80,
    rtd3r @ 84, rtd3e @ 88, oaes @ 92, ctratt @ 96, rrls @ 100, cntrltype @ 111, fguid @ 112, crdt @ 128,
    nvmsr @ 253, vwci @ 254, mec @ 255, oacs @ 256, acl @ 258, aerl @ 259, frmw @ 260, lpa @ 261, elpe @ 262,
    npss @ 263, avscc @ 264, apsta @ 265, wctemp @ 266, cctemp @ 268, mtfa @ 270, hmpre @ 272, hmmin @ 276,
    tnvmcap @ 280, unvmcap @ 296, rpmbs @ 312, edstt @ 316, dsto @ 318, fwug @ 319, kas @ 320, hctma @ 322,
    mntmt @ 324, mxtmt @ 326, sanicap @ 328, hmminds @ 332, hmmaxd @ 336, nsetidmax @ 338, endgidmax @ 340,
    anatt @ 342, anacap @ 343, anagrpmax @ 344, nanagrpid @ 348, pels @ 352, domain @ 356, megcap @ 368,
    sqes @ 512, cqes @ 513, maxcmd @ 514, nn @ 516, oncs @ 520, fuses @ 522, fna @ 524, vwc @ 525, awun @ 526,
    awupf @ 528, icsvscc @ 530, nwpc @ 531, acwu @ 532, cdfs @ 534, sgls @ 536, mnan @ 540, maxdna @ 544,
    maxcna @ 560, subnqn @ 768, ioccsz @ 1792, iorcsz @ 1796, icdoff @ 1800, fcatt @ 1802, msdbd @ 1803,
    ofcs @ 1804, dctype @ 1806, psd @ 2048, vendor @ 3072,
});

#[cfg(test)]
mod test {
    use super::*;
    use crate::nqn::DISCOVERY_NQN;
    use crate::text::{ascii, set_ascii};

    fn sample() -> IdentifyController {
        let mut data = IdentifyController {
            mdts: 5,
            cntlid: U16::new(0x0102),
            ver: Version::V2_0,
            oaes: Oaes::default().with_namespace_attribute(true),
            ctratt: Ctratt::default().with_hids(true).with_tbkas(true),
            cntrltype: ControllerType::Io.wire(),
            aerl: 3,
            lpa: Lpa::default().with_effects(true).with_extended_data(true).with_supported_logs(true),
            kas: U16::new(10),
            sqes: EntrySizes::default().with_required(6).with_maximum(6),
            cqes: EntrySizes::default().with_required(4).with_maximum(4),
            maxcmd: U16::new(128),
            nn: U32::new(1),
            oncs: Oncs::default().with_compare(true).with_dataset_management(true).with_write_zeroes(true),
            vwc: Vwc::default().with_present(true).with_flush_all(3),
            sgls: Sgls::default().with_support(1).with_offset(true).with_transport(true),
            subnqn: NqnField::new(DISCOVERY_NQN).expect("it is short enough"),
            ioccsz: U32::new((64 + 8192) / 16),
            iorcsz: U32::new(1),
            msdbd: 1,
            ofcs: Ofcs::default().with_disconnect(true),
            ..IdentifyController::default()
        };
        set_ascii(&mut data.sn, "SL0001");
        set_ascii(&mut data.mn, "Sluice");
        set_ascii(&mut data.fr, "1.0");
        data
    }

    #[test]
    fn golden_bytes_of_what_the_host_decides_on() {
        let data = sample();
        let bytes = data.as_bytes();
        assert_eq!(&bytes[4..24], b"SL0001              ");
        assert_eq!(&bytes[64..72], b"1.0     ");
        assert_eq!(bytes[77..84], [5, 2, 1, 0, 0, 2, 0]);
        assert_eq!(bytes[92..100], [0, 1, 0, 0, 0x41, 0, 0, 0]);
        assert_eq!(bytes[111], 1);
        assert_eq!(bytes[256..262], [0, 0, 0, 3, 0, 0x26]);
        assert_eq!(bytes[320..322], [10, 0]);
        assert_eq!(bytes[512..526], [0x66, 0x44, 128, 0, 1, 0, 0, 0, 0x0d, 0, 0, 0, 0, 7]);
        assert_eq!(bytes[536..540], [1, 0, 0x30, 0]);
        assert_eq!(&bytes[768..772], b"nqn.");
        assert_eq!(bytes[1792..1807], [4, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0]);
    }

    #[test]
    fn bytes_round_trip() {
        let data = sample();
        let read = IdentifyController::read_from_bytes(data.as_bytes());
        assert!(read.is_ok_and(|read| read == data));
        assert_eq!(ascii(&data.mn), Some("Sluice"));
    }

    #[test]
    fn what_is_not_set_is_zero() {
        assert!(IdentifyController::default().as_bytes().iter().all(|&byte| byte == 0));
    }
}
