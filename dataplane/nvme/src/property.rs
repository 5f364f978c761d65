//! Controller properties, NVMe Base 2.0 section 3.1.3: what a Fabrics host reads and writes with Property Get
//! and Property Set instead of PCIe registers.
//!
//! | offset | bytes | property |
//! |---|---|---|
//! | 00h | 8 | CAP, Controller Capabilities |
//! | 08h | 4 | VS, Version |
//! | 14h | 4 | CC, Controller Configuration |
//! | 1Ch | 4 | CSTS, Controller Status |
//! | 20h | 4 | NSSR, NVM Subsystem Reset |
//! | 68h | 4 | CRTO, Controller Ready Timeouts |

use crate::bits::bit_fields;
use crate::layout::wire_enum;

wire_enum! {
    /// Offset of a property that exists over Fabrics.
    pub enum Property: u32 {
        Cap = 0x00 => "Controller Capabilities",
        Vs = 0x08 => "Version",
        Cc = 0x14 => "Controller Configuration",
        Csts = 0x1c => "Controller Status",
        Nssr = 0x20 => "NVM Subsystem Reset",
        Crto = 0x68 => "Controller Ready Timeouts",
    }
}

impl Property {
    /// Size of the property in bytes: 4 or 8.
    #[must_use]
    pub const fn size_bytes(self) -> u8 {
        match self {
            Self::Cap => 8,
            _ => 4,
        }
    }
}

/// Value that, written to NSSR, resets the NVM subsystem: "NVMe" in ASCII.
pub const NSSR_RESET: u32 = 0x4e56_4d65;

bit_fields! {
    /// CAP, NVMe Base 2.0 section 3.1.3.1.
    pub struct Cap(u64) {
        /// MQES: maximum queue entries, 0-based.
        mqes, with_mqes: u16 = 0..16;
        /// CQR: contiguous queues required; 1 over Fabrics.
        cqr, with_cqr: bool = 16..17;
        /// AMS: arbitration mechanisms beyond round robin.
        ams, with_ams: u8 = 17..19;
        /// TO: worst-case time for CSTS.RDY to follow CC.EN, in 500 ms units.
        to, with_to: u8 = 24..32;
        /// DSTRD: doorbell stride; 0 over Fabrics.
        dstrd, with_dstrd: u8 = 32..36;
        /// NSSRS: NVM subsystem reset supported.
        nssrs, with_nssrs: bool = 36..37;
        /// CSS bit 0: NVM Command Set supported.
        css_nvm, with_css_nvm: bool = 37..38;
        /// CSS bit 6: one or more I/O command sets, found through Identify CNS 1Ch.
        css_iocss, with_css_iocss: bool = 43..44;
        /// CSS bit 7: no I/O command set.
        css_none, with_css_none: bool = 44..45;
        /// BPS: boot partitions supported.
        bps, with_bps: bool = 45..46;
        /// CPS: controller power scope.
        cps, with_cps: u8 = 46..48;
        /// MPSMIN: smallest memory page, 2^(12 + MPSMIN) bytes.
        mpsmin, with_mpsmin: u8 = 48..52;
        /// MPSMAX: largest memory page, 2^(12 + MPSMAX) bytes.
        mpsmax, with_mpsmax: u8 = 52..56;
        /// PMRS: persistent memory region supported.
        pmrs, with_pmrs: bool = 56..57;
        /// CMBS: controller memory buffer supported.
        cmbs, with_cmbs: bool = 57..58;
        /// NSSS: NVM subsystem shutdown supported.
        nsss, with_nsss: bool = 58..59;
        /// CRMS bit 0 (CRWMS): controller ready with media.
        crwms, with_crwms: bool = 59..60;
        /// CRMS bit 1 (CRIMS): controller ready independent of media.
        crims, with_crims: bool = 60..61;
    }
}

bit_fields! {
    /// VS, NVMe Base 2.0 section 3.1.3.2; also VER of Identify Controller.
    pub struct Version(u32) {
        /// TER: tertiary version.
        ter, with_ter: u8 = 0..8;
        /// MNR: minor version.
        mnr, with_mnr: u8 = 8..16;
        /// MJR: major version.
        mjr, with_mjr: u16 = 16..32;
    }
}

impl Version {
    /// NVMe 1.4.
    pub const V1_4: Self = Self::from_bits(0x0001_0400);
    /// NVMe 2.0.
    pub const V2_0: Self = Self::from_bits(0x0002_0000);
    /// NVMe 2.1.
    pub const V2_1: Self = Self::from_bits(0x0002_0100);
}

