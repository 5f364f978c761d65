//! Identify Namespace (CNS 00h) of the NVM Command Set, NVM Command Set 1.0 section 4.1.5.1.
//!
//! | bytes | fields |
//! |---|---|
//! | 0..24 | NSZE, NCAP, NUSE: size, capacity, use in blocks |
//! | 24..34 | NSFEAT, NLBAF, FLBAS, MC, DPC, DPS, NMIC, RESCAP, FPI, DLFEAT |
//! | 34..48 | atomicity, boundaries, NOIOB |
//! | 48..64 | NVMCAP in bytes |
//! | 64..81 | preferred granularities, copy limits |
//! | 92..104 | ANAGRPID, NSATTR, NVMSETID, ENDGID |
//! | 104..128 | NGUID, EUI64 |
//! | 128..384 | 64 LBA formats |
//! | 384..4096 | vendor specific |
//!
//! All zero is the answer for a valid NSID that is not active.

use super::lba_format::LbaFormat;
use crate::bits::bit_fields;
use crate::layout::wire_layout;
use zerocopy::little_endian::{U16, U32, U64, U128};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

bit_fields! {
    /// NSFEAT: Namespace Features.
    pub struct Nsfeat(u8) {
        /// THINP: thin provisioning; NCAP may be less than NSZE, NUSE is tracked.
        thinp, with_thinp: bool = 0..1;
        /// NSABP: NAWUN, NAWUPF and NACWU are valid.
        nsabp, with_nsabp: bool = 1..2;
        /// DAE: Deallocated or Unwritten Logical Block error is supported.
        dae, with_dae: bool = 2..3;
        /// UIDREUSE: NGUID and EUI64 are never reused.
        uidreuse, with_uidreuse: bool = 3..4;
        /// OPTPERF: NPWG, NPWA, NPDG, NPDA and NOWS are valid.
        optperf, with_optperf: bool = 4..5;
    }
}

bit_fields! {
    /// FLBAS: Formatted LBA Size.
    pub struct Flbas(u8) {
        /// Index of the format in use, bits 3:0.
        index_low, with_index_low: u8 = 0..4;
        /// Metadata at the end of the data instead of a separate buffer.
        metadata_extended, with_metadata_extended: bool = 4..5;
        /// Index of the format in use, bits 5:4.
        index_high, with_index_high: u8 = 5..7;
    }
}

bit_fields! {
    /// NMIC: Namespace Multi-path I/O and Namespace Sharing Capabilities.
    pub struct Nmic(u8) {
        /// Several controllers may attach the namespace at once.
        shared, with_shared: bool = 0..1;
    }
}

bit_fields! {
    /// DLFEAT: Deallocate Logical Block Features.
    pub struct Dlfeat(u8) {
        /// What deallocated blocks read as: 0 not reported, 1 zeroes, 2 ones.
        read, with_read: u8 = 0..3;
        /// Write Zeroes honours DEAC.
        write_zeroes_deallocates, with_write_zeroes_deallocates: bool = 3..4;
        /// Guard of deallocated blocks is the CRC of what they read as.
        guard_crc, with_guard_crc: bool = 4..5;
    }
}

