//! The nodes of all maps, level by level, each once, and whose maps they are in.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Listed;
use super::fault::Fault;
use super::finding::{Opening, Structure};
use super::ledger::{At, Ledger, Subject};
use crate::map::{CHUNK_BLOCKS, LEVELS, MAX_MAP_BLOCKS, NODE_ENTRIES};
use crate::thin::format::leaf::DiskLayer;
use crate::thin::format::node::NodePage;
use crate::thin::format::superblock::Superblock;
use crate::thin::format::{PageRef, interior, leaf};
use crate::thin::open::reader::Reader;

/// Where a node belongs: its level, and the first block of a volume that it maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seat {
    level: usize,
    first: u64,
}

/// Who refers to a node.
#[derive(Debug, Clone, Copy)]
enum Referrer {
    /// The entry, by its place in the list.
    Entry(usize),
    Node(u64),
}

#[derive(Debug)]
struct Node {
    seat: Seat,
    /// The end of what is mapped, in blocks of the volume.
    end: u64,
    referrers: Vec<Referrer>,
}

/// A node whose pages are being read.
#[derive(Debug)]
struct Reading {
    first: PageRef,
    page: PageRef,
    part: u16,
    stream: Vec<u8>,
}

/// See the module's description. Nodes are named by the reference to their first page.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    all: BTreeMap<u64, Node>,
    reading: Vec<Reading>,
}

/// Blocks under an entry of a node of `level`.
fn entry_blocks(level: usize) -> u64 {
    (0..level).fold(CHUNK_BLOCKS, |blocks, _| blocks * NODE_ENTRIES as u64)
}

impl Nodes {
    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Asks for the roots.
    pub(super) fn want_roots(&mut self, entries: &[Listed], ledger: &mut Ledger, reader: &mut Reader) {
        for (number, listed) in entries.iter().enumerate() {
            let blocks = listed.blocks();
            if !listed.entry.root.is_none() && blocks <= MAX_MAP_BLOCKS {
                let level = (0..LEVELS).find(|level| entry_blocks(level + 1) >= blocks).unwrap_or(LEVELS);
                let seat = Seat { level, first: 0 };
                self.refer(listed.entry.root, seat, Referrer::Entry(number), ledger, reader);
            }
        }
    }

    /// Notes a reference to a node, and asks for it if it is the first.
    fn refer(&mut self, page: PageRef, seat: Seat, by: Referrer, ledger: &mut Ledger, reader: &mut Reader) {
        let node = self.all.entry(page.0).or_insert(Node { seat, end: 0, referrers: Vec::new() });
        node.referrers.push(by);
        let known = node.seat;
        if node.referrers.len() > 1 {
            if known != seat {
                let fault =
                    Fault::Seat { level: known.level, first: known.first, again: (seat.level, seat.first) };
                let opening = if known.level == seat.level { Opening::Overlooks } else { Opening::Refuses };
                ledger.note(At(Structure::Node, page.address()), fault, Subject::Node(page.0), opening);
            }
        } else if ledger.claim(Structure::Node, page, Subject::Node(page.0)) {
            reader.want(page.address());
            self.reading.push(Reading { first: page, page, part: 0, stream: Vec::new() });
        }
    }

    /// Takes the pages that were asked for, and asks for what they refer to. False: there were none.
    pub(super) fn take(&mut self, superblock: &Superblock, ledger: &mut Ledger, reader: &mut Reader) -> bool {
        let reading = std::mem::take(&mut self.reading);
        let any = !reading.is_empty();
        for node in reading {
            let (at, subject) = (At(Structure::Node, node.page.address()), Subject::Node(node.first.0));
            let next = match self.take_page(&node, superblock, ledger, reader) {
                Ok(next) => next,
                Err(fault) => {
                    ledger.note(at, fault, subject, Opening::Refuses);
                    continue;
                }
            };
            if let Some((stream, next)) = next
                && ledger.claim(Structure::Node, next, subject)
            {
                reader.want(next.address());
                self.reading.push(Reading { page: next, part: node.part.saturating_add(1), stream, ..node });
            }
        }
        any
    }

