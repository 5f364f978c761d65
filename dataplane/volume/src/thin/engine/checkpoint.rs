//! The checkpoint: the maps' way to the disk, so that the journal can begin anew.
//!
//! ```text
//!   idle ──► nodes ──► tables ──► settling: all of it, and the records that come again, are on the device
//!        ──► flushing ──► copy 0 of the superblock ──► flushing ──► copy 1 ──► flushing ──► idle
//! ```
//!
//! It writes everything as it was when it began, while I/O goes on. What it holds is what the records before its cut
//! say; first writes in flight at that moment are not in it, so their records are appended once more behind the cut.
//! Nothing that an older superblock refers to is overwritten before both copies of the new one are durable.

pub(super) mod encode;

use std::collections::{BTreeSet, VecDeque};

use sluice_device::{Completion, Nanos, Op};

use super::super::buffers::CHECKPOINT_FLIGHTS;
use super::super::format::superblock::{APP_INDEX_PAGES, INDEX_PAGES, Superblock};
use super::super::format::{PageRef, SUPERBLOCKS, catalog, index};
use super::super::hash::NumberMap;
use super::super::table::Changed;
use super::super::tag::Own;
use super::Engine;
use crate::map::NodeId;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    #[default]
    Idle,
    /// Nodes are written, children before their parents.
    Nodes,
    /// Everything else is written.
    Tables,
    /// All is written; not all is on the device.
    Settling,
    /// All is on the device and is to be flushed.
    Flushing { ticket: u64 },
    /// A copy of the superblock is written.
    Copy { which: usize },
    /// It is to be flushed.
    Hardening { which: usize, ticket: u64 },
}

/// A page that is not a node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Hosts { slot: usize },
    Catalog { number: usize },
    App { slot: usize },
    Index { number: usize },
}

/// References by number, as a checkpoint leaves them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Refs(Vec<PageRef>);

impl Refs {
    pub(crate) fn get(&self, at: usize) -> PageRef {
        self.0.get(at).copied().unwrap_or(PageRef::NONE)
    }

    /// Puts a reference in place of another, which is returned.
    pub(crate) fn set(&mut self, at: usize, page: PageRef) -> PageRef {
        if at >= self.0.len() {
            self.0.resize(at + 1, PageRef::NONE);
        }
        std::mem::replace(&mut self.0[at], page)
    }

    /// The first that there is from `at` on.
    pub(crate) fn next(&self, at: usize) -> Option<usize> {
        let rest = self.0.get(at..)?;
        rest.iter().position(|page| !page.is_none()).map(|found| at + found)
    }

    /// All there are, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, PageRef)> + use<> {
        let all: Vec<_> = self.0.iter().copied().enumerate().filter(|(_, page)| !page.is_none()).collect();
        all.into_iter()
    }

    /// From `at` on, at most `count` of them.
    pub(crate) fn range(&self, at: usize, count: usize) -> &[PageRef] {
        let end = self.0.len().min(at + count);
        &self.0[at.min(end)..end]
    }
}

/// Where everything is on disk. As a checkpoint goes on, where it is going to be.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// By slot: roots and allow-lists as the catalog refers to them.
    pub(crate) roots: Refs,
    pub(crate) hosts: Refs,
    /// By number.
    pub(crate) catalog: Refs,
    pub(crate) apps: Refs,
    pub(crate) index: Refs,
    /// By a node's first page: the addresses of its others.
    pub(crate) more: NumberMap<u64, Vec<u64>>,
}

