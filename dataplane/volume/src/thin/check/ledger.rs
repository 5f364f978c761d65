//! What was found so far: complaints, and who has which page and chunk.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::finding::{Affects, Complaint, Opening, Structure};
use crate::thin::format::{CHUNK_BLOCKS, PageRef};
use crate::thin::geometry::Geometry;

/// Whom a complaint is about, as long as the maps are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Nobody,
    Pool,
    /// So many entries that cannot be read.
    Unnamed(usize),
    /// The entry, by its place in the list of those that were read.
    Entry(usize),
    /// All whose maps have this node, by reference.
    Node(u64),
}

/// A structure and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub(super) Structure, pub(super) u64);

/// What a chunk holds: nothing that is known, metadata, or the chunk of a volume of this number.
const NOTHING: u32 = u32::MAX;
const METADATA: u32 = u32::MAX - 1;
const LAST: u32 = METADATA - 1;

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    complaints: Vec<(Subject, Complaint)>,
    pages: BTreeMap<u64, Structure>,
    first_chunk: u32,
    chunks: Vec<u32>,
}

impl Ledger {
    /// The pool's geometry is known.
    pub(super) fn begin(&mut self, geometry: &Geometry) {
        self.first_chunk = geometry.first_chunk();
        self.chunks = vec![NOTHING; geometry.chunks as usize];
        self.chunks[..self.first_chunk as usize].fill(METADATA);
    }

    pub(super) fn note(&mut self, at: At, fault: impl Into<Fault>, subject: Subject, opening: Opening) {
        let (structure, block, fault) = (at.0, Some(at.1), fault.into());
        let complaint = Complaint { structure, block, fault, affects: Affects::Nobody, opening };
        self.complaints.push((subject, complaint));
    }

    /// As [`note`](Self::note), of the pool as a whole.
    pub(super) fn note_pool(&mut self, fault: Fault, opening: Opening) {
        let (structure, affects) = (Structure::Pool, Affects::Nobody);
        self.complaints.push((Subject::Pool, Complaint { structure, block: None, fault, affects, opening }));
    }

    /// Whether opening the pool would end here.
    pub(super) fn is_refused(&self) -> bool {
        self.complaints.iter().any(|(_, complaint)| complaint.opening == Opening::Refuses)
    }

    /// Takes a page. False: it is no page, or another's, and that is noted.
    pub(super) fn claim(&mut self, structure: Structure, page: PageRef, subject: Subject) -> bool {
        let address = page.address();
        let at = At(structure, address);
        if let Some(by) = self.pages.get(&address).copied() {
            self.note(at, Fault::Claimed { by }, subject, Opening::Refuses);
            return false;
        }
        let number = u32::try_from(address / u64::from(CHUNK_BLOCKS)).expect("references have 36 bits");
        let held = match self.chunks.get_mut(number as usize) {
            Some(chunk) if number >= self.first_chunk => std::mem::replace(chunk, METADATA),
            _ => {
                self.note(at, Fault::Outside, subject, Opening::Refuses);
                return false;
            }
        };
        if held <= LAST {
            self.note(at, Fault::InData { chunk: number }, subject, Opening::Refuses);
        }
        self.pages.insert(address, structure);
        held > LAST
    }

    /// Takes chunk `chunk` for blocks of chunk `index` of volumes, as slot `slot` of a leaf says.
    pub(super) fn take(&mut self, chunk: u32, slot: usize, index: u64) -> Result<(), (Fault, Opening)> {
        let index = u32::try_from(index).map_or(LAST, |index| index.min(LAST));
        let first_chunk = self.first_chunk;
        let Some(held) = self.chunks.get_mut(chunk as usize).filter(|_| chunk >= first_chunk) else {
            return Err((Fault::ChunkOutside { slot, chunk }, Opening::Refuses));
        };
        match *held {
            NOTHING => *held = index,
            METADATA => return Err((Fault::ChunkOfMetadata { slot, chunk }, Opening::Refuses)),
            other if other == index => {}
            other => return Err((Fault::ChunkElsewhere { slot, chunk, other }, Opening::Overlooks)),
        }
        Ok(())
    }

    /// Chunks with blocks of volumes, and those with metadata.
    pub(super) fn usage(&self) -> (usize, usize) {
        let count = |of: fn(u32) -> bool| self.chunks.iter().filter(|held| of(**held)).count();
        (count(|held| held <= LAST), count(|held| held == METADATA))
    }

    /// All complaints, by place, with whom each is about.
    pub(super) fn into_complaints(self, affects: impl Fn(Subject) -> Affects) -> Vec<Complaint> {
        let named = |(subject, complaint)| Complaint { affects: affects(subject), ..complaint };
        let mut complaints: Vec<Complaint> = self.complaints.into_iter().map(named).collect();
        complaints.sort_by_key(|complaint| (complaint.structure, complaint.block));
        complaints
    }
}