    /// Takes a page: the last ends its node, after another there is the next.
    fn take_page(
        &mut self,
        node: &Reading,
        superblock: &Superblock,
        ledger: &mut Ledger,
        reader: &mut Reader,
    ) -> Result<Option<(Vec<u8>, PageRef)>, Fault> {
        let block = reader.block(node.page.address())?;
        let (head, part) = NodePage::decode(node.page, superblock.pool, block)?;
        let expected = self.all[&node.first.0].seat.level;
        let found = usize::from(head.level);
        if found != expected {
            return Err(Fault::Level { expected, found });
        }
        if head.part != node.part {
            return Err(Fault::Contents("its pages do not belong together"));
        }
        let stream = [node.stream.as_slice(), part].concat();
        if !head.next.is_none() {
            return Ok(Some((stream, head.next)));
        }
        if expected == 0 {
            self.take_leaf(node.first, &stream, ledger);
        } else {
            self.take_interior(node.first, &stream, ledger, reader);
        }
        Ok(None)
    }

    fn take_leaf(&mut self, page: PageRef, stream: &[u8], ledger: &mut Ledger) {
        let (at, subject) = (At(Structure::Leaf, page.address()), Subject::Node(page.0));
        let layers = match leaf::decode(stream) {
            Ok(layers) => layers,
            Err(damage) => return ledger.note(at, damage, subject, Opening::Refuses),
        };
        let first = self.all[&page.0].seat.first;
        let (mut end, mut seen) = (0, BTreeSet::new());
        for (slot, DiskLayer { chunk, mask }) in layers {
            let start = first + slot as u64 * CHUNK_BLOCKS;
            end = start + CHUNK_BLOCKS - u64::from(mask.leading_zeros());
            if let Err((fault, opening)) = ledger.take(chunk, slot, start / CHUNK_BLOCKS) {
                ledger.note(at, fault, subject, opening);
            } else if !seen.insert((slot, chunk)) {
                ledger.note(at, Fault::ChunkTwice { slot, chunk }, subject, Opening::Refuses);
            }
        }
        self.all.get_mut(&page.0).expect("it was asked for").end = end;
    }

    fn take_interior(&mut self, page: PageRef, stream: &[u8], ledger: &mut Ledger, reader: &mut Reader) {
        let seat = self.all[&page.0].seat;
        match interior::decode(stream) {
            Ok(children) => {
                for (slot, child) in children {
                    let first = seat.first + slot as u64 * entry_blocks(seat.level);
                    let seat = Seat { level: seat.level - 1, first };
                    self.refer(child, seat, Referrer::Node(page.0), ledger, reader);
                }
            }
            Err(damage) => {
                let at = At(Structure::Interior, page.address());
                ledger.note(at, damage, Subject::Node(page.0), Opening::Refuses);
            }
        }
    }

    /// All nodes are there: nothing may be mapped where a volume has ended.
    pub(super) fn check_ends(&mut self, entries: &[Listed], ledger: &mut Ledger) {
        for level in 0..LEVELS {
            let of_level = self.all.values().filter(|node| node.seat.level == level);
            let parents: Vec<(u64, u64)> =
                of_level.flat_map(|node| parents(node).map(|parent| (parent, node.end))).collect();
            for (parent, end) in parents {
                let parent = self.all.get_mut(&parent).expect("who refers to a node was read");
                parent.end = parent.end.max(end);
            }
        }
        for (number, listed) in entries.iter().enumerate() {
            let (root, blocks) = (listed.entry.root, listed.blocks());
            if let Some(end) = self.all.get(&root.0).map(|node| node.end).filter(|end| *end > blocks) {
                let at = At(Structure::Node, root.address());
                ledger.note(at, Fault::BeyondEnd { end, blocks }, Subject::Entry(number), Opening::Overlooks);
            }
        }
    }

    /// The entries whose maps have the node.
    pub(super) fn entries_of(&self, node: u64) -> BTreeSet<usize> {
        let (mut entries, mut visited, mut waiting) = (BTreeSet::new(), BTreeSet::new(), vec![node]);
        while let Some(node) = waiting.pop() {
            if !visited.insert(node) {
                continue;
            }
            for referrer in &self.all[&node].referrers {
                match referrer {
                    Referrer::Entry(entry) => drop(entries.insert(*entry)),
                    Referrer::Node(parent) => waiting.push(*parent),
                }
            }
        }
        entries
    }
}

fn parents(node: &Node) -> impl Iterator<Item = u64> {
    node.referrers.iter().filter_map(|referrer| match referrer {
        Referrer::Node(parent) => Some(*parent),
        Referrer::Entry(_) => None,
    })
}
