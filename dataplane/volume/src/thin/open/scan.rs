//! The journal as it is on the device: which blocks count, and which of their records have to be proved.

use std::collections::{BTreeMap, VecDeque};

use super::super::format::Damage;
use super::super::format::journal::JournalHead;
use super::super::format::record::{Record, Void, Write};
use super::super::format::superblock::Superblock;
use super::super::geometry::Geometry;
use super::reader::Reader;
use crate::VolumeError;

/// What is to be replayed.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The sequence of the first block that is not there.
    pub(crate) end: u64,
    /// In order; writes that were made void are left out.
    pub(crate) records: Vec<Record>,
    /// Records, by position, whose data must be looked at.
    pub(crate) doubtful: VecDeque<usize>,
}

impl Scan {
    /// Asks for the ring.
    pub(crate) fn want(geometry: &Geometry, reader: &mut Reader) {
        (0..geometry.journal_blocks).for_each(|block| reader.want(geometry.journal_address(block)));
    }

    /// Reads the journal that follows `superblock`, of which the blocks up to `closed` are beyond doubt.
    ///
    /// # Errors
    /// [`VolumeError::Damaged`]: a block that was durable is gone, or one that is there makes no sense.
    pub(crate) fn read(
        superblock: &Superblock,
        geometry: &Geometry,
        closed: u64,
        reader: &Reader,
    ) -> Result<Self, VolumeError> {
        let mut scan = Self::default();
        let mut all: Vec<(u64, Record)> = Vec::new();
        let mut sequence = superblock.replay_from;
        while sequence < superblock.replay_from + geometry.journal_blocks {
            let Some((head, block)) = block_at(superblock, geometry, sequence, reader)? else { break };
            let records = Record::decode_all(head.records(block)).map_err(|damage| VolumeError::Damaged {
                structure: "journal block",
                block: geometry.journal_address(sequence),
                detail: damage.text(),
            })?;
            all.extend(records.into_iter().map(|record| (sequence, record)));
            sequence += 1;
        }
        scan.end = sequence;
        check_lost(superblock, geometry, closed.max(durable(superblock, geometry, reader)), sequence)?;
        scan.sort(all, closed);
        Ok(scan)
    }

    /// Leaves out void writes and notes which are doubtful.
    fn sort(&mut self, all: Vec<(u64, Record)>, closed: u64) {
        let mut voids: BTreeMap<Void, usize> = BTreeMap::new();
        for (at, (_, record)) in all.iter().enumerate() {
            if let Record::Void(void) = record {
                voids.insert(*void, at);
            }
        }
        for (at, (sequence, record)) in all.into_iter().enumerate() {
            let is_void = |write: &Write| voids.get(&Void::of(write)).is_some_and(|void| *void > at);
            match &record {
                Record::Void(_) => continue,
                Record::Write(write) if is_void(write) => continue,
                Record::Write(_) if sequence > closed => self.doubtful.push_back(self.records.len()),
                _ => {}
            }
            self.records.push(record);
        }
    }
}

/// The block with this sequence, if it is valid. One that cannot be read may have been: there the journal must not end.
fn block_at<'r>(
    superblock: &Superblock,
    geometry: &Geometry,
    sequence: u64,
    reader: &'r Reader,
) -> Result<Option<(JournalHead, &'r [u8])>, VolumeError> {
    let address = geometry.journal_address(sequence);
    let structure = "journal block";
    let damaged = |damage: Damage| VolumeError::Damaged { structure, block: address, detail: damage.text() };
    let block = reader.block(address).map_err(damaged)?;
    let head = JournalHead::open(superblock.pool, address, block).ok();
    let head = head.filter(|head| head.era == superblock.era && head.sequence == sequence);
    Ok(head.map(|head| (head, block)))
}

/// How far the journal was durable, as any of its blocks tells.
fn durable(superblock: &Superblock, geometry: &Geometry, reader: &Reader) -> u64 {
    let heads = (0..geometry.journal_blocks).filter_map(|place| {
        let address = geometry.journal_address(place);
        let head = JournalHead::open(superblock.pool, address, reader.block(address).ok()?).ok()?;
        (head.era == superblock.era).then_some(head.durable)
    });
    heads.max().unwrap_or(0)
}

/// A block that was durable and is not there has rotted: what it recorded must not be lost in silence.
fn check_lost(
    superblock: &Superblock,
    geometry: &Geometry,
    durable: u64,
    end: u64,
) -> Result<(), VolumeError> {
    if durable < end.max(superblock.replay_from) {
        return Ok(());
    }
    Err(VolumeError::Damaged {
        structure: "journal block",
        block: geometry.journal_address(end),
        detail: "it was durable and is not there any more",
    })
}
