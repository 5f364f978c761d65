//! The contract's currency: I/O units, in which Min, Max and bursts are told.
//!
//! One unit is an I/O of up to 16 KiB; a larger one counts a unit for every 16 KiB begun. 16 KiB because it is what
//! most flash reads and programs at once: below it an I/O costs a device about the same, above it in proportion.

use super::SpecError;

/// What an I/O does, as far as its price is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Data to the host.
    #[default]
    Read,
    /// Data from the host.
    Write,
    /// Zeroes without data.
    WriteZeroes,
    /// Space given back.
    Deallocate,
    /// The device's cache made durable.
    Flush,
}

impl Kind {
    /// Every kind, in the order of their tables' rows.
    pub const ALL: [Self; 5] = [Self::Read, Self::Write, Self::WriteZeroes, Self::Deallocate, Self::Flush];

    /// Whether it carries data, and so counts against a bandwidth limit.
    #[must_use]
    pub const fn carries_data(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

/// How many units an I/O counts: one for every so many bytes begun, by kind. Defaults:
///
/// | kind | bytes per unit | why |
/// |---|---|---|
/// | Read, Write | 16 KiB | see the module |
/// | WriteZeroes | 1 MiB | moves no data; a device marks it in its map |
/// | Deallocate | 64 MiB | the same, in larger pieces |
/// | Flush | always one unit | has no length |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitTable {
    /// Base-2 logarithm of the bytes per unit.
    shifts: [u8; Kind::ALL.len()],
}

impl UnitTable {
    /// Most units that one I/O counts.
    pub const MOST: u16 = u16::MAX;

    /// A table with its own bytes per unit for reads and writes.
    ///
    /// # Errors
    /// [`SpecError::UnitBytes`] unless both are powers of two, 4 KiB to 2 GiB.
    pub fn new(read_bytes: u32, write_bytes: u32) -> Result<Self, SpecError> {
        let mut table = Self::default();
        table.shifts[Kind::Read as usize] = shift(read_bytes)?;
        table.shifts[Kind::Write as usize] = shift(write_bytes)?;
        Ok(table)
    }

    /// The units of an I/O of `bytes`; at least 1.
    #[must_use]
    #[inline]
    pub fn units(&self, kind: Kind, bytes: u64) -> u16 {
        let shift = self.shifts[kind as usize];
        let begun = bytes.saturating_add((1 << shift) - 1) >> shift;
        u16::try_from(begun).unwrap_or(Self::MOST).max(1)
    }
}

impl Default for UnitTable {
    fn default() -> Self {
        Self { shifts: [14, 14, 20, 26, 63] }
    }
}

fn shift(bytes: u32) -> Result<u8, SpecError> {
    if bytes.is_power_of_two() && bytes >= 4096 {
        Ok(u8::try_from(bytes.trailing_zeros()).expect("below 32"))
    } else {
        Err(SpecError::UnitBytes { bytes })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_documented_table() {
        let table = UnitTable::default();
        let of = |kind, bytes| table.units(kind, bytes);
        for kind in [Kind::Read, Kind::Write] {
            assert_eq!([512, 4096, 16_384, 16_385, 131_072].map(|bytes| of(kind, bytes)), [1, 1, 1, 2, 8]);
        }
        assert_eq!([1, 1 << 20, (1 << 20) + 1].map(|bytes| of(Kind::WriteZeroes, bytes)), [1, 1, 2]);
        assert_eq!([1, 1 << 26, 1 << 27].map(|bytes| of(Kind::Deallocate, bytes)), [1, 1, 2]);
        assert_eq!([0, u64::MAX].map(|bytes| of(Kind::Flush, bytes)), [1, 1]);
        assert_eq!((of(Kind::Read, 0), of(Kind::Read, u64::MAX)), (1, UnitTable::MOST));
    }

    #[test]
    fn own_sizes_are_powers_of_two() {
        let table = UnitTable::new(4096, 32_768).unwrap();
        assert_eq!((table.units(Kind::Read, 8192), table.units(Kind::Write, 32_769)), (2, 2));
        for bytes in [0, 2048, 4097, 12_288] {
            assert_eq!(UnitTable::new(bytes, 4096), Err(SpecError::UnitBytes { bytes }));
            assert_eq!(UnitTable::new(4096, bytes), Err(SpecError::UnitBytes { bytes }));
        }
    }
}
