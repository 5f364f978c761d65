//! The chunks of a pool: which are free, and how many leaves refer to each.
//!
//! Counts are not stored on disk; opening a pool counts again. A byte per chunk is nearly always enough, the few
//! chunks with more references have the rest of their count in a map.
//!
//! Beside the count stands the *owner*: the exclusive or of the leaves that refer to a shared chunk. Once one of
//! them is left, that is its number, and so the exact count of chunks that a map has to itself follows every change.
//! Owners of chunks that were never shared are never written, and so take no memory.
//!
//! Invariants: a chunk is free if and only if its count is 0 and nobody allocated it; `owners[c]` means something
//! while `count(c) >= 2`, and is 0 then if no leaf refers to `c` any more and only drops are held.

use std::collections::BTreeMap;

use super::free::FreeSet;
use super::geometry::{Chunk, MAX_CHUNKS};
use super::node::NodeId;

/// No chunk is to be had. Only what needs a new chunk fails; overwrites, reads and deletions go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pool is full: delete volumes or snapshots, or unmap blocks")]
pub struct NoSpace;

/// What a chunk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A volume's blocks: leaves the reserve alone.
    Data,
    /// The pool's own: checkpoints and the journal, so that a full pool can still record deletions.
    Metadata,
}

/// How full a pool is, in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// All there are.
    pub total: u32,
    /// Of them free, the reserve included.
    pub free: u32,
    /// Of them kept for metadata.
    pub reserve: u32,
    /// Of them taken by metadata.
    pub metadata: u32,
}

/// Where warnings begin, in per cent of the chunks that data may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// At and above: [`Level::Low`].
    pub low_percent: u8,
    /// At and above: [`Level::Critical`].
    pub critical_percent: u8,
}

/// What a fill means, in the order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to do.
    Ample,
    /// Plan for more space.
    Low,
    /// Make space now.
    Critical,
    /// Writes that need a chunk fail.
    Full,
}

impl Fill {
    /// Chunks that data can still get.
    #[must_use]
    pub fn available(&self) -> u32 {
        self.free.saturating_sub(self.reserve)
    }

    /// Which threshold has been reached.
    #[must_use]
    pub fn level(&self, thresholds: Thresholds) -> Level {
        let usable = u64::from(self.total.saturating_sub(self.metadata).saturating_sub(self.reserve));
        let used = usable.saturating_sub(u64::from(self.available()));
        let reaches = |percent: u8| used * 100 >= usable * u64::from(percent);
        match self.available() {
            0 => Level::Full,
            _ if reaches(thresholds.critical_percent) => Level::Critical,
            _ if reaches(thresholds.low_percent) => Level::Low,
            _ => Level::Ample,
        }
    }
}

/// The allocator and the counts.
#[derive(Debug)]
pub struct Space {
    free: FreeSet,
    /// Where the search goes on: chunks written one after the other lie one after the other.
    next: Chunk,
    total: u32,
    reserve: u32,
    metadata: u32,
    /// References from leaves, and drops of references that are held; 255 stands for "see `many`".
    counts: Vec<u8>,
    many: BTreeMap<Chunk, u32>,
    owners: Vec<u32>,
}

/// Counts below this one, and the next, are told by the byte alone.
const FEW: u8 = u8::MAX - 1;
/// The lowest count that the map holds.
const MANY: u32 = u8::MAX as u32;

impl Space {
    /// A pool of so many chunks, all free.
    ///
    /// # Panics
    /// If there are more than [`MAX_CHUNKS`].
    pub(super) fn new(chunks: u32) -> Self {
        assert!(chunks <= MAX_CHUNKS, "an entry cannot name {chunks} chunks");
        // Zeroed vectors come as untouched pages: counts and owners cost memory only where they are used.
        Self {
            free: FreeSet::full(chunks),
            next: Chunk(0),
            total: chunks,
            reserve: 0,
            metadata: 0,
            counts: vec![0; chunks as usize],
            many: BTreeMap::new(),
            owners: vec![0; chunks as usize],
        }
    }

    /// Takes a free chunk. It is the caller's until a map refers to it, or [`Space::give_back`].
    ///
    /// # Errors
    /// [`NoSpace`]: none is free, or only the reserve and this is for data.
    pub fn allocate(&mut self, purpose: Purpose) -> Result<Chunk, NoSpace> {
        let kept = if purpose == Purpose::Data { self.reserve } else { 0 };
        if self.free.count() <= kept {
            return Err(NoSpace);
        }
        let chunk = self.free.next(self.next).or_else(|| self.free.next(Chunk(0))).expect("some are free");
        self.free.remove(chunk);
        self.next = Chunk(chunk.0 + 1);
        if purpose == Purpose::Metadata {
            self.metadata += 1;
        }
        Ok(chunk)
    }

