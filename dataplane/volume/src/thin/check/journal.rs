//! The journal: its blocks, where it ends, and whether its records make sense one after the other.

use std::collections::BTreeMap;

use super::catalog::Listed;
use super::fault::Fault;
use super::finding::{Opening, Structure};
use super::ledger::{At, Ledger, Subject};
use crate::map::{CHUNK_BLOCKS, MAX_MAP_BLOCKS};
use crate::thin::format::Damage;
use crate::thin::format::journal::JournalHead;
use crate::thin::format::record::{Make, Record, Write};
use crate::thin::format::superblock::Superblock;
use crate::thin::geometry::Geometry;
use crate::thin::open::reader::Reader;
use crate::thin::volume::map_blocks;

/// See the module's description.
#[derive(Debug)]
pub(super) struct Journal<'a> {
    pub(super) superblock: &'a Superblock,
    pub(super) geometry: &'a Geometry,
    pub(super) reader: &'a Reader,
    /// Up to which block a mark vouches for it.
    pub(super) closed: u64,
}

impl Journal<'_> {
    /// Checks its blocks and its records; returns the sequence of the first block that is not there.
    pub(super) fn check(&self, entries: &[Listed], ledger: &mut Ledger) -> u64 {
        let heads: Vec<(u64, Result<JournalHead, Damage>)> = (0..self.geometry.journal_blocks)
            .map(|place| self.geometry.journal_address(place))
            .map(|address| (address, self.head(address)))
            .collect();
        let first = self.superblock.replay_from;
        let is_there = |sequence: &u64| {
            let head = self.head(self.geometry.journal_address(*sequence));
            head.is_ok_and(|head| head.era == self.superblock.era && head.sequence == *sequence)
        };
        let end = (first..).take_while(is_there).last().map_or(first, |last| last + 1);
        let current = heads.iter().filter_map(|(_, head)| head.as_ref().ok());
        let current = current.filter(|head| head.era == self.superblock.era);
        let durable = current.map(|head| head.durable).max().unwrap_or(0).max(self.closed);
        let lost = durable >= end.max(first);
        if lost {
            let at = At(Structure::Journal, self.geometry.journal_address(end));
            ledger.note(at, Fault::Lost { sequence: end }, Subject::Pool, Opening::Refuses);
        }
        for (address, head) in heads {
            if let Some((fault, opening)) = self.fault(head, address, end) {
                let subject = if opening == Opening::Mends { Subject::Nobody } else { Subject::Pool };
                ledger.note(At(Structure::Journal, address), fault, subject, opening);
            }
        }
        let records = (first..end).flat_map(|sequence| self.records(sequence, ledger)).collect();
        Timeline::new(entries, self.geometry).check(records, ledger);
        end
    }

    fn head(&self, address: u64) -> Result<JournalHead, Damage> {
        JournalHead::open(self.superblock.pool, address, self.reader.block(address)?)
    }

    /// What is wrong with the block at `address` of a journal that ends at `end`.
    fn fault(&self, head: Result<JournalHead, Damage>, address: u64, end: u64) -> Option<(Fault, Opening)> {
        match head {
            // Never written by this pool, or not in this era.
            Err(Damage::Blank | Damage::OtherPool) => None,
            Err(Damage::Unreadable) if address == self.geometry.journal_address(end) => {
                Some((Fault::Unreadable, Opening::Refuses))
            }
            Err(damage) => Some((damage.into(), Opening::Mends)),
            Ok(head) if head.era > self.superblock.era => {
                Some((Fault::Era { era: head.era }, Opening::Overlooks))
            }
            Ok(head) if head.era == self.superblock.era && head.sequence > end => {
                Some((Fault::Gap { sequence: head.sequence, end }, Opening::Mends))
            }
            Ok(_) => None,
        }
    }

    /// The records of a block that is there, with its address.
    fn records(&self, sequence: u64, ledger: &mut Ledger) -> Vec<(u64, Record)> {
        let address = self.geometry.journal_address(sequence);
        let records = self.reader.block(address).and_then(|block| {
            let head = JournalHead::open(self.superblock.pool, address, block)?;
            Record::decode_all(head.records(block))
        });
        match records {
            Ok(records) => records.into_iter().map(|record| (address, record)).collect(),
            Err(damage) => {
                ledger.note(At(Structure::Journal, address), damage, Subject::Pool, Opening::Refuses);
                Vec::new()
            }
        }
    }
}

