//! Index, catalog, entries, allow-lists and applications.

use std::collections::BTreeSet;

use super::fault::Fault;
use super::finding::{Affected, Opening, Structure};
use super::ledger::{At, Ledger, Subject};
use crate::map::MAX_MAP_BLOCKS;
use crate::thin::app::AppRecord;
use crate::thin::format::catalog::{self, CatalogPage};
use crate::thin::format::entry::Entry;
use crate::thin::format::hosts::HostsPage;
use crate::thin::format::index::{self, IndexPage};
use crate::thin::format::superblock::{INDEX_PAGES, Superblock};
use crate::thin::format::{PageRef, app_page};
use crate::thin::open::reader::Reader;
use crate::thin::volume::map_blocks;

/// An entry that was read, with the block of its page.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) block: u64,
    pub(super) entry: Entry,
}

impl Listed {
    pub(super) fn blocks(&self) -> u64 {
        map_blocks(self.entry.spec.size_bytes)
    }

    pub(super) fn affected(&self) -> Affected {
        Affected { name: self.entry.spec.name.clone(), uuid: self.entry.spec.uuid }
    }
}

/// What was read, and pages to be read with their numbers.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    index: Vec<(usize, PageRef)>,
    pages: Vec<(usize, PageRef)>,
    app_pages: Vec<PageRef>,
    lists: Vec<(usize, PageRef)>,
    pub(super) entries: Vec<Listed>,
    pub(super) apps: Vec<AppRecord>,
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).expect("pages are few")
}

/// Takes a page and asks for it.
fn want(
    structure: Structure,
    page: PageRef,
    subject: Subject,
    ledger: &mut Ledger,
    reader: &mut Reader,
) -> bool {
    let own = !page.is_none() && ledger.claim(structure, page, subject);
    if own {
        reader.want(page.address());
    }
    own
}

/// Whom an index page's loss concerns: applications' are nobody's data.
fn of_index(number: usize) -> Subject {
    if number < INDEX_PAGES { Subject::Unnamed(index::PAGES * catalog::SLOTS) } else { Subject::Nobody }
}

const OF_CATALOG: Subject = Subject::Unnamed(catalog::SLOTS);

impl Catalog {
    /// Asks for the index.
    pub(super) fn want_index(&mut self, superblock: &Superblock, ledger: &mut Ledger, reader: &mut Reader) {
        for (number, page) in superblock.index.iter().chain(&superblock.apps).copied().enumerate() {
            if want(Structure::Index, page, of_index(number), ledger, reader) {
                self.index.push((number, page));
            }
        }
    }

    /// Takes the index and asks for what it refers to.
    pub(super) fn take_index(&mut self, superblock: &Superblock, ledger: &mut Ledger, reader: &mut Reader) {
        for (number, page) in std::mem::take(&mut self.index) {
            let block = reader.block(page.address());
            let pages =
                block.and_then(|block| IndexPage::decode(narrow(number), page, superblock.pool, block));
            let pages = match pages {
                Ok(pages) => pages,
                Err(damage) => {
                    let at = At(Structure::Index, page.address());
                    ledger.note(at, damage, of_index(number), Opening::Refuses);
                    continue;
                }
            };
            for (at, page) in pages.into_iter().enumerate() {
                if number >= INDEX_PAGES {
                    if want(Structure::Application, page, Subject::Nobody, ledger, reader) {
                        self.app_pages.push(page);
                    }
                } else if want(Structure::Catalog, page, OF_CATALOG, ledger, reader) {
                    self.pages.push((number * index::PAGES + at, page));
                }
            }
        }
    }

    /// Takes catalog and applications and asks for allow-lists.
    pub(super) fn take_catalog(&mut self, superblock: &Superblock, ledger: &mut Ledger, reader: &mut Reader) {
        for (number, page) in std::mem::take(&mut self.pages) {
            let block = reader.block(page.address());
            let slots =
                block.and_then(|block| CatalogPage::decode(narrow(number), page, superblock.pool, block));
            let at = At(Structure::Catalog, page.address());
            match slots {
                Ok(slots) => {
                    let beyond = (superblock.entries as usize).saturating_sub(number * catalog::SLOTS);
                    if slots.iter().skip(beyond).any(Option::is_some) {
                        let fault = Fault::Contents("it has more entries than the superblock says");
                        ledger.note(at, fault, Subject::Nobody, Opening::Mends);
                    }
                    let listed = |entry| Listed { block: page.address(), entry };
                    self.entries.extend(slots.into_iter().flatten().map(listed));
                }
                Err(damage) => ledger.note(at, damage, OF_CATALOG, Opening::Refuses),
            }
        }
        self.take_apps(superblock, ledger, reader);
        self.check_entries(superblock, ledger);
        for number in 0..self.entries.len() {
            let page = self.entries[number].entry.hosts;
            if want(Structure::Hosts, page, Subject::Entry(number), ledger, reader) {
                self.lists.push((number, page));
            }
        }
    }

    fn take_apps(&mut self, superblock: &Superblock, ledger: &mut Ledger, reader: &Reader) {
        for page in std::mem::take(&mut self.app_pages) {
            let at = At(Structure::Application, page.address());
            match reader
                .block(page.address())
                .and_then(|block| app_page::decode(page, superblock.pool, block))
            {
                Ok(app) if self.apps.iter().any(|other| other.name == app.name) => {
                    ledger.note(at, Fault::Twin { what: "name" }, Subject::Nobody, Opening::Overlooks);
                }
                Ok(app) => self.apps.push(app),
                Err(damage) => ledger.note(at, damage, Subject::Nobody, Opening::Refuses),
            }
        }
    }

    /// What entries say of each other and of the pool.
    fn check_entries(&self, superblock: &Superblock, ledger: &mut Ledger) {
        let (mut ids, mut uuids, mut names) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (number, listed) in self.entries.iter().enumerate() {
            let entry = &listed.entry;
            let mut note = |fault, opening| {
                ledger.note(At(Structure::Entry, listed.block), fault, Subject::Entry(number), opening);
            };
            // Volumes have names of their own, snapshots among those of their origin.
            let family = (entry.snapshot, if entry.snapshot { entry.origin } else { 0 });
            let twins = [
                (!ids.insert(entry.id), "id"),
                (!uuids.insert(entry.spec.uuid), "UUID"),
                (!names.insert((family, entry.spec.name.as_str())), "name"),
            ];
            for (_, what) in twins.into_iter().filter(|(is_twin, _)| *is_twin) {
                note(Fault::Twin { what }, Opening::Refuses);
            }
            if entry.id >= superblock.next_id || entry.origin >= superblock.next_id {
                let id = entry.id.max(entry.origin);
                note(Fault::Id { id }, if id == u32::MAX { Opening::Refuses } else { Opening::Mends });
            }
            if listed.blocks() > MAX_MAP_BLOCKS {
                note(Fault::Contents("it is longer than volumes can be"), Opening::Refuses);
            }
            if entry.listed_hosts == entry.hosts.is_none() {
                note(Fault::Hosts, Opening::Refuses);
            }
        }
    }

    /// Takes the allow-lists.
    pub(super) fn take_lists(&mut self, superblock: &Superblock, ledger: &mut Ledger, reader: &Reader) {
        for (number, page) in std::mem::take(&mut self.lists) {
            let id = self.entries[number].entry.id;
            let block = reader.block(page.address());
            if let Err(damage) = block.and_then(|block| HostsPage::decode(id, page, superblock.pool, block)) {
                let at = At(Structure::Hosts, page.address());
                ledger.note(at, damage, Subject::Entry(number), Opening::Refuses);
            }
        }
    }
}
