//! Where metadata pages are: chunks of the pool, 32 pages each.
//!
//! A page that a durable checkpoint refers to is not written again before the next one is durable: pages are given
//! back only then.

use std::collections::{BTreeMap, BTreeSet};

use super::format::CHUNK_BLOCKS;
use crate::map::{Chunk, NoSpace, Purpose, Space};

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// A bit per page in use.
    chunks: BTreeMap<u32, u32>,
    /// Chunks with pages not in use.
    open: BTreeSet<u32>,
}

fn place(address: u64) -> (u32, u32) {
    let chunk = u32::try_from(address / u64::from(CHUNK_BLOCKS)).expect("addresses lie in the pool");
    let page = u32::try_from(address % u64::from(CHUNK_BLOCKS)).expect("below 32");
    (chunk, page)
}

impl Pages {
    /// Takes a page; a new chunk for it if need be.
    pub(crate) fn allocate(&mut self, space: &mut Space) -> Result<u64, NoSpace> {
        let chunk = match self.open.first() {
            Some(chunk) => *chunk,
            None => {
                let Chunk(chunk) = space.allocate(Purpose::Metadata)?;
                self.add_chunk(chunk);
                chunk
            }
        };
        let page = self.chunks[&chunk].trailing_ones();
        let address = u64::from(chunk) * u64::from(CHUNK_BLOCKS) + u64::from(page);
        self.take(chunk, page);
        Ok(address)
    }

    /// Takes the page at `address`, which is in use on disk. False: its chunk is not to be had, or it is taken twice.
    pub(crate) fn claim(&mut self, address: u64, space: &mut Space) -> bool {
        let (chunk, page) = place(address);
        if !self.chunks.contains_key(&chunk) {
            if !space.claim(Chunk(chunk), Purpose::Metadata) {
                return false;
            }
            self.add_chunk(chunk);
        }
        let free = self.chunks[&chunk] & (1 << page) == 0;
        if free {
            self.take(chunk, page);
        }
        free
    }

    /// Gives a page back, and its chunk with the last of its pages.
    pub(crate) fn give_back(&mut self, address: u64, space: &mut Space) {
        let (chunk, page) = place(address);
        let used = self.chunks.get_mut(&chunk).expect("a page is in one of the chunks");
        assert!(*used & (1 << page) != 0, "page {address} is free already");
        *used &= !(1 << page);
        self.open.insert(chunk);
        if *used == 0 {
            self.chunks.remove(&chunk);
            self.open.remove(&chunk);
            space.give_back(Chunk(chunk), Purpose::Metadata);
        }
    }

    /// Pages that can be taken without a new chunk.
    #[cfg(test)]
    fn free(&self) -> usize {
        self.chunks.values().map(|used| used.count_zeros() as usize).sum()
    }

    /// Chunks that hold pages, with a bit per page in use.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = (u32, u32)> {
        self.chunks.iter().map(|(chunk, used)| (*chunk, *used))
    }

    fn add_chunk(&mut self, chunk: u32) {
        self.chunks.insert(chunk, 0);
        self.open.insert(chunk);
    }

    fn take(&mut self, chunk: u32, page: u32) {
        let used = self.chunks.get_mut(&chunk).expect("a page is in one of the chunks");
        *used |= 1 << page;
        if *used == u32::MAX {
            self.open.remove(&chunk);
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::map::Forest;

    #[test]
    fn chunks_come_and_go_with_their_pages() {
        let mut forest = Forest::new(8);
        let space = forest.space_mut();
        assert!(space.claim(Chunk(0), Purpose::Metadata));
        let mut pages = Pages::default();
        let all: Vec<u64> = (0..33).map(|_| pages.allocate(space).unwrap()).collect();
        assert_eq!((all[0], all[31], all[32], pages.free()), (32, 63, 64, 31));
        pages.give_back(40, space);
        assert_eq!(pages.allocate(space), Ok(40), "the lowest page first");
        pages.give_back(64, space);
        assert_eq!((pages.free(), space.fill().metadata), (0, 2));
        assert!(pages.claim(100, space) && !pages.claim(100, space) && !pages.claim(1, space));
    }
}
