//! Opening a pool, and putting a new one on a device.
//!
//! ```text
//!   head ──► index ──► catalog ──► nodes, level by level ──► journal ──► proof of doubtful writes
//!        ──► flush ──► replay ──► a checkpoint of a new era ──► open
//!   head ──► a checkpoint of nothing ──► formatted
//! ```
//!
//! Nothing is written before the flush: what was read may still be in a volatile cache, and overwriting what it has
//! freed must not outlive it. Until the checkpoint is durable, opening once more finds the same and does the same.

pub(crate) mod head;
pub(crate) mod reader;
pub(crate) mod replay;
pub(crate) mod scan;
pub(crate) mod tree;
pub(crate) mod verify;

use sluice_device::{Buffer, Completion};
use uuid::Uuid;

use super::FormatOptions;
use super::engine::Engine;
use super::engine::checkpoint::Places;
use super::engine::control::ThinDone;
use super::format::JOURNAL_BLOCK;
use super::format::superblock::Superblock;
use super::geometry::Geometry;
use super::journal::Journal;
use super::pages::Pages;
use super::table::Table;
use super::volume::{Gate, ThinRecord, Volume, map_blocks};
use crate::map::{Chunk, Forest, Loader, Purpose};
use crate::{HostAccess, PoolState, VolumeError};
use head::Head;
use reader::Reader;
use replay::replay_all;
use scan::Scan;
use tree::Tree;
use verify::Verify;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The pool there is; of this UUID, if one is given.
    Open(Option<Uuid>),
    /// The pool there is, without what is damaged of it and no volume's block depends on. It stays closed.
    Repair,
    /// A new one.
    Format(FormatOptions),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Head,
    Index,
    Catalog,
    Nodes { first: bool },
    Journal,
    Verify,
    Flush { ticket: u64 },
    Checkpoint,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Load {
    goal: Goal,
    stage: Stage,
    reader: Reader,
    superblock: Superblock,
    geometry: Geometry,
    tree: Tree,
    closed: u64,
    scan: Scan,
    verify: Verify,
}

/// Goes on at once, or is over.
type Step = Result<bool, VolumeError>;

impl Load {
    /// On a device of this geometry, reading pieces of this length.
    pub(crate) fn new(goal: Goal, geometry: Geometry, piece_bytes: u32) -> Self {
        Self {
            goal,
            stage: Stage::Start,
            reader: Reader::new(geometry, piece_bytes),
            superblock: Superblock::blank(&geometry),
            geometry,
            tree: Tree::new(Loader::new(0)),
            closed: 0,
            scan: Scan::default(),
            verify: Verify::default(),
        }
    }

    /// Whether [`advance`](Self::advance) has something to do although nothing completes.
    pub(crate) fn is_runnable(&self) -> bool {
        self.stage == Stage::Start
    }

    /// Takes a completion.
    pub(crate) fn complete(&mut self, number: u32, completion: Completion) -> Buffer {
        if self.stage == Stage::Verify {
            self.verify.complete(number, completion)
        } else {
            self.reader.complete(number, completion)
        }
    }

