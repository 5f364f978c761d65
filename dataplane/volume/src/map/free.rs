//! The set of free chunks: a bitmap of bitmaps, so that the next free one is found in a few steps however full the
//! pool is.
//!
//! Level 0 has one bit per chunk; each level above has one bit per word below it, set while that word has a bit set.
//! Invariant: `level[n + 1]` bit `w` is set if and only if `level[n][w] != 0`; `count` is the number of bits in level 0.

use super::geometry::Chunk;

/// Free chunks by number.
#[derive(Debug)]
pub(super) struct FreeSet {
    levels: Vec<Vec<u64>>,
    count: u32,
}

impl FreeSet {
    /// All of `chunks` are free.
    pub(super) fn full(chunks: u32) -> Self {
        let mut levels = vec![ones(chunks as usize)];
        while levels.last().is_some_and(|level| level.len() > 1) {
            let words = levels.last().map_or(0, Vec::len);
            levels.push(ones(words));
        }
        Self { levels, count: chunks }
    }

    /// How many are free.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn contains(&self, chunk: Chunk) -> bool {
        self.levels[0].get(chunk.index() / 64).is_some_and(|word| word & bit(chunk.index()) != 0)
    }

    /// The first free chunk at or after `from`.
    pub(super) fn next(&self, from: Chunk) -> Option<Chunk> {
        let mut at = from.index();
        for level in 0..self.levels.len() {
            if let Some(found) = self.next_in_word(level, at) {
                return Some(self.first_below(level, found));
            }
            at = at / 64 + 1;
        }
        None
    }

    /// Takes a chunk; whether it was free.
    pub(super) fn remove(&mut self, chunk: Chunk) -> bool {
        let was = self.contains(chunk);
        let mut at = chunk.index();
        for level in &mut self.levels {
            if !was {
                return false;
            }
            level[at / 64] &= !bit(at);
            if level[at / 64] != 0 {
                break;
            }
            at /= 64;
        }
        self.count -= 1;
        true
    }

    /// Gives a chunk back; whether it was taken.
    pub(super) fn insert(&mut self, chunk: Chunk) -> bool {
        if self.contains(chunk) {
            return false;
        }
        let mut at = chunk.index();
        for level in &mut self.levels {
            let word = &mut level[at / 64];
            let had = *word != 0;
            *word |= bit(at);
            if had {
                break;
            }
            at /= 64;
        }
        self.count += 1;
        true
    }

    /// Memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| level.capacity() * size_of::<u64>()).sum()
    }

    /// The first bit set at or after `at`, within its word.
    fn next_in_word(&self, level: usize, at: usize) -> Option<usize> {
        let word = self.levels[level].get(at / 64)? & (u64::MAX << (at % 64));
        (word != 0).then(|| at / 64 * 64 + word.trailing_zeros() as usize)
    }

    /// The first chunk below a bit that is set.
    fn first_below(&self, level: usize, mut at: usize) -> Chunk {
        for below in self.levels[..level].iter().rev() {
            at = at * 64 + below[at].trailing_zeros() as usize;
        }
        Chunk(u32::try_from(at).expect("chunks are numbered by 32 bits"))
    }
}

fn bit(at: usize) -> u64 {
    1 << (at % 64)
}

/// So many bits set, in words.
fn ones(bits: usize) -> Vec<u64> {
    let mut words = vec![u64::MAX; bits.div_ceil(64)];
    if let (Some(last), rest @ 1..) = (words.last_mut(), bits % 64) {
        *last = (1 << rest) - 1;
    }
    words
}

#[cfg(test)]
mod test {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_around_words() {
        for chunks in [0, 1, 63, 64, 65, 4095, 4096, 4097, 262_145] {
            let mut free = FreeSet::full(chunks);
            assert_eq!(free.next(Chunk(chunks)), None, "{chunks}");
            assert_eq!(free.next(Chunk(0)), (chunks > 0).then_some(Chunk(0)));
            assert!(!free.contains(Chunk(chunks)) && !free.remove(Chunk(chunks)));
            (0..chunks).for_each(|chunk| assert!(free.remove(Chunk(chunk))));
            assert_eq!((free.next(Chunk(0)), free.count()), (None, 0));
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(ops in prop::collection::vec((0u8..3, 0u32..10_000), 1..600)) {
            let mut free = FreeSet::full(9_000);
            let mut model: BTreeSet<u32> = (0..9_000).collect();
            // Mostly empty, so that searches climb.
            for chunk in (0..9_000).filter(|chunk| chunk % 1_500 != 0) {
                prop_assert!(free.remove(Chunk(chunk)) && model.remove(&chunk));
            }
            for (op, chunk) in ops {
                match op {
                    0 if chunk < 9_000 => prop_assert_eq!(free.insert(Chunk(chunk)), model.insert(chunk)),
                    1 => prop_assert_eq!(free.remove(Chunk(chunk)), model.remove(&chunk)),
                    _ => {}
                }
                let next = model.range(chunk..).next().map(|next| Chunk(*next));
                prop_assert_eq!(free.next(Chunk(chunk)), next);
                prop_assert_eq!(free.count() as usize, model.len());
            }
        }
    }
}
