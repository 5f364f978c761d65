//! The device's currency: what an I/O takes of the device, in which weights and the governor's rate are told.
//!
//! A random 4 KiB read costs [`READ_4K`]. Writes cost that times the write factor, which the governor adapts: a drive
//! that absorbs writes in its cache makes them cheap for a while, one that collects garbage makes them dear.

use super::Kind;

/// The cost of a random read of 4 KiB.
pub const READ_4K: u32 = 1024;

const PAGE_SHIFT: u32 = 12;

/// What one kind of I/O costs: a fixed part, and a part per 4 KiB begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// However long it is.
    pub fixed: u32,
    /// For every 4 KiB begun.
    pub per_page: u32,
}

/// How much dearer a write is than a read of the same length, in sixteenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteFactor(u16);

impl WriteFactor {
    /// As dear as a read: the write cache takes it all.
    pub const LEAST: Self = Self(16);
    /// Ten times a read, which published fits of drives come near to.
    pub const WORST: Self = Self(160);
    /// Four times a read: where an unknown drive starts.
    pub const START: Self = Self(64);

    /// The nearest factor in range.
    #[must_use]
    pub fn from_sixteenths(sixteenths: u32) -> Self {
        let nearest = sixteenths.clamp(u32::from(Self::LEAST.0), u32::from(Self::WORST.0));
        Self(u16::try_from(nearest).expect("below 161"))
    }

    /// In sixteenths, 16 to 160.
    #[must_use]
    pub const fn sixteenths(self) -> u16 {
        self.0
    }
}

/// What each kind of I/O costs. Defaults:
///
/// | kind | fixed | per 4 KiB | 4 KiB | 128 KiB |
/// |---|---|---|---|---|
/// | Read | 512 | 512 | 1024 | 16896 |
/// | Write, times the write factor | 512 | 512 | 1024 | 16896 |
/// | WriteZeroes | 1024 | 16 | 1040 | 1536 |
/// | Deallocate | 1024 | 1 | 1025 | 1056 |
/// | Flush | 1024 | 0 | 1024 | |
///
/// 128 KiB at sixteen times 4 KiB is what drives do whose bandwidth is twice their 4 KiB rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostTable {
    rows: [Cost; Kind::ALL.len()],
}

impl CostTable {
    /// This table with another row.
    #[must_use]
    pub fn with(mut self, kind: Kind, cost: Cost) -> Self {
        self.rows[kind as usize] = cost;
        self
    }

    /// The cost of an I/O of `bytes`; at least 1.
    #[must_use]
    #[inline]
    pub fn cost(&self, kind: Kind, bytes: u64, factor: WriteFactor) -> u32 {
        let row = self.rows[kind as usize];
        let pages = bytes.saturating_add((1 << PAGE_SHIFT) - 1) >> PAGE_SHIFT;
        let cost = pages.saturating_mul(u64::from(row.per_page)).saturating_add(u64::from(row.fixed));
        let cost = match kind {
            Kind::Write => cost.saturating_mul(u64::from(factor.0)) >> 4,
            _ => cost,
        };
        // One I/O's cost stays far below what a virtual clock holds.
        u32::try_from(cost).unwrap_or(u32::MAX).clamp(1, 1 << 24)
    }
}

impl Default for CostTable {
    fn default() -> Self {
        let row = |fixed, per_page| Cost { fixed, per_page };
        Self { rows: [row(512, 512), row(512, 512), row(1024, 16), row(1024, 1), row(1024, 0)] }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_documented_table() {
        let table = CostTable::default();
        let of = |kind, bytes| table.cost(kind, bytes, WriteFactor::LEAST);
        assert_eq!(Kind::ALL.map(|kind| of(kind, 4096)), [1024, 1024, 1040, 1025, 1024]);
        assert_eq!([Kind::Read, Kind::WriteZeroes].map(|kind| of(kind, 131_072)), [16_896, 1536]);
        assert_eq!((of(Kind::Deallocate, 131_072), of(Kind::Read, 4097)), (1056, 1536));
        assert_eq!(of(Kind::Write, u64::MAX), 1 << 24);
    }

    #[test]
    fn the_factor_multiplies_writes_only() {
        let table = CostTable::default();
        assert_eq!(table.cost(Kind::Write, 4096, WriteFactor::WORST), 10_240);
        assert_eq!(table.cost(Kind::Read, 4096, WriteFactor::WORST), 1024);
        assert_eq!(
            [0, 15, 16, 160, 161].map(|x| WriteFactor::from_sixteenths(x).sixteenths()),
            [16, 16, 16, 160, 160]
        );
    }

    #[test]
    fn a_row_can_be_replaced() {
        let table = CostTable::default().with(Kind::Flush, Cost { fixed: 0, per_page: 0 });
        assert_eq!(table.cost(Kind::Flush, 0, WriteFactor::START), 1);
    }
}
