//! From references to maps: catalog, applications and nodes, level by level, each page once.

mod attached;

use std::collections::BTreeSet;

use super::super::engine::checkpoint::Places;
use super::super::format::catalog::{self, CatalogPage};
use super::super::format::entry::Entry;
use super::super::format::index::{self, IndexPage};
use super::super::format::node::NodePage;
use super::super::format::superblock::{APP_INDEX_PAGES, INDEX_PAGES, Superblock};
use super::super::format::{Damage, PageRef, interior, leaf};
use super::super::hash::NumberMap;
use super::super::pages::Pages;
use super::reader::Reader;
use crate::map::{BlockMask, Chunk, Layer, Loader, NodeId};
use crate::thin::app::AppRecord;
use crate::{HostAccess, VolumeError};

/// A node whose pages are being read.
#[derive(Debug)]
struct Reading {
    first: PageRef,
    /// The page that is wanted.
    page: PageRef,
    part: u16,
    level: u8,
    stream: Vec<u8>,
}

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) loader: Loader,
    pub(crate) pages: Pages,
    pub(crate) places: Places,
    pub(crate) entries: Vec<(usize, Entry)>,
    /// By slot.
    pub(crate) lists: NumberMap<u32, HostAccess>,
    pub(crate) apps: Vec<(usize, AppRecord)>,
    pub(crate) nodes: NumberMap<u64, NodeId>,
    /// The first pages of all nodes that were asked for.
    asked: BTreeSet<PageRef>,
    reading: Vec<Reading>,
    /// Parents' slots to fill once all nodes are there.
    edges: Vec<(NodeId, usize, PageRef)>,
    /// Pages that no block of a volume depends on may be lost.
    lenient: bool,
    /// Slots of applications that were lost, and of volumes whose allow-list was.
    pub(crate) lost_apps: BTreeSet<usize>,
    pub(crate) lost_lists: BTreeSet<usize>,
}

/// A damaged page as an error.
pub(crate) fn damaged(structure: &'static str, page: PageRef) -> impl Fn(Damage) -> VolumeError {
    move |damage| VolumeError::Damaged { structure, block: page.address(), detail: damage.text() }
}

impl Tree {
    pub(crate) fn new(loader: Loader) -> Self {
        Self {
            loader,
            pages: Pages::default(),
            places: Places::default(),
            entries: Vec::new(),
            lists: NumberMap::default(),
            apps: Vec::new(),
            nodes: NumberMap::default(),
            asked: BTreeSet::new(),
            reading: Vec::new(),
            edges: Vec::new(),
            lenient: false,
            lost_apps: BTreeSet::new(),
            lost_lists: BTreeSet::new(),
        }
    }

    /// As [`new`](Self::new), to get along without applications and allow-lists that are damaged.
    pub(crate) fn lenient(loader: Loader) -> Self {
        Self { lenient: true, ..Self::new(loader) }
    }

    /// Takes a page as in use; it must be nobody else's.
    fn claim(
        &mut self,
        structure: &'static str,
        page: PageRef,
        reader: &mut Reader,
    ) -> Result<(), VolumeError> {
        if !self.pages.claim(page.address(), self.loader.space_mut()) {
            let detail = "its place belongs to something else as well";
            return Err(VolumeError::Damaged { structure, block: page.address(), detail });
        }
        reader.want(page.address());
        Ok(())
    }

    /// Asks for the index.
    pub(crate) fn want_index(
        &mut self,
        superblock: &Superblock,
        reader: &mut Reader,
    ) -> Result<(), VolumeError> {
        let all = superblock.index.iter().chain(&superblock.apps);
        for (number, page) in all.enumerate().filter(|(_, page)| !page.is_none()) {
            self.places.index.set(number, *page);
            self.claim("index page", *page, reader)?;
        }
        Ok(())
    }

    /// Takes the index and asks for what it refers to.
    pub(crate) fn take_index(
        &mut self,
        superblock: &Superblock,
        reader: &mut Reader,
    ) -> Result<(), VolumeError> {
        for number in 0..INDEX_PAGES + APP_INDEX_PAGES {
            let page = self.places.index.get(number);
            if page.is_none() {
                continue;
            }
            let block = reader.block(page.address()).map_err(damaged("index page", page))?;
            let narrow = u32::try_from(number).expect("few");
            let pages = IndexPage::decode(narrow, page, superblock.pool, block);
            let pages = pages.map_err(damaged("index page", page))?;
            for (at, page) in pages.into_iter().enumerate().filter(|(_, page)| !page.is_none()) {
                match number.checked_sub(INDEX_PAGES) {
                    None => {
                        self.places.catalog.set(number * index::PAGES + at, page);
                        self.claim("catalog page", page, reader)?;
                    }
                    Some(number) => self.want_app(number * index::PAGES + at, page, reader)?,
                }
            }
        }
        Ok(())
    }

