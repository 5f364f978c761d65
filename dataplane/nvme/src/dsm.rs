//! Dataset Management, NVM Command Set 1.0 section 3.2.3: hints and deallocation for up to 256 ranges.
//!
//! | dword | bits | field |
//! |---|---|---|
//! | CDW10 | 7:0 | NR, number of ranges, 0-based |
//! | CDW11 | 0, 1, 2 | IDR, IDW, AD |
//!
//! | bytes of a range | field |
//! |---|---|
//! | 3:0 | context attributes |
//! | 7:4 | length in logical blocks; 0 is a range without blocks |
//! | 15:8 | SLBA |

use crate::bits::bit_fields;
use crate::layout::wire_layout;
use crate::opcode::NvmOpcode;
use crate::sqe::Sqe;
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Most ranges of one command.
pub const DSM_RANGES_MAX: usize = 256;

/// Size of one range, in bytes.
pub const DSM_RANGE_BYTES: u32 = 16;

bit_fields! {
    /// CDW10.
    pub struct DsmCdw10(u32) {
        /// NR: number of ranges, 0-based.
        nr, with_nr: u8 = 0..8;
    }
}

bit_fields! {
    /// CDW11: what the host is about to do with the ranges.
    pub struct DsmAttributes(u32) {
        /// IDR: read them as one.
        idr, with_idr: bool = 0..1;
        /// IDW: write them as one.
        idw, with_idw: bool = 1..2;
        /// AD: deallocate them.
        ad, with_ad: bool = 2..3;
    }
}

/// The command, less its data pointer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatasetManagement {
    /// Number of ranges.
    pub cdw10: DsmCdw10,
    /// Attributes.
    pub attributes: DsmAttributes,
}

impl DatasetManagement {
    /// A deallocation of `ranges` ranges, 1 to 256.
    ///
    /// # Panics
    /// If `ranges` is out of range.
    #[must_use]
    pub fn deallocate(ranges: usize) -> Self {
        let nr = ranges.checked_sub(1).and_then(|nr| u8::try_from(nr).ok());
        Self {
            cdw10: DsmCdw10::default().with_nr(nr.expect("1 to 256 ranges")),
            attributes: DsmAttributes::default().with_ad(true),
        }
    }

    /// Reads the fields of a Dataset Management command.
    #[must_use]
    pub fn from_sqe(sqe: &Sqe) -> Self {
        Self {
            cdw10: DsmCdw10::from_bits(sqe.cdw10.get()),
            attributes: DsmAttributes::from_bits(sqe.cdw11.get()),
        }
    }

    /// Writes the fields into `sqe`, opcode included.
    pub fn write_to(&self, sqe: &mut Sqe) {
        sqe.opcode = NvmOpcode::DatasetManagement.wire();
        sqe.cdw10 = U32::new(self.cdw10.bits());
        sqe.cdw11 = U32::new(self.attributes.bits());
    }

    /// Number of ranges, 1 to 256.
    #[must_use]
    pub fn ranges(&self) -> usize {
        usize::from(self.cdw10.nr()) + 1
    }

    /// Bytes of data the command needs, 16 to 4096.
    #[must_use]
    pub fn data_bytes(&self) -> u32 {
        (u32::from(self.cdw10.nr()) + 1) * DSM_RANGE_BYTES
    }

    /// The ranges in `data`; `None` if fewer are there than the command names.
    #[must_use]
    pub fn ranges_in<'a>(&self, data: &'a [u8]) -> Option<&'a [DsmRange]> {
        <[DsmRange]>::ref_from_prefix_with_elems(data, self.ranges()).ok().map(|(ranges, _)| ranges)
    }
}

/// One range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DsmRange {
    /// CATTR: context attributes, hints that need not be read.
    pub attributes: U32,
    /// NLB: length in logical blocks, not 0-based.
    pub nlb: U32,
    /// SLBA: first logical block.
    pub slba: U64,
}

wire_layout!(DsmRange: 16 { attributes @ 0, nlb @ 4, slba @ 8 });

impl DsmRange {
    /// `nlb` blocks from `slba`, without hints.
    #[must_use]
    pub const fn new(slba: u64, nlb: u32) -> Self {
        Self { attributes: U32::ZERO, nlb: U32::new(nlb), slba: U64::new(slba) }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn command_golden() {
        let command = DatasetManagement::deallocate(3);
        let mut sqe = Sqe::default();
        command.write_to(&mut sqe);
        assert_eq!(sqe.as_bytes()[0], 9);
        assert_eq!(sqe.as_bytes()[40..48], [2, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(DatasetManagement::from_sqe(&sqe), command);
        assert_eq!((command.ranges(), command.data_bytes()), (3, 48));
    }

    #[test]
    fn range_golden() {
        let range = DsmRange::new(0x0102_0304_0506_0708, 0x0a0b);
        assert_eq!(range.as_bytes(), [0, 0, 0, 0, 0x0b, 0x0a, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
    }

    #[test]
    fn data_may_be_longer_but_not_shorter() {
        let data = [1; 64];
        let command = DatasetManagement::deallocate(2);
        assert_eq!(command.ranges_in(&data).map(<[_]>::len), Some(2));
        assert_eq!(command.ranges_in(&data[..32]).map(<[_]>::len), Some(2));
        assert_eq!(command.ranges_in(&data[..31]), None);
    }

    #[test]
    fn up_to_256_ranges() {
        assert_eq!(DatasetManagement::deallocate(256).data_bytes(), 4096);
        assert_eq!(DatasetManagement::from_sqe(&Sqe::default()).ranges(), 1);
    }
}
