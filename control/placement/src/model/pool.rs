//! Pools: what a device holds and guarantees, and how far it may be filled.

use std::collections::{BTreeMap, BTreeSet};

use super::{Name, PoolName};

/// No device is larger. Keeps every sum of this crate within 64 bits.
pub const MAX_CAPACITY_BYTES: u64 = 1 << 56;
/// No pool holds more volumes.
pub const MAX_VOLUMES: u32 = 1 << 14;
const MAX_OVERCOMMIT_PERCENT: u32 = 1000;

/// Whether a pool takes volumes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PoolState {
    /// It does.
    #[default]
    Online,
    /// It keeps what it has and takes no more.
    Cordoned,
    /// What it has is to go elsewhere.
    Draining,
    /// Its drive warns: spare blocks, temperature, read-only media.
    Unhealthy {
        /// The warning.
        reason: Name,
    },
    /// Its drive is gone.
    Lost,
}

/// How far a pool may be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Kept free for metadata, copy on write and deletions, in thousandths of the capacity: up to 999.
    pub reserve_permille: u32,
    /// Sizes of all volumes together, in percent of what is usable: 100 to 1000. 100 promises no byte twice.
    pub overcommit_percent: u32,
    /// A thin volume goes to no pool that is taken up to here, in thousandths of what is usable: 1 to 1000.
    pub thin_fill_permille: u32,
    /// Volumes at most: 1 to [`MAX_VOLUMES`].
    pub max_volumes: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { reserve_permille: 50, overcommit_percent: 200, thin_fill_permille: 850, max_volumes: 1024 }
    }
}

/// A pool as observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSpec {
    /// Its node and its device.
    pub name: PoolName,
    /// Room for volumes and their snapshots.
    pub capacity_bytes: u64,
    /// What thin volumes and snapshots have taken so far.
    pub thin_used_bytes: u64,
    /// The Min IOPS that its device guarantees in all; `None`: it was not calibrated.
    pub guaranteed_iops: Option<u64>,
    /// Room that volumes have which nobody recorded: they are reported and left alone, and count.
    pub unrecorded_bytes: u64,
    /// Min IOPS that are promised there to nobody who is recorded.
    pub unrecorded_iops: u64,
    /// What the device is: `nvme`, `tlc`, `optane`.
    pub media: BTreeSet<Name>,
    /// Labels of its own; they go before its node's.
    pub labels: BTreeMap<Name, Name>,
    /// Whether it takes volumes.
    pub state: PoolState,
    /// How far it may be filled.
    pub bounds: Bounds,
}

/// Figures of a pool that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Larger than any device, or so are the parts of it.
    #[error("pool {pool}: {what} of {bytes} bytes, and no pool has more than {MAX_CAPACITY_BYTES}")]
    TooLarge {
        /// The pool.
        pool: PoolName,
        /// Which figure.
        what: &'static str,
        /// As given.
        bytes: u64,
    },
    /// More IOPS than any device has.
    #[error("pool {pool}: {iops} IOPS are more than any device has")]
    TooFast {
        /// The pool.
        pool: PoolName,
        /// As given.
        iops: u64,
    },
    /// A bound outside its range.
    #[error("pool {pool}: {what} {value} is out of range, give {least} to {most}")]
    Bound {
        /// The pool.
        pool: PoolName,
        /// Which bound.
        what: &'static str,
        /// As given.
        value: u32,
        /// The least it may be.
        least: u32,
        /// The most it may be.
        most: u32,
    },
}

impl PoolSpec {
    /// A pool that is online and empty, not calibrated, with the default bounds.
    #[must_use]
    pub fn new(node: &str, pool: &str, capacity_bytes: u64) -> Self {
        Self {
            name: PoolName::new(node, pool),
            capacity_bytes,
            thin_used_bytes: 0,
            guaranteed_iops: None,
            unrecorded_bytes: 0,
            unrecorded_iops: 0,
            media: BTreeSet::new(),
            labels: BTreeMap::new(),
            state: PoolState::default(),
            bounds: Bounds::default(),
        }
    }

    /// What volumes may take: the capacity less the reserve, which is rounded up.
    #[must_use]
    pub fn usable_bytes(&self) -> u64 {
        self.capacity_bytes - part(self.capacity_bytes, self.bounds.reserve_permille, 1000, Round::Up)
    }

