//! Weighted choices: which operation, and which size.

use crate::rng::Rng;
use crate::units::{UnitError, parse_size};
use crate::workload::AccessOp;

/// Shares of the operations, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpMix {
    /// Reads among reads and writes, 0..=100.
    pub read_percent: u8,
    /// Deallocations among all accesses, 0..=100.
    pub trim_percent: u8,
    /// Write Zeroes among all accesses, 0..=100; with `trim_percent` at most 100.
    pub write_zeroes_percent: u8,
}

impl Default for OpMix {
    /// Reads only.
    fn default() -> Self {
        Self { read_percent: 100, trim_percent: 0, write_zeroes_percent: 0 }
    }
}

impl OpMix {
    /// Whether the shares are possible.
    #[must_use]
    pub fn is_valid(self) -> bool {
        let cleared = u16::from(self.trim_percent) + u16::from(self.write_zeroes_percent);
        self.read_percent <= 100 && cleared <= 100
    }

    /// Whether any access may change data.
    #[must_use]
    pub fn modifies(self) -> bool {
        self.read_percent < 100 || self.trim_percent > 0 || self.write_zeroes_percent > 0
    }

    /// Draws an operation. A mix of one operation costs no random number.
    pub fn draw(self, rng: &mut Rng) -> AccessOp {
        let cleared = u64::from(self.trim_percent) + u64::from(self.write_zeroes_percent);
        if cleared > 0 {
            let dice = rng.below(100);
            if dice < u64::from(self.trim_percent) {
                return AccessOp::Deallocate;
            }
            if dice < cleared {
                return AccessOp::WriteZeroes;
            }
        }
        match self.read_percent {
            100 => AccessOp::Read,
            0 => AccessOp::Write,
            share if rng.below(100) < u64::from(share) => AccessOp::Read,
            _ => AccessOp::Write,
        }
    }
}

/// Sizes of accesses with their weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeMix {
    /// (bytes, weight), both above 0; at least one.
    entries: Vec<(u32, u32)>,
}

/// A mix of sizes that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeMixError {
    /// A size could not be read.
    #[error(transparent)]
    Size(#[from] UnitError),
    /// A weight could not be read.
    #[error(
        "'{0}' is not a weight: write sizes as SIZE or SIZE:WEIGHT,SIZE:WEIGHT, weights from 1 to 1000000"
    )]
    Weight(String),
    /// A size of zero or above 16 MiB.
    #[error("block size {0} is out of range: use 512 bytes to 16 MiB")]
    Range(u64),
}

impl Default for SizeMix {
    /// 4 KiB.
    fn default() -> Self {
        Self { entries: vec![(4096, 1)] }
    }
}

impl SizeMix {
    /// One size, in bytes.
    ///
    /// # Errors
    /// [`SizeMixError::Range`].
    pub fn single(bytes: u64) -> Result<Self, SizeMixError> {
        Ok(Self { entries: vec![(Self::checked(bytes)?, 1)] })
    }

    /// Reads `4k` or `4k:70,64k:30`.
    ///
    /// # Errors
    /// Each variant of [`SizeMixError`].
    pub fn parse(text: &str) -> Result<Self, SizeMixError> {
        let entries = text.split(',').map(Self::parse_entry).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { entries })
    }

    fn parse_entry(text: &str) -> Result<(u32, u32), SizeMixError> {
        let (size, weight) = text.split_once(':').unwrap_or((text, "1"));
        let weight = weight.trim().parse().ok().filter(|w| (1..=1_000_000).contains(w));
        let weight = weight.ok_or_else(|| SizeMixError::Weight(text.to_owned()))?;
        Ok((Self::checked(parse_size(size)?)?, weight))
    }

    fn checked(bytes: u64) -> Result<u32, SizeMixError> {
        let narrow = u32::try_from(bytes).ok().filter(|b| (512..=16 << 20).contains(b));
        narrow.ok_or(SizeMixError::Range(bytes))
    }

    /// (bytes, weight) of every entry.
    #[must_use]
    pub fn entries(&self) -> &[(u32, u32)] {
        &self.entries
    }

    /// The largest size in bytes.
    #[must_use]
    pub fn largest(&self) -> u32 {
        self.entries.iter().map(|e| e.0).max().unwrap_or(0)
    }
}

impl std::fmt::Display for SizeMix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let weighted = self.entries.len() > 1;
        for (i, &(bytes, weight)) in self.entries.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let size = crate::units::show_size(u64::from(bytes));
            write!(f, "{comma}{}", size.replace(' ', ""))?;
            if weighted {
                write!(f, ":{weight}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn reads_mixes() {
        assert_eq!(SizeMix::parse("4k").unwrap().entries(), [(4096, 1)]);
        let mix = SizeMix::parse("4k:70,64k:30").unwrap();
        assert_eq!(mix.entries(), [(4096, 70), (65536, 30)]);
        assert_eq!(mix.to_string(), "4KiB:70,64KiB:30");
        assert_eq!(mix.largest(), 65536);
        for bad in ["", "4k:0", "4k:x", "0", "32M", "4k,,8k"] {
            assert!(SizeMix::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn operations_follow_their_shares() {
        let mix = OpMix { read_percent: 70, trim_percent: 10, write_zeroes_percent: 5 };
        let mut rng = Rng::new(2);
        let mut seen = [0u32; 4];
        for _ in 0..100_000 {
            let slot = match mix.draw(&mut rng) {
                AccessOp::Read => 0,
                AccessOp::Write => 1,
                AccessOp::Deallocate => 2,
                AccessOp::WriteZeroes => 3,
            };
            seen[slot] += 1;
        }
        for (count, share) in seen.iter().zip([59_500, 25_500, 10_000, 5_000]) {
            assert!(count.abs_diff(share) < 1_000, "{seen:?}");
        }
    }
}