    /// Takes this very chunk, as opening a pool and replaying its journal do; whether it was free.
    pub fn claim(&mut self, chunk: Chunk, purpose: Purpose) -> bool {
        let was_free = self.free.remove(chunk);
        if was_free && purpose == Purpose::Metadata {
            self.metadata += 1;
        }
        was_free
    }

    /// Frees an allocated chunk to which no map refers, and no I/O in flight.
    ///
    /// # Panics
    /// If a map refers to it, or it is free already.
    pub fn give_back(&mut self, chunk: Chunk, purpose: Purpose) {
        assert_eq!(self.count(chunk), 0, "{chunk:?} is in use");
        assert!(self.free.insert(chunk), "{chunk:?} is free already");
        if purpose == Purpose::Metadata {
            self.metadata -= 1;
        }
    }

    /// Keeps so many chunks for metadata.
    pub fn set_reserve(&mut self, chunks: u32) {
        self.reserve = chunks;
    }

    /// How full the pool is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        let (free, reserve, metadata) = (self.free.count(), self.reserve, self.metadata);
        Fill { total: self.total, free, reserve, metadata }
    }

    /// Whether the chunk is free; a chunk beyond the pool is not.
    #[must_use]
    pub fn is_free(&self, chunk: Chunk) -> bool {
        self.free.contains(chunk)
    }

    /// References to the chunk, those included whose drop is held.
    pub(super) fn count(&self, chunk: Chunk) -> u32 {
        match self.counts[chunk.index()] {
            u8::MAX => self.many.get(&chunk).copied().expect("255 stands for an entry"),
            count => u32::from(count),
        }
    }

    /// Whether one reference is all there is.
    pub(super) fn is_single(&self, chunk: Chunk) -> bool {
        self.counts[chunk.index()] == 1
    }

    pub(super) fn has(&self, chunk: Chunk) -> bool {
        chunk.0 < self.total
    }

    pub(super) fn owner(&self, chunk: Chunk) -> u32 {
        self.owners[chunk.index()]
    }

    /// A leaf refers to a chunk that was allocated for it.
    pub(super) fn gain(&mut self, chunk: Chunk) {
        assert!(!self.free.contains(chunk) && self.count(chunk) == 0, "{chunk:?} was not allocated for this");
        self.increment(chunk);
    }

    /// A leaf's copy refers to its chunk as well.
    pub(super) fn share(&mut self, chunk: Chunk, leaf: NodeId, copy: NodeId) {
        let alone = self.is_single(chunk);
        let owner = &mut self.owners[chunk.index()];
        *owner = copy.get() ^ if alone { leaf.get() } else { *owner };
        self.increment(chunk);
    }

    /// A leaf does not refer to the chunk any more; the count falls once the drop is settled. Returns whether no other
    /// leaf does.
    pub(super) fn lose(&mut self, chunk: Chunk, leaf: NodeId) -> bool {
        let was_alone = self.is_single(chunk);
        if !was_alone {
            self.owners[chunk.index()] ^= leaf.get();
        }
        was_alone
    }

    /// Settles the drop of a reference: frees the chunk, or returns the one leaf that is left.
    pub(super) fn drop_reference(&mut self, chunk: Chunk) -> Option<NodeId> {
        match self.decrement(chunk) {
            0 => {
                self.free.insert(chunk);
                None
            }
            1 => NodeId::new(self.owners[chunk.index()]),
            _ => None,
        }
    }

    /// While a pool is opened: one more leaf refers to the chunk.
    pub(super) fn load(&mut self, chunk: Chunk) {
        self.increment(chunk);
    }

    /// While a pool is opened, once all leaves are loaded: takes what they refer to out of the free set.
    ///
    /// # Errors
    /// A chunk in use that was claimed.
    pub(super) fn load_free(&mut self) -> Result<(), Chunk> {
        for (chunk, _) in (0..).map(Chunk).zip(&self.counts).filter(|(_, count)| **count > 0) {
            if !self.free.remove(chunk) {
                return Err(chunk);
            }
        }
        Ok(())
    }

    /// While a pool is opened, once all leaves are loaded: the leaf is one that refers to the chunk. Returns whether it
    /// is the only one.
    pub(super) fn load_owner(&mut self, chunk: Chunk, leaf: NodeId) -> bool {
        let alone = self.is_single(chunk);
        if !alone {
            self.owners[chunk.index()] ^= leaf.get();
        }
        alone
    }

    fn increment(&mut self, chunk: Chunk) {
        match &mut self.counts[chunk.index()] {
            few @ ..FEW => *few += 1,
            _ => self.set(chunk, self.count(chunk) + 1),
        }
    }

    fn decrement(&mut self, chunk: Chunk) -> u32 {
        let count = self.count(chunk).checked_sub(1).expect("a reference that is dropped was counted");
        self.set(chunk, count);
        count
    }

    fn set(&mut self, chunk: Chunk, count: u32) {
        if count >= MANY {
            self.many.insert(chunk, count);
        } else if self.counts[chunk.index()] == u8::MAX {
            self.many.remove(&chunk);
        }
        self.counts[chunk.index()] = u8::try_from(count).unwrap_or(u8::MAX);
    }

    /// Damage: the chunk is free whoever refers to it.
    #[cfg(test)]
    pub(super) fn free_for_test(&mut self, chunk: Chunk) {
        self.free.insert(chunk);
    }

    /// Memory held, in bytes, as if every chunk had been shared.
    pub(super) fn bytes(&self) -> usize {
        self.free.bytes() + self.counts.capacity() + self.owners.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn leaf(number: u32) -> NodeId {
        NodeId::new(number).expect("not zero")
    }

    #[test]
    fn data_leaves_the_reserve_to_metadata() {
        let mut space = Space::new(4);
        space.set_reserve(2);
        let data: Vec<_> = std::iter::from_fn(|| space.allocate(Purpose::Data).ok()).collect();
        assert_eq!(data, [Chunk(0), Chunk(1)]);
        assert_eq!(space.allocate(Purpose::Metadata), Ok(Chunk(2)));
        assert_eq!(space.allocate(Purpose::Metadata), Ok(Chunk(3)));
        assert_eq!(space.allocate(Purpose::Metadata), Err(NoSpace));
        assert_eq!(space.fill(), Fill { total: 4, free: 0, reserve: 2, metadata: 2 });
        space.give_back(Chunk(0), Purpose::Data);
        space.give_back(Chunk(2), Purpose::Metadata);
        assert_eq!(space.allocate(Purpose::Data), Err(NoSpace), "the reserve fills up first");
        assert!(space.claim(Chunk(0), Purpose::Data) && !space.claim(Chunk(0), Purpose::Data));
    }

    #[test]
    fn the_search_goes_on_where_it_was_and_around() {
        let mut space = Space::new(3);
        let first = space.allocate(Purpose::Data).unwrap();
        assert_eq!(space.allocate(Purpose::Data), Ok(Chunk(1)));
        space.give_back(first, Purpose::Data);
        assert_eq!(space.allocate(Purpose::Data), Ok(Chunk(2)));
        assert_eq!(space.allocate(Purpose::Data), Ok(Chunk(0)));
    }

    #[test]
    fn counts_pass_a_byte_and_come_back() {
        let mut space = Space::new(1);
        let chunk = space.allocate(Purpose::Data).unwrap();
        space.gain(chunk);
        (2..=300).for_each(|copy| space.share(chunk, leaf(1), leaf(copy)));
        assert_eq!(space.count(chunk), 300);
        for copy in 2..=300 {
            assert!(!space.lose(chunk, leaf(copy)));
            let left = space.drop_reference(chunk);
            assert_eq!(space.count(chunk), 301 - copy);
            assert_eq!(left, (copy == 300).then(|| leaf(1)), "the owner shows when it is alone");
        }
        assert!(space.lose(chunk, leaf(1)));
        assert_eq!(space.drop_reference(chunk), None);
        assert!(space.is_free(chunk));
    }

    #[test]
    fn thresholds_are_of_what_data_may_take() {
        let thresholds = Thresholds { low_percent: 80, critical_percent: 90 };
        let level = |free| Fill { total: 120, free, reserve: 10, metadata: 10 }.level(thresholds);
        let levels = [110, 31, 30, 21, 20, 11, 10, 0].map(level);
        use Level::{Ample, Critical, Full, Low};
        assert_eq!(levels, [Ample, Ample, Low, Low, Critical, Critical, Full, Full]);
    }
}
