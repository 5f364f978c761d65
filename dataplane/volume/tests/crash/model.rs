//! What a pool must hold, as plainly as possible.

use std::collections::BTreeMap;

use sluice_volume::{HostAccess, VolumeRecord};
use uuid::Uuid;

/// Sectors of a volume's block: each may survive a crash on its own.
pub(crate) const SECTORS: usize = 8;

/// A block's contents: every byte of a sector is the same.
pub(crate) type Stamps = [u8; SECTORS];

/// A block as it was written.
#[derive(Debug, Clone, Copy)]
struct Version {
    number: u64,
    stamps: Stamps,
    completed: bool,
}

/// The versions that may have survived, oldest first.
#[derive(Debug, Clone)]
struct Block {
    versions: Vec<Version>,
}

impl Default for Block {
    /// Zeroes, durable.
    fn default() -> Self {
        Self::of([0; SECTORS])
    }
}

impl Block {
    fn of(stamps: Stamps) -> Self {
        Self { versions: vec![Version { number: 0, stamps, completed: true }] }
    }

    fn last_completed(&self) -> Version {
        *self.versions.iter().rev().find(|version| version.completed).expect("the oldest is")
    }

    fn may_hold(&self, found: Stamps) -> bool {
        (0..SECTORS).all(|sector| self.versions.iter().any(|version| version.stamps[sector] == found[sector]))
    }
}

/// One volume.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    pub(crate) uuid: Uuid,
    pub(crate) blocks: u64,
    pub(crate) published: bool,
    pub(crate) access: HostAccess,
    written: BTreeMap<u64, Block>,
}

impl Volume {
    pub(crate) fn new(uuid: Uuid, blocks: u64) -> Self {
        Self { uuid, blocks, published: false, access: HostAccess::Any, written: BTreeMap::new() }
    }

    /// A write was submitted as number `number` of all.
    pub(crate) fn writing(&mut self, lba: u64, number: u64, stamps: Stamps) {
        let version = Version { number, stamps, completed: false };
        self.written.entry(lba).or_default().versions.push(version);
    }

    /// The write in flight to `lba` completed.
    pub(crate) fn wrote(&mut self, lba: u64, fua: bool) {
        let versions = &mut self.written.get_mut(&lba).expect("a block in flight").versions;
        let newest = versions.last_mut().expect("a version in flight");
        newest.completed = true;
        if fua {
            versions.drain(..versions.len() - 1);
        }
    }

    /// What a flush submitted now will cover: the newest completed version of each block.
    pub(crate) fn covered(&self) -> BTreeMap<u64, u64> {
        self.written.iter().map(|(lba, block)| (*lba, block.last_completed().number)).collect()
    }

    /// A flush that covered these has completed.
    pub(crate) fn flushed(&mut self, covered: &BTreeMap<u64, u64>) {
        for (lba, number) in covered {
            let versions = &mut self.written.get_mut(lba).expect("it was written").versions;
            versions.retain(|version| version.number >= *number);
        }
    }

    /// What a read must give while nothing else is in flight on the block.
    pub(crate) fn current(&self, lba: u64) -> Stamps {
        self.written.get(&lba).map_or([0; SECTORS], |block| block.last_completed().stamps)
    }

    /// After a crash: checks what was found, which from now on is what the block holds.
    pub(crate) fn survived(&mut self, lba: u64, found: Stamps) {
        let block = self.written.remove(&lba).unwrap_or_default();
        assert!(block.may_hold(found), "block {lba} holds {found:?}, which {block:?} does not explain");
        if found != [0; SECTORS] {
            self.written.insert(lba, Block::of(found));
        }
    }
}

/// The volumes of a pool, by name.
pub(crate) type Volumes = BTreeMap<String, Volume>;

/// Whether the pool lists exactly these volumes.
pub(crate) fn agrees<'r>(volumes: &Volumes, records: impl Iterator<Item = &'r VolumeRecord>) -> bool {
    let records: BTreeMap<&str, &VolumeRecord> =
        records.map(|record| (record.name.as_str(), record)).collect();
    let same = |(name, volume): (&String, &Volume)| {
        records.get(name.as_str()).is_some_and(|record| {
            let (identity, size) = (record.uuid == volume.uuid, record.blocks == volume.blocks);
            identity && size && record.published == volume.published && record.access == volume.access
        })
    };
    volumes.len() == records.len() && volumes.iter().all(same)
}