/// A node being written: its stream, and its pages, of which the first `next` are sent.
#[derive(Debug, Default)]
struct Node {
    level: u8,
    pages: Vec<PageRef>,
    next: usize,
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Checkpoint {
    pub(crate) stage: Stage,
    pub(crate) places: Places,
    /// Somebody waits for one.
    pub(crate) wanted: bool,
    /// The superblock it will end with.
    next: Option<Superblock>,
    /// The cut, and the last record that had to come again.
    cut: u64,
    repeated: u64,
    /// The roots by slot when it began.
    roots: Vec<Option<NodeId>>,
    changed: Changed,
    tables: VecDeque<Table>,
    node: Node,
    stream: Vec<u8>,
    /// Pages at the device, or in line for it.
    flights: usize,
    /// Pages sent so far, by any checkpoint.
    pages_sent: u64,
    /// Pages that are free once it is durable.
    superseded: Vec<u64>,
}

impl Checkpoint {
    pub(crate) fn is_running(&self) -> bool {
        self.stage != Stage::Idle
    }
}

impl Engine {
    /// Whether changes have to wait for a checkpoint, lest its pages do not fit the reserve.
    pub(super) fn is_too_dirty(&self) -> bool {
        self.forest.dirty() >= self.geometry.dirty_limit()
    }

    fn wants_checkpoint(&self) -> bool {
        let due = self.journal.is_half_full() || self.forest.dirty() >= self.geometry.dirty_limit() / 2;
        self.checkpoint.wanted || due
    }

    /// Goes on with the checkpoint, or begins one.
    pub(super) fn advance_checkpoint(&mut self, _now: Nanos) {
        loop {
            let before = self.checkpoint.stage;
            match before {
                Stage::Idle if self.wants_checkpoint() => self.begin_checkpoint(),
                Stage::Idle | Stage::Copy { .. } => {}
                Stage::Nodes => self.write_nodes(),
                Stage::Tables => self.write_tables(),
                Stage::Settling => self.settle_checkpoint(),
                Stage::Flushing { ticket } => {
                    if self.flusher.is_done(ticket) {
                        self.write_superblock(0);
                    }
                }
                Stage::Hardening { which, ticket } => {
                    if self.flusher.is_done(ticket) {
                        self.copy_done(which);
                    }
                }
            }
            if self.checkpoint.stage == before {
                return;
            }
        }
    }

    fn begin_checkpoint(&mut self) {
        self.checkpoint.cut = self.journal.cut();
        self.forest.freeze();
        let roots = self.table.slots().iter().map(|slot| slot.as_ref()?.map.root());
        self.checkpoint.roots.clear();
        self.checkpoint.roots.extend(roots);
        self.checkpoint.changed = self.table.freeze();
        self.checkpoint.next = Some(Superblock {
            generation: self.superblock.generation + 1,
            next_id: self.table.next_id,
            profile: self.table.profile,
            entries: u32::try_from(self.table.slots().len()).expect("at most MAX_ENTRIES"),
            ..self.superblock.clone()
        });
        self.repeat_records(|_| true);
        self.checkpoint.repeated = self.journal.appended();
        self.journal.stretch();
        self.checkpoint.stage = Stage::Nodes;
        self.checkpoint.wanted = false;
    }

    /// The generation of what is being written.
    fn generation(&self) -> u64 {
        self.checkpoint.next.as_ref().expect("a checkpoint is under way").generation
    }

    /// Whether another page may be sent.
    fn may_send(&self) -> bool {
        let quiet = self.accepted == 0 || self.journal.is_full() || self.is_too_dirty();
        // Pages yield to I/O: a few at a time while there is some, unless that waits for the checkpoint.
        self.checkpoint.flights < if quiet { CHECKPOINT_FLIGHTS } else { CHECKPOINT_FLIGHTS / 4 }
    }

    fn write_nodes(&mut self) {
        while self.may_send() {
            if self.checkpoint.node.next == self.checkpoint.node.pages.len() && !self.next_node() {
                if self.state == crate::PoolState::Open {
                    self.plan_tables();
                    self.checkpoint.stage = Stage::Tables;
                }
                return;
            }
            self.send_node_page();
        }
    }

