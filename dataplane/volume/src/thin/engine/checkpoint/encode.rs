//! The pages of a checkpoint, one at a time.

use sluice_device::{Buffer, Op, Request};

use super::super::super::format::catalog::{self, CatalogPage};
use super::super::super::format::entry::Entry;
use super::super::super::format::hosts::HostsPage;
use super::super::super::format::index::{self, IndexPage};
use super::super::super::format::leaf::DiskLayer;
use super::super::super::format::node::{NodePage, STREAM_BYTES};
use super::super::super::format::superblock::INDEX_PAGES;
use super::super::super::format::{PageRef, app_page, interior, leaf};
use super::super::super::tag::Own;
use super::super::Engine;
use super::Table;
use crate::HostAccess;
use crate::map::{EntryView, Forest, NodeView};

impl Engine {
    /// Encodes the next node and places it. False: there is none, or no page for it.
    pub(super) fn next_node(&mut self) -> bool {
        let Some(id) = self.forest.next_frozen() else { return false };
        let view = self.forest.frozen(id);
        let level = view.level();
        encode_node(&self.forest, &view, &mut self.checkpoint.stream);
        let count = self.checkpoint.stream.len().div_ceil(STREAM_BYTES);
        self.checkpoint.node.pages.clear();
        for _ in 0..count {
            let Some(page) = self.allocate_page() else { return false };
            self.checkpoint.node.pages.push(page);
        }
        let node = &mut self.checkpoint.node;
        (node.level, node.next) = (u8::try_from(level).expect("at most 3"), 0);
        self.forest.placed(id, node.pages[0].0);
        if count > 1 {
            let rest = node.pages[1..].iter().map(|page| page.address()).collect();
            self.checkpoint.places.more.insert(node.pages[0].address(), rest);
        }
        true
    }

    /// A page for this checkpoint. None: the reserve is used up, against all calculation; then the pool is suspended.
    fn allocate_page(&mut self) -> Option<PageRef> {
        match self.pages.allocate(self.forest.space_mut()) {
            Ok(address) => Some(PageRef::new(address, self.generation())),
            Err(_) => {
                self.suspend("finding space for a checkpoint", sluice_device::IoError::NoSpace);
                None
            }
        }
    }

    /// Sends the next page of the node.
    pub(super) fn send_node_page(&mut self) {
        let mut block = self.buffers.checkpoint.take().expect("as many buffers as flights");
        let node = &mut self.checkpoint.node;
        let (part, page) = (node.next, node.pages[node.next]);
        node.next += 1;
        let next = node.pages.get(part + 1).copied().unwrap_or(PageRef::NONE);
        let head = NodePage { next, level: node.level, part: u16::try_from(part).expect("nodes are short") };
        let from = part * STREAM_BYTES;
        let to = self.checkpoint.stream.len().min(from + STREAM_BYTES);
        let place = (page.address(), self.generation());
        head.encode(&self.checkpoint.stream[from..to], self.superblock.pool, place, &mut block);
        self.send_page(page, block);
    }

    fn send_page(&mut self, page: PageRef, block: Buffer) {
        self.checkpoint.flights += 1;
        self.checkpoint.pages_sent += 1;
        let (tag, lba) = (Own::Checkpoint.tag(self.checkpoint.pages_sent), self.geometry.lba(page.address()));
        let (op, blocks) = (Op::Write { fua: false }, self.geometry.ratio());
        self.send_aside(Request { tag, op, lba, blocks, buffer: Some(block) });
    }

    /// Writes a table's page, if it takes one. False: there is no page for it.
    pub(super) fn send_table(&mut self, table: Table) -> bool {
        let needed = self.is_needed(table);
        let page = if needed {
            let Some(page) = self.allocate_page() else { return false };
            page
        } else {
            PageRef::NONE
        };
        if needed {
            let mut block = self.buffers.checkpoint.take().expect("as many buffers as flights");
            self.encode_table(table, (page.address(), self.generation()), &mut block);
            self.send_page(page, block);
        }
        let places = &mut self.checkpoint.places;
        let before = match table {
            Table::Hosts { slot } => places.hosts.set(slot, page),
            Table::Catalog { number } => places.catalog.set(number, page),
            Table::App { slot } => places.apps.set(slot, page),
            Table::Index { number } => places.index.set(number, page),
        };
        if !before.is_none() {
            self.checkpoint.superseded.push(before.address());
        }
        true
    }