/// Identify Namespace data structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct IdentifyNamespace {
    /// NSZE: size in logical blocks.
    pub nsze: U64,
    /// NCAP: capacity in logical blocks.
    pub ncap: U64,
    /// NUSE: allocated logical blocks.
    pub nuse: U64,
    /// NSFEAT.
    pub nsfeat: Nsfeat,
    /// NLBAF: LBA formats, 0-based.
    pub nlbaf: u8,
    /// FLBAS.
    pub flbas: Flbas,
    /// MC: metadata capabilities.
    pub mc: u8,
    /// DPC: data protection capabilities.
    pub dpc: u8,
    /// DPS: data protection settings.
    pub dps: u8,
    /// NMIC.
    pub nmic: Nmic,
    /// RESCAP: reservation capabilities.
    pub rescap: u8,
    /// FPI: format progress.
    pub fpi: u8,
    /// DLFEAT.
    pub dlfeat: Dlfeat,
    /// NAWUN: blocks written atomically in normal operation, 0-based.
    pub nawun: U16,
    /// NAWUPF: blocks written atomically over a power failure, 0-based.
    pub nawupf: U16,
    /// NACWU: blocks of an atomic Compare and Write, 0-based.
    pub nacwu: U16,
    /// NABSN: atomic boundary in normal operation, blocks, 0-based.
    pub nabsn: U16,
    /// NABO: offset of the first boundary, blocks.
    pub nabo: U16,
    /// NABSPF: atomic boundary over a power failure, blocks, 0-based.
    pub nabspf: U16,
    /// NOIOB: optimal I/O boundary in blocks; 0 none.
    pub noiob: U16,
    /// NVMCAP: capacity in bytes.
    pub nvmcap: U128,
    /// NPWG: preferred write granularity, blocks, 0-based.
    pub npwg: U16,
    /// NPWA: preferred write alignment, blocks, 0-based.
    pub npwa: U16,
    /// NPDG: preferred deallocate granularity, blocks, 0-based.
    pub npdg: U16,
    /// NPDA: preferred deallocate alignment, blocks, 0-based.
    pub npda: U16,
    /// NOWS: optimal write size, blocks, 0-based.
    pub nows: U16,
    /// MSSRL: blocks of one source range of Copy.
    pub mssrl: U16,
    /// MCL: blocks of one Copy.
    pub mcl: U32,
    /// MSRC: source ranges of one Copy, 0-based.
    pub msrc: u8,
    /// Reserved.
    pub reserved81: [u8; 11],
    /// ANAGRPID: ANA group.
    pub anagrpid: U32,
    /// Reserved.
    pub reserved96: [u8; 3],
    /// NSATTR: bit 0: currently write protected.
    pub nsattr: u8,
    /// NVMSETID: NVM Set.
    pub nvmsetid: U16,
    /// ENDGID: Endurance Group.
    pub endgid: U16,
    /// NGUID, big-endian as its registry demands; zero: none.
    pub nguid: [u8; 16],
    /// EUI64, big-endian; zero: none.
    pub eui64: [u8; 8],
    /// LBAF: formats, `nlbaf + 1` of them valid.
    pub lbaf: [LbaFormat; 64],
    /// Vendor specific.
    pub vendor: [u8; 3712],
}

wire_layout!(IdentifyNamespace: 4096 {
    nsze @ 0, ncap @ 8, nuse @ 16, nsfeat @ 24, nlbaf @ 25, flbas @ 26, mc @ 27, dpc @ 28, dps @ 29, nmic @ 30,
    rescap @ 31, fpi @ 32, dlfeat @ 33, nawun @ 34, nawupf @ 36, nacwu @ 38, nabsn @ 40, nabo @ 42, nabspf @ 44,
    noiob @ 46, nvmcap @ 48, npwg @ 64, npwa @ 66, npdg @ 68, npda @ 70, nows @ 72, mssrl @ 74, mcl @ 76, msrc @ 80,
    anagrpid @ 92, nsattr @ 99, nvmsetid @ 100, endgid @ 102, nguid @ 104, eui64 @ 120, lbaf @ 128, vendor @ 384,
});

impl IdentifyNamespace {
    /// The format in use; `None` if FLBAS points past the formats that are valid.
    #[must_use]
    pub fn format(&self) -> Option<LbaFormat> {
        let index = self.flbas.index_high() << 4 | self.flbas.index_low();
        (index <= self.nlbaf).then(|| self.lbaf[usize::from(index)])
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn sample() -> IdentifyNamespace {
        let mut data = IdentifyNamespace {
            nsze: U64::new(0x0102_0304),
            ncap: U64::new(0x0102_0304),
            nuse: U64::new(0x0102_0304),
            nsfeat: Nsfeat::default().with_uidreuse(true).with_optperf(true),
            nmic: Nmic::default().with_shared(true),
            dlfeat: Dlfeat::default().with_read(1).with_write_zeroes_deallocates(true),
            npwg: U16::new(7),
            nguid: *b"0123456789abcdef",
            ..IdentifyNamespace::default()
        };
        data.lbaf[0] = LbaFormat::of_block_bytes(4096);
        data
    }

    #[test]
    fn golden_bytes() {
        let data = sample();
        let bytes = data.as_bytes();
        assert_eq!(bytes[..8], [4, 3, 2, 1, 0, 0, 0, 0]);
        assert_eq!(bytes[24..34], [0x18, 0, 0, 0, 0, 0, 1, 0, 0, 9]);
        assert_eq!(bytes[64..66], [7, 0]);
        assert_eq!(&bytes[104..120], b"0123456789abcdef");
        assert_eq!(bytes[128..136], [0, 0, 12, 0, 0, 0, 0, 0]);
        assert!(IdentifyNamespace::read_from_bytes(bytes).is_ok_and(|read| read == data));
    }

    #[test]
    fn format_in_use() {
        let mut data = sample();
        assert_eq!(data.format().and_then(LbaFormat::block_bytes), Some(4096));
        data.flbas = Flbas::default().with_index_low(1);
        assert_eq!(data.format(), None);
        data.nlbaf = 63;
        data.lbaf[0x21] = LbaFormat::of_block_bytes(512);
        data.flbas = Flbas::default().with_index_low(1).with_index_high(2);
        assert_eq!(data.format().and_then(LbaFormat::block_bytes), Some(512));
    }
}
