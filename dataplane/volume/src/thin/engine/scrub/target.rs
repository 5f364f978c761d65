//! What an opening would read, one block after the other, and what memory says of each.

use super::super::super::check::{Affected, Affects, Fault, Structure};
use super::super::super::format::head::Head;
use super::super::super::format::journal::JournalHead;
use super::super::super::format::node::{NodePage, STREAM_BYTES};
use super::super::super::format::record::Record;
use super::super::super::format::superblock::INDEX_PAGES;
use super::super::super::format::{BLOCK_BYTES, Kind, PageRef, SUPERBLOCKS, catalog, index};
use super::super::Engine;
use super::super::checkpoint::Table;
use super::super::checkpoint::encode::encode_node;
use crate::map::NodeId;

/// A block that an opening would read. In this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Superblock(usize),
    Table(Table),
    /// Of the node with this number, or the next there is.
    Node {
        number: u32,
        part: usize,
    },
    Journal(u64),
}

/// Where a target was when it was read. As long as it still is there in the same version, its place was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) address: u64,
    pub(super) version: u64,
}

impl Target {
    pub(super) const FIRST: Self = Self::Superblock(0);

    /// Where to go on after it.
    pub(super) fn after(self) -> Self {
        match self {
            Self::Superblock(which) => Self::Superblock(which + 1),
            Self::Table(Table::Index { number }) => Self::Table(Table::Index { number: number + 1 }),
            Self::Table(Table::Catalog { number }) => Self::Table(Table::Catalog { number: number + 1 }),
            Self::Table(Table::Hosts { slot }) => Self::Table(Table::Hosts { slot: slot + 1 }),
            Self::Table(Table::App { slot }) => Self::Table(Table::App { slot: slot + 1 }),
            Self::Node { number, part } => Self::Node { number, part: part + 1 },
            Self::Journal(sequence) => Self::Journal(sequence + 1),
        }
    }

    pub(super) fn structure(self) -> Structure {
        match self {
            Self::Superblock(_) => Structure::Superblock,
            Self::Table(Table::Index { .. }) => Structure::Index,
            Self::Table(Table::Catalog { .. }) => Structure::Catalog,
            Self::Table(Table::Hosts { .. }) => Structure::Hosts,
            Self::Table(Table::App { .. }) => Structure::Application,
            Self::Node { .. } => Structure::Node,
            Self::Journal(_) => Structure::Journal,
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Superblock(_) => Kind::Superblock,
            Self::Table(Table::Index { .. }) => Kind::Index,
            Self::Table(Table::Catalog { .. }) => Kind::Catalog,
            Self::Table(Table::Hosts { .. }) => Kind::Hosts,
            Self::Table(Table::App { .. }) => Kind::App,
            Self::Node { .. } => Kind::Node,
            Self::Journal(_) => Kind::Journal,
        }
    }
}

impl Engine {
    /// Blocks of metadata and journal there are, more or less.
    pub(super) fn metadata_blocks(&self) -> u64 {
        let places = &self.checkpoint.places;
        let more: usize = places.more.values().map(Vec::len).sum();
        u64::from(self.forest.nodes()) + more as u64 + self.journal.used_blocks()
    }

    /// The first target from `target` on that there is.
    pub(super) fn target_from(&self, target: Target) -> Option<Target> {
        let places = &self.checkpoint.places;
        let table = |found: Option<usize>, of: fn(usize) -> Table| found.map(|at| Target::Table(of(at)));
        let (found, rest) = match target {
            Target::Superblock(which) => {
                let found = (which < SUPERBLOCKS.len()).then_some(target);
                (found, Target::Table(Table::Index { number: 0 }))
            }
            Target::Table(Table::Index { number }) => {
                let found = table(places.index.next(number), |number| Table::Index { number });
                (found, Target::Table(Table::Catalog { number: 0 }))
            }
            Target::Table(Table::Catalog { number }) => {
                let found = table(places.catalog.next(number), |number| Table::Catalog { number });
                (found, Target::Table(Table::Hosts { slot: 0 }))
            }
            Target::Table(Table::Hosts { slot }) => {
                let found = table(places.hosts.next(slot), |slot| Table::Hosts { slot });
                (found, Target::Table(Table::App { slot: 0 }))
            }
            Target::Table(Table::App { slot }) => {
                let found = table(places.apps.next(slot), |slot| Table::App { slot });
                (found, Target::Node { number: 1, part: 0 })
            }
            Target::Node { number, part } => {
                let oldest = self.journal.replay_from();
                (self.node_target(number, part), Target::Journal(oldest))
            }
            Target::Journal(sequence) => {
                let there = sequence.max(self.journal.replay_from());
                return (there <= self.journal.acknowledged_sequence()).then_some(Target::Journal(there));
            }
        };
        found.or_else(|| self.target_from(rest))
    }