    /// Whether there is anything to write at all.
    fn is_needed(&self, table: Table) -> bool {
        let places = &self.checkpoint.places;
        match table {
            Table::Hosts { slot } => {
                let record = self.table.frozen(slot);
                record.is_some_and(|record| matches!(record.access, HostAccess::Hosts(_)))
            }
            Table::Catalog { number } => {
                self.page_slots(number).any(|slot| self.table.frozen(slot).is_some())
            }
            Table::App { slot } => self.table.frozen_app(slot).is_some(),
            Table::Index { number } => {
                let (refs, from) = index_range(places, number);
                refs.range(from, index::PAGES).iter().any(|page| !page.is_none())
            }
        }
    }

    /// The slots of a catalog page, as far as there were any when the checkpoint began.
    pub(in crate::thin::engine) fn page_slots(&self, number: usize) -> std::ops::Range<usize> {
        let end = self.checkpoint.roots.len();
        (number * catalog::SLOTS).min(end)..((number + 1) * catalog::SLOTS).min(end)
    }

    /// Writes a table's page, to be at an address and of a generation, as it was when the checkpoint began, or as it is
    /// if none runs.
    pub(in crate::thin::engine) fn encode_table(&self, table: Table, place: (u64, u64), block: &mut [u8]) {
        let pool = self.superblock.pool;
        let narrow = |number: usize| u32::try_from(number).expect("pages are few");
        let places = &self.checkpoint.places;
        match table {
            Table::Hosts { slot } => {
                let record = self.table.frozen(slot).expect("only what is there is written");
                let HostAccess::Hosts(hosts) = &record.access else { unreachable!("only lists are written") };
                HostsPage::encode(record.id, hosts, pool, place, block);
            }
            Table::Catalog { number } => {
                let entries: Vec<Option<Entry>> =
                    self.page_slots(number).map(|slot| self.entry(slot)).collect();
                CatalogPage::encode(narrow(number), entries.iter().map(Option::as_ref), pool, place, block);
            }
            Table::App { slot } => {
                let app = self.table.frozen_app(slot).expect("only what is there is written");
                app_page::encode(app, pool, place, block);
            }
            Table::Index { number } => {
                let (refs, from) = index_range(places, number);
                IndexPage::encode(narrow(number), refs.range(from, index::PAGES), pool, place, block);
            }
        }
    }

    /// What the catalog says of a slot.
    fn entry(&self, slot: usize) -> Option<Entry> {
        let record = self.table.frozen(slot)?;
        let places = &self.checkpoint.places;
        Some(Entry { root: places.roots.get(slot), hosts: places.hosts.get(slot), ..record.entry() })
    }
}

/// What index page `number` refers to, and from where on.
fn index_range(places: &super::Places, number: usize) -> (&super::Refs, usize) {
    match number.checked_sub(INDEX_PAGES) {
        None => (&places.catalog, number * index::PAGES),
        Some(number) => (&places.apps, number * index::PAGES),
    }
}

/// Writes a node's stream.
pub(in crate::thin::engine) fn encode_node(forest: &Forest, view: &NodeView<'_>, stream: &mut Vec<u8>) {
    if view.level() == 0 {
        let whole = |entry| match entry {
            EntryView::Whole(chunk) => Some(DiskLayer { chunk: chunk.0, mask: u32::MAX }),
            EntryView::Hole | EntryView::Fragment => None,
        };
        let layers = view.entries().enumerate().flat_map(|(slot, entry)| {
            let fragment =
                view.layers(slot).map(|layer| DiskLayer { chunk: layer.chunk.0, mask: layer.mask.0 });
            whole(entry).into_iter().chain(fragment).map(move |layer| (slot, layer))
        });
        leaf::encode(layers, stream);
    } else {
        let place = |id| PageRef(forest.place(id).expect("children are placed before their parents"));
        interior::encode(view.children().map(|(slot, child)| (slot, place(child))), stream);
    }
}