    /// Goes on as far as it can; the result ends it.
    pub(crate) fn advance(&mut self, engine: &mut Engine) -> Option<Result<ThinDone, VolumeError>> {
        loop {
            if self.stage == Stage::Checkpoint {
                return self.end(engine);
            }
            match self.step(engine) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// One step: sends requests, or goes on to the next stage.
    fn step(&mut self, engine: &mut Engine) -> Step {
        if self.stage == Stage::Verify {
            return self.prove(engine);
        }
        while let Some(request) = self.reader.next(&mut engine.buffers.large) {
            engine.outbox.push(request);
        }
        if !self.reader.is_done() {
            return Ok(false);
        }
        if let Some(cause) = self.reader.error {
            return Err(VolumeError::Io { doing: "reading the pool's metadata", cause });
        }
        self.next_stage(engine)
    }

    fn next_stage(&mut self, engine: &mut Engine) -> Step {
        let (superblock, reader) = (&self.superblock, &mut self.reader);
        self.stage = match self.stage {
            Stage::Start => {
                (0..JOURNAL_BLOCK).for_each(|address| reader.want(address));
                Stage::Head
            }
            Stage::Head => return self.take_head(engine),
            Stage::Index => {
                self.tree.take_index(superblock, reader)?;
                Stage::Catalog
            }
            Stage::Catalog => {
                self.tree.take_catalog(superblock, reader)?;
                Stage::Nodes { first: true }
            }
            Stage::Nodes { first } => {
                if first {
                    self.tree.take_lists(superblock, reader)?;
                }
                if self.tree.take_nodes(superblock, reader)? {
                    Stage::Nodes { first: false }
                } else {
                    self.tree.join()?;
                    reader.clear();
                    Scan::want(&self.geometry, reader);
                    Stage::Journal
                }
            }
            Stage::Journal => {
                self.scan = Scan::read(superblock, &self.geometry, self.closed, reader)?;
                reader.clear();
                Stage::Verify
            }
            Stage::Flush { ticket } => {
                if !engine.flusher.is_done(ticket) {
                    return Ok(false);
                }
                self.adopt(engine)?;
                Stage::Checkpoint
            }
            Stage::Verify | Stage::Checkpoint => unreachable!("handled by their callers"),
        };
        Ok(true)
    }

    fn take_head(&mut self, engine: &mut Engine) -> Step {
        let head = Head::read(&self.reader);
        let expected = match self.goal {
            Goal::Open(expected) => expected,
            Goal::Repair => None,
            Goal::Format(options) => {
                self.superblock.generation = head.format_over(options)?;
                self.superblock.pool = options.uuid;
                self.stage = Stage::Flush { ticket: engine.flusher.ticket() };
                self.tree = Tree::new(loader(&self.geometry));
                self.scan.end = 1;
                return Ok(true);
            }
        };
        self.superblock = head.newest(expected)?.clone();
        self.geometry = self.check_device(&engine.geometry)?;
        let loader = loader(&self.geometry);
        self.tree = if self.goal == Goal::Repair { Tree::lenient(loader) } else { Tree::new(loader) };
        self.closed = head::closed(&self.reader, self.superblock.pool, self.superblock.era);
        self.tree.want_index(&self.superblock, &mut self.reader)?;
        self.stage = Stage::Index;
        Ok(true)
    }

    /// The pool's geometry on this device, which may have grown.
    fn check_device(&self, device: &Geometry) -> Result<Geometry, VolumeError> {
        let (recorded, actual) = (self.superblock.device_block_size, device.device_block_size);
        if recorded != actual {
            return Err(VolumeError::DeviceBlockSizeChanged { recorded, actual });
        }
        let (recorded_bytes, actual_bytes) = (self.superblock.device_bytes, device.device_bytes);
        if recorded_bytes > actual_bytes {
            return Err(VolumeError::DeviceShrunk { recorded_bytes, actual_bytes });
        }
        let geometry = Geometry { journal_blocks: self.superblock.journal_blocks, ..*device };
        if geometry.first_chunk() + geometry.reserve_chunks() >= geometry.chunks {
            return Err(VolumeError::Corrupt { detail: "their journal takes more than the device has" });
        }
        Ok(geometry)
    }

    /// Looks at the data of doubtful writes.
    fn prove(&mut self, engine: &mut Engine) -> Step {
        while let Some(request) = self.verify.next(&mut self.scan, &self.geometry, &mut engine.buffers.large)
        {
            engine.outbox.push(request);
        }
        if !self.verify.is_done(&self.scan) {
            return Ok(false);
        }
        if let Some(cause) = self.verify.error {
            return Err(VolumeError::Io { doing: "reading data written before the crash", cause });
        }
        self.stage = Stage::Flush { ticket: engine.flusher.ticket() };
        Ok(true)
    }

    /// Makes the engine what the device says, and begins the checkpoint that ends recovery.
    fn adopt(&mut self, engine: &mut Engine) -> Result<(), VolumeError> {
        let tree = std::mem::replace(&mut self.tree, Tree::new(Loader::new(0)));
        let (mut table, mut forest, pages, places) = build(&self.superblock, tree)?;
        (engine.pages, engine.checkpoint.places) = (pages, places);
        let (records, refuted) = (&mut self.scan.records, &mut self.verify.refuted);
        replay_all(std::mem::take(records), std::mem::take(refuted), &mut table, &mut forest)?;
        let era = self.superblock.generation + 1;
        engine.geometry = self.geometry;
        engine.journal = Journal::new(self.superblock.pool, era, self.geometry, self.scan.end, 4096);
        let device_bytes = self.geometry.device_bytes;
        let journal_blocks = self.geometry.journal_blocks;
        engine.superblock = Superblock { era, device_bytes, journal_blocks, ..self.superblock.clone() };
        (engine.table, engine.forest) = (table, forest);
        engine.start();
        Ok(())
    }

    /// Whether the checkpoint is over.
    fn end(&self, engine: &mut Engine) -> Option<Result<ThinDone, VolumeError>> {
        if engine.state == PoolState::Suspended {
            let (doing, cause) = engine.cause().expect("a suspended pool has its cause");
            return Some(Err(VolumeError::Io { doing, cause }));
        }
        if engine.checkpoint.wanted || engine.checkpoint.is_running() {
            return None;
        }
        engine.serving = self.goal != Goal::Repair;
        Some(Ok(match self.goal {
            Goal::Open(_) => ThinDone::Opened,
            Goal::Format(_) => ThinDone::Formatted,
            Goal::Repair => {
                engine.close();
                ThinDone::Repaired
            }
        }))
    }
}

/// A loader for the device's chunks, those of superblocks and journal taken.
pub(crate) fn loader(geometry: &Geometry) -> Loader {
    let mut loader = Loader::new(geometry.chunks);
    for chunk in 0..geometry.first_chunk() {
        assert!(loader.space_mut().claim(Chunk(chunk), Purpose::Metadata), "a new pool is free");
    }
    loader
}

/// What of the pool is in memory once its tree is read.
pub(crate) type Built = (Table, Forest, Pages, Places);

/// The table and forest of what was found.
pub(crate) fn build(superblock: &Superblock, mut tree: Tree) -> Result<Built, VolumeError> {
    let mut table = Table::new(superblock.next_id);
    table.profile = superblock.profile;
    for (slot, entry) in tree.entries {
        if entry.id.max(entry.origin) == u32::MAX {
            let detail = "an entry has an id that is never given out";
            return Err(VolumeError::Damaged { structure: "catalog", block: 0, detail });
        }
        table.next_id = table.next_id.max(entry.origin + 1);
        let narrow = u32::try_from(slot).expect("few");
        let access = tree.lists.remove(&narrow).unwrap_or(HostAccess::Any);
        let record = ThinRecord::new(&entry, narrow, access);
        let root = tree.nodes.get(&entry.root.0).copied();
        let map = tree.loader.map(map_blocks(record.size_bytes), root)?;
        if table.slot_of(record.id).is_some() || table.check_free(&record).is_err() {
            let detail = "two volumes share an id, a name or a UUID";
            return Err(VolumeError::Damaged { structure: "catalog", block: 0, detail });
        }
        table.insert(Volume { record, map, gate: Gate::Open });
    }
    tree.apps.into_iter().for_each(|(slot, app)| table.put_app(slot, Some(app)));
    table.loaded();
    // The checkpoint leaves out what was lost.
    for slot in tree.lost_lists {
        table.change(slot);
    }
    tree.lost_apps.into_iter().for_each(|slot| table.put_app(slot, None));
    Ok((table, tree.loader.finish()?, tree.pages, tree.places))
}