    /// A node on disk with at least this number, and its part, or its next.
    fn node_target(&self, number: u32, part: usize) -> Option<Target> {
        let (mut number, mut part) = (number, part);
        loop {
            let id = self.forest.node_from(number)?;
            if id.get() != number {
                (number, part) = (id.get(), 0);
            }
            let target = Target::Node { number, part };
            if self.page_of(target).is_some() {
                return Some(target);
            }
            (number, part) = (number + 1, 0);
        }
    }

    fn node(&self, number: u32) -> Option<NodeId> {
        self.forest.node_from(number).filter(|id| id.get() == number)
    }

    /// The reference to a page.
    fn page_of(&self, target: Target) -> Option<PageRef> {
        let places = &self.checkpoint.places;
        let page = match target {
            Target::Table(Table::Index { number }) => places.index.get(number),
            Target::Table(Table::Catalog { number }) => places.catalog.get(number),
            Target::Table(Table::Hosts { slot }) => places.hosts.get(slot),
            Target::Table(Table::App { slot }) => places.apps.get(slot),
            Target::Node { number, part } => {
                let first = PageRef(self.forest.place(self.node(number)?)?);
                match part.checked_sub(1) {
                    None => first,
                    Some(rest) => first.beside(*places.more.get(&first.address())?.get(rest)?),
                }
            }
            Target::Superblock(_) | Target::Journal(_) => PageRef::NONE,
        };
        Some(page).filter(|page| !page.is_none())
    }

    /// Where a target is, and in which version, as long as it counts and is durable.
    pub(super) fn place_of(&self, target: Target) -> Option<Place> {
        match target {
            Target::Superblock(which) => {
                let version = self.superblock.generation;
                (!self.checkpoint.is_running()).then_some(Place { address: SUPERBLOCKS[which], version })
            }
            Target::Journal(sequence) => {
                let counts = self.journal.replay_from()..=self.journal.acknowledged_sequence();
                let address = self.geometry.journal_address(sequence);
                counts.contains(&sequence).then_some(Place { address, version: sequence })
            }
            _ => self.page_of(target).map(|page| Place { address: page.address(), version: page.0 }),
        }
    }

    /// What is wrong with a block.
    pub(super) fn fault_of(&self, target: Target, address: u64, block: &[u8]) -> Option<Fault> {
        let pool = self.superblock.pool;
        if let Target::Journal(sequence) = target {
            return match JournalHead::open(pool, address, block) {
                Ok(head) if (head.era, head.sequence) != (self.journal.era(), sequence) => {
                    Some(Fault::Lost { sequence })
                }
                Ok(head) => Record::decode_all(head.records(block)).err().map(Fault::from),
                Err(damage) => Some(damage.into()),
            };
        }
        let generation = match Head::open(block, target.kind(), pool, address) {
            Ok(generation) => generation,
            Err(damage) => return Some(damage.into()),
        };
        if self.page_of(target).is_some_and(|page| !page.admits(generation)) {
            return Some(Fault::Generation);
        }
        let expected = self.expected(target, (address, generation))?;
        (expected != block).then_some(Fault::Differs)
    }

    /// The block as memory has it; `None` if that is newer.
    fn expected(&self, target: Target, place: (u64, u64)) -> Option<Vec<u8>> {
        let mut block = vec![0; BLOCK_BYTES];
        match target {
            Target::Superblock(_) => self.superblock.encode(place.0, &mut block),
            Target::Table(table) => {
                if self.checkpoint.is_running() || self.is_table_changed(table) {
                    return None;
                }
                self.encode_table(table, place, &mut block);
            }
            Target::Node { number, part } => {
                let id = self.node(number).filter(|id| self.forest.is_clean(*id))?;
                self.encode_part(id, part, place, &mut block);
            }
            Target::Journal(_) => return None,
        }
        Some(block)
    }

