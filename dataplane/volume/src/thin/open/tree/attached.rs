//! What hangs on the catalog besides maps: applications, and volumes' allow-lists. No block of a volume depends on any.

use uuid::Uuid;

use super::{Reader, Tree, damaged};
use crate::thin::format::entry::Entry;
use crate::thin::format::hosts::HostsPage;
use crate::thin::format::superblock::Superblock;
use crate::thin::format::{PageRef, app_page};
use crate::{HostAccess, VolumeError};

impl Tree {
    pub(super) fn want_app(
        &mut self,
        slot: usize,
        page: PageRef,
        reader: &mut Reader,
    ) -> Result<(), VolumeError> {
        match self.claim("application", page, reader) {
            Ok(()) => drop(self.places.apps.set(slot, page)),
            Err(_) if self.lenient => drop(self.lost_apps.insert(slot)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn take_app(
        &mut self,
        slot: usize,
        page: PageRef,
        pool: Uuid,
        reader: &Reader,
    ) -> Result<(), VolumeError> {
        match reader.block(page.address()).and_then(|block| app_page::decode(page, pool, block)) {
            Ok(app) if self.lenient && self.apps.iter().any(|(_, other)| other.name == app.name) => {
                self.lost_apps.insert(slot);
            }
            Ok(app) => self.apps.push((slot, app)),
            Err(_) if self.lenient => drop(self.lost_apps.insert(slot)),
            Err(damage) => return Err(damaged("application", page)(damage)),
        }
        Ok(())
    }

    pub(super) fn want_list(
        &mut self,
        at: usize,
        slot: usize,
        page: PageRef,
        reader: &mut Reader,
    ) -> Result<(), VolumeError> {
        if page.is_none() {
            return Ok(());
        }
        match self.claim("allow-list", page, reader) {
            Ok(()) => drop(self.places.hosts.set(slot, page)),
            Err(_) if self.lenient => self.shut(at),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Lets no host connect to a volume whose list is lost.
    fn shut(&mut self, at: usize) {
        let (slot, entry) = &mut self.entries[at];
        (entry.published, entry.listed_hosts, entry.hosts) = (false, false, PageRef::NONE);
        self.lost_lists.insert(*slot);
    }

    /// Takes the allow-lists.
    pub(crate) fn take_lists(&mut self, superblock: &Superblock, reader: &Reader) -> Result<(), VolumeError> {
        for at in 0..self.entries.len() {
            let (slot, entry) = &self.entries[at];
            match list_of(entry, superblock.pool, reader) {
                Ok(None) => {}
                Ok(Some(access)) => drop(self.lists.insert(u32::try_from(*slot).expect("few"), access)),
                Err(_) if self.lenient => self.shut(at),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A volume's allow-list, if it has one.
fn list_of(entry: &Entry, pool: Uuid, reader: &Reader) -> Result<Option<HostAccess>, VolumeError> {
    let page = entry.hosts;
    if entry.listed_hosts == page.is_none() {
        let detail = "an entry has hosts and no list, or a list and no hosts";
        return Err(VolumeError::Damaged { structure: "catalog page", block: page.address(), detail });
    }
    if page.is_none() {
        return Ok(None);
    }
    let list = reader.block(page.address()).and_then(|block| HostsPage::decode(entry.id, page, pool, block));
    list.map(Some).map_err(damaged("allow-list", page))
}