    /// Which pages are to be written besides nodes, in the order in which they refer to each other.
    fn plan_tables(&mut self) {
        let checkpoint = &mut self.checkpoint;
        let (mut catalog_pages, mut indices) = (BTreeSet::new(), BTreeSet::new());
        for slot in &checkpoint.changed.slots {
            let slot = *slot as usize;
            checkpoint.tables.push_back(Table::Hosts { slot });
            catalog_pages.insert(slot / catalog::SLOTS);
        }
        let slots = checkpoint.roots.len();
        for slot in 0..slots {
            let root = checkpoint.roots[slot].map_or(PageRef::NONE, |root| {
                PageRef(self.forest.place(root).expect("every node that is referred to has been placed"))
            });
            if checkpoint.places.roots.set(slot, root) != root {
                catalog_pages.insert(slot / catalog::SLOTS);
            }
        }
        indices.extend(catalog_pages.iter().map(|page| page / index::PAGES));
        checkpoint.tables.extend(catalog_pages.into_iter().map(|number| Table::Catalog { number }));
        for slot in &checkpoint.changed.apps {
            checkpoint.tables.push_back(Table::App { slot: *slot as usize });
            indices.insert(INDEX_PAGES + *slot as usize / index::PAGES);
        }
        checkpoint.tables.extend(indices.into_iter().map(|number| Table::Index { number }));
    }

    fn write_tables(&mut self) {
        while self.may_send() {
            let Some(table) = self.checkpoint.tables.pop_front() else {
                self.checkpoint.stage = Stage::Settling;
                return;
            };
            if !self.send_table(table) {
                return;
            }
        }
    }

    fn settle_checkpoint(&mut self) {
        if self.checkpoint.flights > 0 || !self.journal.is_acknowledged(self.checkpoint.repeated) {
            return;
        }
        if let Some(last) = self.journal.sequence_of(self.checkpoint.cut) {
            let index = &self.checkpoint.places.index;
            let next = self.checkpoint.next.as_mut().expect("a checkpoint is under way");
            next.replay_from = last + 1;
            next.index = std::array::from_fn(|at| index.get(at));
            next.apps = std::array::from_fn::<_, APP_INDEX_PAGES, _>(|at| index.get(INDEX_PAGES + at));
            self.checkpoint.stage = Stage::Flushing { ticket: self.flusher.ticket() };
        }
    }

    fn write_superblock(&mut self, which: usize) {
        let mut block = self.buffers.checkpoint.take().expect("nothing else is being written");
        let next = self.checkpoint.next.as_ref().expect("a checkpoint is under way");
        next.encode(SUPERBLOCKS[which], &mut block);
        self.checkpoint.stage = Stage::Copy { which };
        self.checkpoint.flights += 1;
        self.send(Own::Checkpoint, 0, Op::Write { fua: self.fua }, SUPERBLOCKS[which], Some(block));
    }

    pub(super) fn complete_checkpoint(&mut self, completion: Completion) {
        self.buffers.checkpoint.give(completion.buffer.expect("a device hands back what it was given"));
        self.checkpoint.flights -= 1;
        match (completion.result, self.checkpoint.stage) {
            (Err(cause), _) => self.suspend("writing a checkpoint", cause),
            (Ok(()), Stage::Copy { which }) if self.fua => self.copy_done(which),
            (Ok(()), Stage::Copy { which }) => {
                self.checkpoint.stage = Stage::Hardening { which, ticket: self.flusher.ticket() };
            }
            (Ok(()), _) => {}
        }
    }

    fn copy_done(&mut self, which: usize) {
        if which == 0 { self.write_superblock(1) } else { self.end_checkpoint() }
    }

    /// Both copies of the superblock are durable.
    fn end_checkpoint(&mut self) {
        self.superblock = self.checkpoint.next.take().expect("a checkpoint is under way");
        self.journal.trim(self.superblock.replay_from);
        let (more, superseded) = (&mut self.checkpoint.places.more, &mut self.checkpoint.superseded);
        self.forest.finish(|place| {
            let first = PageRef(place).address();
            superseded.push(first);
            superseded.extend(more.remove(&first).unwrap_or_default());
        });
        for page in self.checkpoint.superseded.drain(..) {
            self.pages.give_back(page, self.forest.space_mut());
        }
        self.table.thaw();
        self.background.starving = false;
        self.checkpoint.stage = Stage::Idle;
        self.wake = true;
    }
}
