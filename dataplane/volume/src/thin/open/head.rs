//! The first MiB: which pool is on the device, if any, and how certain its journal is.

use uuid::Uuid;

use super::super::format::mark::Mark;
use super::super::format::superblock::Superblock;
use super::super::format::{Damage, MARKS, SUPERBLOCKS};
use super::reader::Reader;
use crate::VolumeError;
use crate::thin::FormatOptions;
use crate::thin::format::{FORMAT_VERSION, JOURNAL_BLOCK};

/// What both places of the superblock hold.
#[derive(Debug)]
pub(crate) struct Head {
    copies: [Result<Superblock, Damage>; 2],
    /// Neither copy nor anything else in the first MiB.
    blank: bool,
}

impl Head {
    pub(crate) fn read(reader: &Reader) -> Self {
        let copies = SUPERBLOCKS
            .map(|address| reader.block(address).and_then(|block| Superblock::decode(address, block)));
        let is_blank = |address| reader.block(address).is_ok_and(|block| block.iter().all(|byte| *byte == 0));
        Self { copies, blank: (0..JOURNAL_BLOCK).all(is_blank) }
    }

    fn valid(&self) -> impl Iterator<Item = &Superblock> {
        self.copies.iter().flatten()
    }

    /// A version that this release does not know.
    fn newer(&self) -> Option<u32> {
        self.copies.iter().find_map(|copy| match copy {
            Err(Damage::Version(version)) if *version > FORMAT_VERSION => Some(*version),
            _ => None,
        })
    }

    /// The superblock to open with.
    pub(crate) fn newest(&self, expected: Option<Uuid>) -> Result<&Superblock, VolumeError> {
        if let Some(version) = self.newer() {
            return Err(VolumeError::NewerFormat { version });
        }
        let newest = self.valid().max_by_key(|copy| copy.generation).ok_or_else(|| self.unusable())?;
        if self.valid().any(|copy| copy.generation == newest.generation && copy != newest) {
            return Err(VolumeError::Corrupt { detail: "they contradict each other" });
        }
        match expected {
            Some(expected) if expected != newest.pool => {
                Err(VolumeError::OtherPool { expected, found: newest.pool })
            }
            _ => Ok(newest),
        }
    }

    /// The generation that a new pool has to outbid, if it may be put here.
    pub(crate) fn format_over(&self, options: FormatOptions) -> Result<u64, VolumeError> {
        if !options.force {
            if let Some(version) = self.newer() {
                return Err(VolumeError::NewerFormat { version });
            }
            if let Some(pool) = self.valid().next() {
                return Err(VolumeError::AlreadyFormatted { uuid: pool.pool });
            }
            match self.unusable() {
                VolumeError::NotFormatted => {}
                refusal => return Err(refusal),
            }
        }
        Ok(self.valid().map(|copy| copy.generation).max().unwrap_or(0))
    }

    /// Why no copy is valid.
    fn unusable(&self) -> VolumeError {
        let damages = || self.copies.iter().filter_map(|copy| copy.as_ref().err());
        if self.blank {
            return VolumeError::NotFormatted;
        }
        if damages().any(|damage| matches!(damage, Damage::Version(1))) {
            return VolumeError::OlderFormat { version: 1 };
        }
        match damages().find(|damage| !matches!(damage, Damage::Magic | Damage::Blank)) {
            Some(damage) => VolumeError::Corrupt { detail: damage.text() },
            None => VolumeError::Foreign,
        }
    }
}

/// Up to which block the journal of `era` is beyond doubt.
pub(crate) fn closed(reader: &Reader, pool: Uuid, era: u64) -> u64 {
    let marks = MARKS.into_iter().flatten().filter_map(|address| {
        let mark = Mark::decode(pool, address, reader.block(address).ok()?).ok()?;
        (mark.era == era).then_some(mark.closed)
    });
    marks.max().unwrap_or(0)
}