bit_fields! {
    /// CC, NVMe Base 2.0 section 3.1.3.5.
    pub struct ControllerConfiguration(u32) {
        /// EN: enable.
        en, with_en: bool = 0..1;
        /// CSS: I/O command set selected. 0: NVM, 6: all supported, 7: admin only.
        css, with_css: u8 = 4..7;
        /// MPS: memory page size, 2^(12 + MPS) bytes.
        mps, with_mps: u8 = 7..11;
        /// AMS: arbitration mechanism selected.
        ams, with_ams: u8 = 11..14;
        /// SHN: shutdown notification; see [`ShutdownNotification`].
        shn, with_shn: u8 = 14..16;
        /// IOSQES: size of I/O submission entries, power of two.
        iosqes, with_iosqes: u8 = 16..20;
        /// IOCQES: size of I/O completion entries, power of two.
        iocqes, with_iocqes: u8 = 20..24;
        /// CRIME: controller ready independent of media enable.
        crime, with_crime: bool = 24..25;
    }
}

wire_enum! {
    /// CC.SHN.
    pub enum ShutdownNotification: u8 {
        None = 0 => "No notification",
        Normal = 1 => "Normal shutdown notification",
        Abrupt = 2 => "Abrupt shutdown notification",
    }
}

bit_fields! {
    /// CSTS, NVMe Base 2.0 section 3.1.3.6.
    pub struct ControllerStatus(u32) {
        /// RDY: ready for commands; follows CC.EN.
        rdy, with_rdy: bool = 0..1;
        /// CFS: controller fatal status.
        cfs, with_cfs: bool = 1..2;
        /// SHST: shutdown status; see [`ShutdownStatus`].
        shst, with_shst: u8 = 2..4;
        /// NSSRO: NVM subsystem reset occurred.
        nssro, with_nssro: bool = 4..5;
        /// PP: processing paused.
        pp, with_pp: bool = 5..6;
        /// ST: shutdown type; 1 for an NVM subsystem shutdown.
        st, with_st: bool = 6..7;
    }
}

wire_enum! {
    /// CSTS.SHST.
    pub enum ShutdownStatus: u8 {
        Normal = 0 => "Normal operation",
        Occurring = 1 => "Shutdown processing occurring",
        Complete = 2 => "Shutdown processing complete",
    }
}

bit_fields! {
    /// CRTO, NVMe Base 2.0 section 3.1.3.21.
    pub struct ReadyTimeouts(u32) {
        /// CRWMT: ready with media, in 500 ms units.
        crwmt, with_crwmt: u16 = 0..16;
        /// CRIMT: ready independent of media, in 500 ms units.
        crimt, with_crimt: u16 = 16..32;
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn cap_golden() {
        let cap =
            Cap::default().with_mqes(127).with_cqr(true).with_to(30).with_css_nvm(true).with_css_iocss(true);
        assert_eq!(cap.bits(), 0x0000_0820_1e01_007f);
    }

    #[test]
    fn linux_enables_a_controller_with_this_value() {
        // CC as the Linux host writes it: 64-byte SQEs, 16-byte CQEs, 4 KiB pages, NVM Command Set.
        let cc = ControllerConfiguration::from_bits(0x0046_0001);
        assert!(cc.en());
        assert_eq!((cc.css(), cc.mps(), cc.iosqes(), cc.iocqes()), (0, 0, 6, 4));
        assert_eq!(ShutdownNotification::from_wire(cc.shn()), Some(ShutdownNotification::None));
        assert_eq!(cc.with_shn(1).bits(), 0x0046_4001);
    }

    #[test]
    fn csts_golden() {
        let csts = ControllerStatus::default().with_rdy(true).with_shst(ShutdownStatus::Complete.wire());
        assert_eq!(csts.bits(), 0x9);
        assert_eq!(ControllerStatus::from_bits(0x2), ControllerStatus::default().with_cfs(true));
    }

    #[test]
    fn versions_and_timeouts() {
        assert_eq!(Version::default().with_mjr(2).with_mnr(1), Version::V2_1);
        assert_eq!(Version::V1_4.mnr(), 4);
        assert_eq!(ReadyTimeouts::default().with_crwmt(30).with_crimt(1).bits(), 0x0001_001e);
        assert_eq!(NSSR_RESET.swap_bytes().to_le_bytes(), *b"NVMe");
    }

    #[test]
    fn only_cap_is_eight_bytes() {
        for &property in Property::ALL {
            assert_eq!(property.size_bytes() == 8, property == Property::Cap);
        }
        assert_eq!(Property::from_wire(0x04), None);
    }
}