/// Which volumes there are as the records go by: by id, their length in blocks and their place in the list.
#[derive(Debug)]
struct Timeline<'a> {
    geometry: &'a Geometry,
    volumes: BTreeMap<u32, (u64, Option<usize>)>,
    /// Members of a group whose last has not come.
    group: Vec<Make>,
}

impl<'a> Timeline<'a> {
    fn new(entries: &[Listed], geometry: &'a Geometry) -> Self {
        let volume = |(number, listed): (usize, &Listed)| (listed.entry.id, (listed.blocks(), Some(number)));
        Self { geometry, volumes: entries.iter().enumerate().map(volume).collect(), group: Vec::new() }
    }

    fn check(mut self, records: Vec<(u64, Record)>, ledger: &mut Ledger) {
        for (address, record) in records {
            let map = subject(&record);
            if let Err(fault) = self.apply(record) {
                let entry = map.and_then(|map| self.volumes.get(&map)?.1);
                let subject = entry.map_or(Subject::Pool, Subject::Entry);
                ledger.note(At(Structure::Record, address), fault, subject, Opening::Refuses);
            }
        }
    }

    fn blocks(&self, map: u32) -> Result<u64, Fault> {
        self.volumes.get(&map).map(|(blocks, _)| *blocks).ok_or(Fault::NoVolume { map })
    }

    fn apply(&mut self, record: Record) -> Result<(), Fault> {
        match record {
            Record::Write(write) => self.write(write),
            Record::Make(make) => self.make(*make),
            Record::Delete(delete) => {
                self.blocks(delete.map)?;
                self.volumes.remove(&delete.map);
                Ok(())
            }
            Record::Rollback(rollback) if self.blocks(rollback.map)? < self.blocks(rollback.source)? => {
                Err(Fault::Contents("it rolls a volume back to a longer one"))
            }
            Record::Resize(resize) => {
                let blocks = map_blocks(resize.size_bytes);
                self.blocks(resize.map)?;
                if blocks > MAX_MAP_BLOCKS {
                    return Err(Fault::Contents("it makes a volume longer than volumes can be"));
                }
                self.volumes.entry(resize.map).and_modify(|volume| volume.0 = blocks);
                Ok(())
            }
            Record::Unmap(unmap) => self.blocks(unmap.map).map(drop),
            Record::Rollback(_) | Record::Void(_) => Ok(()),
            Record::Access(access) => self.blocks(access.map).map(drop),
            Record::SetQos(set) => self.blocks(set.map).map(drop),
            Record::SetApp(_) | Record::RemoveApp(_) | Record::SetProfile(_) => Ok(()),
        }
    }

    fn write(&self, write: Write) -> Result<(), Fault> {
        let first = u64::from(write.index) * CHUNK_BLOCKS + u64::from(write.run.first);
        if first >= self.blocks(write.map)? {
            return Err(Fault::Contents("it writes beyond its volume's end"));
        }
        if (self.geometry.first_chunk()..self.geometry.chunks).contains(&write.chunk) {
            Ok(())
        } else {
            Err(Fault::Contents("it writes to a chunk that is none for data"))
        }
    }

    fn make(&mut self, make: Make) -> Result<(), Fault> {
        if usize::from(make.part) != self.group.len() {
            return Err(Fault::Contents("the records of its group are out of order"));
        }
        let last = make.part + 1 == make.parts;
        self.group.push(make);
        if !last {
            return Ok(());
        }
        for make in std::mem::take(&mut self.group) {
            let blocks = map_blocks(make.entry.spec.size_bytes);
            let fits = make.source == 0 || self.blocks(make.source)? == blocks;
            let known = self.volumes.contains_key(&make.entry.id) || make.entry.id == u32::MAX;
            if !fits || blocks > MAX_MAP_BLOCKS || known {
                return Err(Fault::Contents("it makes a volume that cannot be"));
            }
            self.volumes.insert(make.entry.id, (blocks, None));
        }
        Ok(())
    }
}

/// The volume that a record is about.
fn subject(record: &Record) -> Option<u32> {
    match record {
        Record::Write(write) => Some(write.map),
        Record::Unmap(unmap) => Some(unmap.map),
        Record::Delete(delete) => Some(delete.map),
        Record::Rollback(rollback) => Some(rollback.map),
        Record::Resize(resize) => Some(resize.map),
        Record::Access(access) => Some(access.map),
        Record::SetQos(set) => Some(set.map),
        Record::Void(_)
        | Record::Make(_)
        | Record::SetApp(_)
        | Record::RemoveApp(_)
        | Record::SetProfile(_) => None,
    }
}
