//! Carrying out the records of a journal once more.
//!
//! A record says what is so from then on; whether it says something new does not matter. Only chunks need care: a
//! chunk that is handed out again was freed by earlier records, but that took its time then and has to be done now.

use super::super::format::CHUNK_BLOCKS;
use super::super::format::record::{Make, Record, Write};
use super::super::table::Table;
use super::super::volume::{Gate, ThinRecord, Volume, map_blocks};
use crate::map::{BlockMask, Chunk, ChunkIndex, Extent, Forest, Hold, Layer, MAX_MAP_BLOCKS, Place, Purpose};
use crate::thin::engine::control::roll_back;
use crate::{HostAccess, VolumeError};

/// What is replayed into.
#[derive(Debug)]
pub(crate) struct Replay<'p> {
    pub(crate) table: &'p mut Table,
    pub(crate) forest: &'p mut Forest,
    /// Members of a group whose last has not come.
    pub(crate) group: Vec<Make>,
}

/// Carries out all records but those at the positions `refuted`, and settles what they have freed.
pub(crate) fn replay_all(
    records: Vec<Record>,
    mut refuted: Vec<usize>,
    table: &mut Table,
    forest: &mut Forest,
) -> Result<(), VolumeError> {
    let mut replay = Replay { table, forest, group: Vec::new() };
    refuted.sort_unstable();
    for (at, record) in records.into_iter().enumerate() {
        if refuted.binary_search(&at).is_err() {
            replay.apply(record)?;
        }
    }
    forest.settle(Hold::REACHED, usize::MAX);
    forest.reclaim(usize::MAX);
    Ok(())
}

fn nonsense(detail: &'static str) -> VolumeError {
    VolumeError::Damaged { structure: "journal", block: 0, detail }
}

impl Replay<'_> {
    /// Carries out a record.
    pub(crate) fn apply(&mut self, record: Record) -> Result<(), VolumeError> {
        match record {
            Record::Write(write) => self.write(write)?,
            Record::Unmap(unmap) => {
                let slot = self.slot(unmap.map)?;
                self.forest.apply_unmap(&mut self.table.volume_mut(slot).map, unmap.start..unmap.end);
            }
            Record::Void(_) => {}
            Record::Make(make) => self.make(*make)?,
            Record::Delete(delete) => {
                let slot = self.slot(delete.map)?;
                let volume = self.table.remove(slot);
                self.forest.release(volume.map);
            }
            Record::Rollback(rollback) => self.rollback(rollback.map, rollback.source)?,
            Record::Resize(resize) => {
                let slot = self.slot(resize.map)?;
                if map_blocks(resize.size_bytes) > MAX_MAP_BLOCKS {
                    return Err(nonsense("a record makes a volume longer than volumes can be"));
                }
                let volume = self.table.change(slot);
                volume.record.resize(resize.size_bytes);
                self.forest.resize(&mut volume.map, map_blocks(resize.size_bytes));
            }
            Record::Access(access) => {
                let slot = self.slot(access.map)?;
                let record = &mut self.table.change(slot).record;
                (record.published, record.access) = (access.published, access.access);
            }
            Record::SetApp(set) => self.table.set_app(set.app),
            Record::RemoveApp(remove) => drop(self.table.remove_app(&remove.name)),
            Record::SetQos(set) => {
                let slot = self.slot(set.map)?;
                self.table.change(slot).record.qos = set.qos;
            }
            Record::SetProfile(set) => self.table.profile = set.profile,
        }
        Ok(())
    }

    fn slot(&self, map: u32) -> Result<usize, VolumeError> {
        self.table.slot_of(map).ok_or(nonsense("a record speaks of a volume that is not there"))
    }

    fn write(&mut self, write: Write) -> Result<(), VolumeError> {
        let slot = self.slot(write.map)?;
        let (index, chunk) = (ChunkIndex(write.index), Chunk(write.chunk));
        let first = index.first_block() + u64::from(write.run.first);
        if first >= self.table.volume(slot).map.blocks() {
            return Err(nonsense("a record writes beyond its volume's end"));
        }
        if !self.claim(chunk) && !self.holds(slot, index, chunk) {
            self.forest.settle(Hold::REACHED, usize::MAX);
            self.forest.reclaim(usize::MAX);
            if !self.claim(chunk) {
                return Err(nonsense("a record writes to a chunk that is another's"));
            }
        }
        let layer = Layer { chunk, mask: BlockMask(write.run.mask()) };
        self.forest.apply_write(&mut self.table.volume_mut(slot).map, index, layer);
        Ok(())
    }

    fn claim(&mut self, chunk: Chunk) -> bool {
        self.forest.space_mut().claim(chunk, Purpose::Data)
    }

    /// Whether a chunk is where some of a place's blocks are.
    fn holds(&self, slot: usize, index: ChunkIndex, chunk: Chunk) -> bool {
        let map = &self.table.volume(slot).map;
        let first = index.first_block();
        let blocks = first..(first + u64::from(CHUNK_BLOCKS)).min(map.blocks());
        let mut extents = [Extent::default(); 32];
        let found = self.forest.lookup(map, blocks, &mut extents);
        let lives = |extent: &Extent| match extent.place {
            Place::Mapped { block, .. } => block / u64::from(CHUNK_BLOCKS) == u64::from(chunk.0),
            Place::Hole => false,
        };
        extents[..found].iter().any(lives)
    }

    /// Notes a member of a group; with the last, makes all.
    fn make(&mut self, make: Make) -> Result<(), VolumeError> {
        let last = make.part + 1 == make.parts;
        if usize::from(make.part) != self.group.len() {
            return Err(nonsense("a group's records are out of order"));
        }
        self.group.push(make);
        if last {
            for make in std::mem::take(&mut self.group) {
                self.make_one(make)?;
            }
        }
        Ok(())
    }

    fn make_one(&mut self, make: Make) -> Result<(), VolumeError> {
        let blocks = map_blocks(make.entry.spec.size_bytes);
        let map = match make.source {
            0 => self.forest.create(blocks),
            source => {
                let source = self.slot(source)?;
                self.forest.share(&self.table.volume(source).map)
            }
        };
        if map.blocks() != blocks || self.table.slot_of(make.entry.id).is_some() {
            return Err(nonsense("a record makes a volume that cannot be"));
        }
        let slot = u32::try_from(self.table.free_slot(0)?).expect("at most MAX_ENTRIES");
        let record = ThinRecord::new(&make.entry, slot, HostAccess::Any);
        self.table.insert(Volume { record, map, gate: Gate::Open });
        Ok(())
    }

    fn rollback(&mut self, map: u32, source: u32) -> Result<(), VolumeError> {
        let (slot, source) = (self.slot(map)?, self.slot(source)?);
        if self.table.volume(slot).map.blocks() < self.table.volume(source).map.blocks() {
            return Err(nonsense("a record rolls a volume back to a longer one"));
        }
        roll_back(self.table, self.forest, slot, source);
        Ok(())
    }
}