    fn is_table_changed(&self, table: Table) -> bool {
        match table {
            Table::Hosts { slot } => self.table.is_changed(slot),
            Table::Catalog { number } => (number * catalog::SLOTS..(number + 1) * catalog::SLOTS)
                .any(|slot| self.table.is_changed(slot)),
            Table::App { slot } => self.table.is_app_changed(slot),
            Table::Index { .. } => false,
        }
    }

    fn encode_part(&self, id: NodeId, part: usize, place: (u64, u64), block: &mut [u8]) {
        let view = self.forest.node(id);
        let mut stream = Vec::new();
        encode_node(&self.forest, &view, &mut stream);
        let next = self.page_of(Target::Node { number: id.get(), part: part + 1 }).unwrap_or(PageRef::NONE);
        let level = u8::try_from(view.level()).expect("at most 3");
        let head = NodePage { next, level, part: u16::try_from(part).expect("nodes are short") };
        let from = (part * STREAM_BYTES).min(stream.len());
        let to = stream.len().min(from + STREAM_BYTES);
        head.encode(&stream[from..to], self.superblock.pool, place, block);
    }

    /// Whose data a block is about.
    pub(super) fn affected_by(&self, target: Target) -> Affects {
        let named = |slots: &mut dyn Iterator<Item = usize>| {
            let volumes = slots.filter_map(|slot| self.table.slots().get(slot)?.as_ref());
            let affected =
                volumes.map(|volume| Affected { name: volume.record.name.clone(), uuid: volume.record.uuid });
            Affects::Volumes(affected.collect())
        };
        match target {
            Target::Superblock(_) | Target::Table(Table::App { .. }) => Affects::Nobody,
            Target::Table(Table::Index { number }) if number >= INDEX_PAGES => Affects::Nobody,
            Target::Table(Table::Index { .. }) | Target::Journal(_) => Affects::Pool,
            Target::Table(Table::Hosts { slot }) => named(&mut std::iter::once(slot)),
            Target::Table(Table::Catalog { number }) => {
                named(&mut (number * catalog::SLOTS..(number + 1) * catalog::SLOTS))
            }
            Target::Node { number, .. } => {
                let roots = self.node(number).map(|id| self.roots_over(id)).unwrap_or_default();
                let volumes = self.table.slots().iter().enumerate();
                named(&mut volumes.filter_map(|(slot, volume)| {
                    let root = volume.as_ref()?.map.root()?;
                    roots.contains(&root).then_some(slot)
                }))
            }
        }
    }

    /// A node and all that lead to it.
    fn roots_over(&self, id: NodeId) -> Vec<NodeId> {
        let (mut found, mut at) = (vec![id], 0);
        while at < found.len() {
            let parents: Vec<NodeId> = self.forest.parents(found[at]).collect();
            found.extend(parents.into_iter().filter(|parent| !found.contains(parent)).collect::<Vec<_>>());
            at += 1;
        }
        found
    }

    /// Lets the next checkpoint write a target anew. It writes both superblocks, and ends the journal, in any case.
    pub(super) fn rewrite_target(&mut self, target: Target) {
        match target {
            Target::Superblock(_) | Target::Journal(_) => {}
            Target::Table(Table::Hosts { slot }) => self.table.rewrite(slot),
            Target::Table(Table::App { slot }) => self.table.rewrite_app(slot),
            Target::Table(Table::Catalog { number }) => self.table.rewrite(number * catalog::SLOTS),
            Target::Table(Table::Index { number }) => match number.checked_sub(INDEX_PAGES) {
                Some(apps) => self.table.rewrite_app(apps * index::PAGES),
                None => self.table.rewrite(number * index::PAGES * catalog::SLOTS),
            },
            Target::Node { number, .. } => {
                if let Some(id) = self.node(number) {
                    self.forest.rewrite(id);
                }
            }
        }
    }
}