    /// Takes catalog and applications and asks for allow-lists and roots.
    pub(crate) fn take_catalog(
        &mut self,
        superblock: &Superblock,
        reader: &mut Reader,
    ) -> Result<(), VolumeError> {
        for (number, page) in self.places.catalog.iter() {
            let block = reader.block(page.address()).map_err(damaged("catalog page", page))?;
            let narrow = u32::try_from(number).expect("few");
            let slots = CatalogPage::decode(narrow, page, superblock.pool, block);
            let slots = slots.map_err(damaged("catalog page", page))?;
            let found = slots.into_iter().enumerate().filter_map(|(at, entry)| Some((at, entry?)));
            self.entries.extend(found.map(|(at, entry)| (number * catalog::SLOTS + at, entry)));
        }
        for (slot, page) in self.places.apps.iter() {
            self.take_app(slot, page, superblock.pool, reader)?;
        }
        for at in 0..self.entries.len() {
            let (slot, Entry { root, hosts, .. }) = self.entries[at];
            self.places.roots.set(slot, root);
            self.want_list(at, slot, hosts, reader)?;
            self.want_node(root, reader)?;
        }
        Ok(())
    }

    /// Asks for a node, once.
    fn want_node(&mut self, first: PageRef, reader: &mut Reader) -> Result<(), VolumeError> {
        if first.is_none() || !self.asked.insert(first) {
            return Ok(());
        }
        self.claim("node", first, reader)?;
        self.reading.push(Reading { first, page: first, part: 0, level: 0, stream: Vec::new() });
        Ok(())
    }

    /// Takes the pages of nodes that were asked for, and asks for what they refer to. False: there were none.
    pub(crate) fn take_nodes(
        &mut self,
        superblock: &Superblock,
        reader: &mut Reader,
    ) -> Result<bool, VolumeError> {
        let reading = std::mem::take(&mut self.reading);
        let any = !reading.is_empty();
        for mut node in reading {
            let page = node.page;
            let block = reader.block(page.address()).map_err(damaged("node", page))?;
            let (head, stream) =
                NodePage::decode(page, superblock.pool, block).map_err(damaged("node", page))?;
            if head.part != node.part || node.part > 0 && head.level != node.level {
                return Err(damaged("node", page)(Damage::Contents("its pages do not belong together")));
            }
            node.stream.extend_from_slice(stream);
            node.level = head.level;
            if head.next.is_none() {
                self.take_node(&node, reader)?;
            } else {
                self.claim("node", head.next, reader)?;
                self.places.more.entry(node.first.address()).or_default().push(head.next.address());
                self.reading.push(Reading { page: head.next, part: node.part + 1, ..node });
            }
        }
        Ok(any)
    }

    /// Takes a node whose pages are all there.
    fn take_node(&mut self, node: &Reading, reader: &mut Reader) -> Result<(), VolumeError> {
        let id = self.loader.node(usize::from(node.level), node.first.0)?;
        self.nodes.insert(node.first.0, id);
        if node.level == 0 {
            for (slot, layer) in leaf::decode(&node.stream).map_err(damaged("leaf", node.first))? {
                let layer = Layer { chunk: Chunk(layer.chunk), mask: BlockMask(layer.mask) };
                self.loader.layer(id, slot, layer)?;
            }
            return Ok(());
        }
        for (slot, child) in interior::decode(&node.stream).map_err(damaged("interior node", node.first))? {
            self.edges.push((id, slot, child));
            self.want_node(child, reader)?;
        }
        Ok(())
    }

    /// All nodes are there: joins them.
    pub(crate) fn join(&mut self) -> Result<(), VolumeError> {
        for (parent, slot, child) in std::mem::take(&mut self.edges) {
            self.loader.child(parent, slot, self.nodes[&child.0])?;
        }
        Ok(())
    }
}