    /// What volumes' sizes may add up to.
    #[must_use]
    pub fn limit_bytes(&self) -> u64 {
        part(self.usable_bytes(), self.bounds.overcommit_percent, 100, Round::Down)
    }

    /// Where thin volumes are no longer taken.
    pub(crate) fn thin_fill_bytes(&self) -> u64 {
        part(self.usable_bytes(), self.bounds.thin_fill_permille, 1000, Round::Down)
    }

    pub(crate) fn check(&self) -> Result<(), SpecError> {
        let pool = || self.name.clone();
        let sizes = [
            ("capacity", self.capacity_bytes),
            ("thin use", self.thin_used_bytes),
            ("unrecorded room", self.unrecorded_bytes),
        ];
        if let Some((what, bytes)) = sizes.into_iter().find(|(_, bytes)| *bytes > MAX_CAPACITY_BYTES) {
            return Err(SpecError::TooLarge { pool: pool(), what, bytes });
        }
        let iops = self.guaranteed_iops.unwrap_or(0).max(self.unrecorded_iops);
        if iops > 1 << 40 {
            return Err(SpecError::TooFast { pool: pool(), iops });
        }
        let Bounds { reserve_permille, overcommit_percent, thin_fill_permille, max_volumes } = self.bounds;
        let bounds = [
            ("reserve_permille", reserve_permille, 0, 999),
            ("overcommit_percent", overcommit_percent, 100, MAX_OVERCOMMIT_PERCENT),
            ("thin_fill_permille", thin_fill_permille, 1, 1000),
            ("max_volumes", max_volumes, 1, MAX_VOLUMES),
        ];
        let outside = bounds.into_iter().find(|(_, value, least, most)| value < least || value > most);
        outside.map_or(Ok(()), |(what, value, least, most)| {
            Err(SpecError::Bound { pool: pool(), what, value, least, most })
        })
    }
}

#[derive(Clone, Copy)]
enum Round {
    Down,
    Up,
}

/// `bytes * numerator / denominator`, without losing the product's high bits.
fn part(bytes: u64, numerator: u32, denominator: u32, round: Round) -> u64 {
    let product = u128::from(bytes) * u128::from(numerator);
    let part = match round {
        Round::Down => product / u128::from(denominator),
        Round::Up => product.div_ceil(u128::from(denominator)),
    };
    u64::try_from(part).expect("capacity is at most 2^56 bytes and the overcommit tenfold")
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn bounds_are_checked_one_step_either_side() {
        let with = |bounds| PoolSpec { bounds, ..PoolSpec::new("n", "d", 1 << 40) }.check().is_ok();
        let good = Bounds::default();
        assert!(
            with(Bounds { reserve_permille: 999, ..good })
                && !with(Bounds { reserve_permille: 1000, ..good })
        );
        assert!(
            with(Bounds { overcommit_percent: 100, ..good })
                && !with(Bounds { overcommit_percent: 99, ..good })
        );
        assert!(with(Bounds { overcommit_percent: 1000, ..good }));
        assert!(!with(Bounds { overcommit_percent: 1001, ..good }));
        assert!(with(Bounds { thin_fill_permille: 1000, ..good }));
        assert!(!with(Bounds { thin_fill_permille: 1001, ..good }));
        assert!(!with(Bounds { thin_fill_permille: 0, ..good }) && !with(Bounds { max_volumes: 0, ..good }));
        assert!(with(Bounds { max_volumes: MAX_VOLUMES, ..good }));
        assert!(!with(Bounds { max_volumes: MAX_VOLUMES + 1, ..good }));
        let largest = PoolSpec::new("n", "d", MAX_CAPACITY_BYTES);
        assert_eq!((largest.check(), largest.limit_bytes() > largest.usable_bytes()), (Ok(()), true));
        assert!(PoolSpec::new("n", "d", MAX_CAPACITY_BYTES + 1).check().is_err());
    }

    #[test]
    fn the_reserve_is_rounded_in_favour_of_the_pool() {
        let bounds = Bounds { reserve_permille: 1, overcommit_percent: 150, ..Bounds::default() };
        let pool = PoolSpec { bounds, ..PoolSpec::new("n", "d", 1001) };
        assert_eq!((pool.usable_bytes(), pool.limit_bytes()), (999, 1498));
    }
}
