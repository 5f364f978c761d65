//! First writes in flight: which chunk they go to before the map says so.
//!
//! Concurrent first writes within one chunk of a volume share the chunk of the device; their blocks are in the
//! [window](super::window) from the start, so no two of them overlap. Nor may an overwrite in place meet a first write
//! of the same block: the map would change under it. A merge holds its chunk alone.

use crate::map::{Chunk, ChunkIndex};

use super::hash::NumberMap;

/// Which chunk of which volume, by id.
pub(crate) type Key = (u32, u32);

/// Where the writes go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) chunk: Chunk,
    /// Allocated for them: nothing refers to it yet, unless one has been applied.
    fresh: bool,
    /// Somebody needs it for itself: everybody else waits.
    alone: bool,
    writes: u32,
    /// The blocks they write: no two write the same.
    mask: u32,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Pending {
    targets: NumberMap<Key, Target>,
}

impl Pending {
    /// Room for `capacity` targets without allocating later.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { targets: NumberMap::with_capacity_and_hasher(2 * capacity, Default::default()) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Whether anything is in flight to that chunk of the volume.
    #[inline]
    pub(crate) fn get(&self, map: u32, index: ChunkIndex) -> Option<Target> {
        if self.targets.is_empty() { None } else { self.targets.get(&(map, index.0)).copied() }
    }

    /// Whether anything is in flight to one of those chunks of the volume.
    pub(crate) fn any_within(&self, map: u32, indices: std::ops::Range<u32>) -> bool {
        self.targets.keys().any(|key| key.0 == map && indices.contains(&key.1))
    }

    /// Counts a write in; with its chunk, if it is the first.
    pub(crate) fn enter(&mut self, key: Key, chunk: Chunk, fresh: bool, mask: u32) {
        let target = Target { chunk, fresh, alone: false, writes: 0, mask: 0 };
        let target = self.targets.entry(key).or_insert(target);
        assert!(target.chunk == chunk && !target.alone, "writes of a chunk share its target");
        assert_eq!(target.mask & mask, 0, "writes of the same block take turns");
        target.writes += 1;
        target.mask |= mask;
    }

    /// A write there is two from now on.
    pub(crate) fn split(&mut self, key: Key) {
        self.targets.get_mut(&key).expect("who is split has entered").writes += 1;
    }

    /// Takes the chunk of the volume for a merge, alone.
    pub(crate) fn enter_alone(&mut self, key: Key, chunk: Chunk, fresh: bool) {
        let before =
            self.targets.insert(key, Target { chunk, fresh, alone: true, writes: 1, mask: u32::MAX });
        assert!(before.is_none(), "nothing else is in flight");
    }

    /// A write is in the map now: so is its chunk.
    pub(crate) fn applied(&mut self, key: Key) {
        self.targets.get_mut(&key).expect("who is applied has entered").fresh = false;
    }

    /// Counts a write out; gives the chunk if it was allocated for writes none of which was applied.
    #[must_use]
    pub(crate) fn leave(&mut self, key: Key, mask: u32) -> Option<Chunk> {
        let target = self.targets.get_mut(&key).expect("who leaves has entered");
        target.writes -= 1;
        target.mask &= !mask;
        if target.writes > 0 {
            return None;
        }
        let target = self.targets.remove(&key)?;
        target.fresh.then_some(target.chunk)
    }
}

impl Target {
    /// Whether a merge has it: nobody else may write there.
    pub(crate) fn is_alone(self) -> bool {
        self.alone
    }

    /// Whether any of the blocks is on its way.
    pub(crate) fn writes_any(self, mask: u32) -> bool {
        self.mask & mask != 0
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const KEY: Key = (1, 2);

    #[test]
    fn a_chunk_that_nobody_used_comes_back() {
        let mut pending = Pending::new(4);
        pending.enter(KEY, Chunk(9), true, 1);
        pending.enter(KEY, Chunk(9), true, 2);
        assert_eq!(pending.leave(KEY, 1), None);
        let target = pending.get(1, ChunkIndex(2)).unwrap();
        assert_eq!((target.chunk, target.writes_any(1), target.writes_any(6)), (Chunk(9), false, true));
        assert_eq!(pending.leave(KEY, 2), Some(Chunk(9)));
        assert!(pending.is_empty());
    }

    #[test]
    fn a_chunk_in_the_map_does_not() {
        let mut pending = Pending::new(4);
        pending.enter(KEY, Chunk(9), true, 1);
        assert!(pending.any_within(1, 2..3) && !pending.any_within(1, 3..9) && !pending.any_within(2, 0..9));
        pending.applied(KEY);
        assert_eq!(pending.leave(KEY, 1), None);
        pending.enter_alone(KEY, Chunk(9), false);
        assert!(pending.get(1, ChunkIndex(2)).unwrap().is_alone());
        assert_eq!(pending.leave(KEY, u32::MAX), None);
    }
}
