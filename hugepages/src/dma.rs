//! Memory that a device reads and writes while we do: taken by value, never borrowed.
//!
//! A reference promises that nobody else writes, which no one can promise of memory under DMA. So this memory has no
//! slice; its words are loaded and stored one by one, each access atomic. Little-endian, as devices are.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::arena::{Arena, ArenaError};
use crate::pages::{Backing, Granted};
use crate::{Region, to_usize};

/// Resident memory for queues, lists and data structures shared with one device. Zero at first.
#[derive(Debug)]
pub struct DmaMemory {
    arena: Arena,
}

impl DmaMemory {
    /// Maps at least `length_bytes`.
    ///
    /// # Errors
    /// As [`Arena::resident`].
    pub fn new(length_bytes: u64, backing: &Backing) -> Result<Self, ArenaError> {
        Ok(Self { arena: Arena::resident(length_bytes, backing)? })
    }

    /// The memory, to be mapped for the device.
    #[must_use]
    pub fn region(&self) -> Region {
        self.arena.region()
    }

    /// What it is made of.
    ///
    /// # Panics
    /// Never: it was made resident.
    #[must_use]
    pub fn granted(&self) -> &Granted {
        self.arena.granted().expect("made resident by `new`")
    }

    /// The four bytes at `offset`, a multiple of 4.
    ///
    /// # Panics
    /// Beyond the end, or if `offset` is not a multiple of 4.
    #[must_use]
    pub fn load32(&self, offset: u64, order: Ordering) -> u32 {
        let word = self.place(offset, 4).cast::<u32>();
        // SAFETY: `place` checked that the word lies in the mapping and is aligned; all other accesses to this memory
        // are atomic too, ours by this type and the device's by the bus.
        let word = unsafe { AtomicU32::from_ptr(word) };
        u32::from_le(word.load(order))
    }

    /// Stores four bytes at `offset`, a multiple of 4.
    ///
    /// # Panics
    /// As [`load32`](Self::load32).
    pub fn store32(&self, offset: u64, value: u32, order: Ordering) {
        let word = self.place(offset, 4).cast::<u32>();
        // SAFETY: as in `load32`.
        let word = unsafe { AtomicU32::from_ptr(word) };
        word.store(value.to_le(), order);
    }

    /// The eight bytes at `offset`, a multiple of 8.
    ///
    /// # Panics
    /// Beyond the end, or if `offset` is not a multiple of 8.
    #[must_use]
    pub fn load64(&self, offset: u64) -> u64 {
        u64::from_le(self.word64(offset).load(Ordering::Relaxed))
    }

    /// Stores eight bytes at `offset`, a multiple of 8.
    ///
    /// # Panics
    /// As [`load64`](Self::load64).
    pub fn store64(&self, offset: u64, value: u64) {
        self.word64(offset).store(value.to_le(), Ordering::Relaxed);
    }

    /// Stores eight words, 64 bytes at `offset`, a multiple of 64: a queue entry, checked once.
    ///
    /// # Panics
    /// Beyond the end, or if `offset` is not a multiple of 64.
    #[inline]
    pub fn store_line(&self, offset: u64, words: [u64; 8]) {
        let line = self.place(offset, 64).cast::<u64>();
        for (index, value) in words.into_iter().enumerate() {
            // SAFETY: `place` checked that the whole line lies in the mapping; else as in `load32`.
            let word = unsafe { AtomicU64::from_ptr(line.wrapping_add(index)) };
            word.store(value.to_le(), Ordering::Relaxed);
        }
    }

    /// Copies bytes out. Offset and length are multiples of 8.
    ///
    /// # Panics
    /// Beyond the end, or if either is not a multiple of 8.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) {
        let (words, rest) = bytes.as_chunks_mut::<8>();
        assert!(rest.is_empty(), "whole words");
        for (index, word) in (0..).zip(words) {
            *word = self.load64(offset + 8 * index).to_le_bytes();
        }
    }

    /// Copies bytes in. Offset and length are multiples of 8.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        assert!(rest.is_empty(), "whole words");
        for (index, word) in (0..).zip(words) {
            self.store64(offset + 8 * index, u64::from_le_bytes(*word));
        }
    }

    /// Makes `length_bytes` from `offset`, both multiples of 8, zero.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    pub fn clear(&self, offset: u64, length_bytes: u64) {
        assert!(length_bytes.is_multiple_of(8), "whole words");
        (0..length_bytes / 8).for_each(|index| self.store64(offset + 8 * index, 0));
    }

    fn word64(&self, offset: u64) -> &AtomicU64 {
        let word = self.place(offset, 8).cast::<u64>();
        // SAFETY: as in `load32`; the mapping lives as long as the borrow of `self`.
        unsafe { AtomicU64::from_ptr(word) }
    }

    /// The address of `bytes` bytes at `offset`, inside and aligned.
    #[inline]
    fn place(&self, offset: u64, bytes: u64) -> *mut u8 {
        let region = self.arena.region();
        let inside = region.length_bytes >= bytes && offset <= region.length_bytes - bytes;
        assert!(inside && offset.is_multiple_of(bytes), "a whole word inside the memory");
        region.base.as_ptr().wrapping_add(to_usize(offset))
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn memory() -> DmaMemory {
        DmaMemory::new(8192, &Backing::default()).unwrap()
    }

    #[test]
    fn words_and_bytes_are_the_same_memory() {
        let memory = memory();
        memory.store64(16, 0x0807_0605_0403_0201);
        memory.store32(24, 0x0c0b_0a09, Ordering::Release);
        let mut bytes = [0; 16];
        memory.read(16, &mut bytes);
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0]);
        memory.write(8184, &[0xff; 8]);
        assert_eq!((memory.load64(8184), memory.load32(8188, Ordering::Acquire)), (u64::MAX, u32::MAX));
        memory.clear(16, 8);
        assert_eq!((memory.load64(16), memory.load64(24)), (0, 0x0c0b_0a09));
    }

    #[test]
    fn lines_are_eight_words() {
        let memory = memory();
        memory.store_line(8128, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!([8120, 8128, 8184].map(|offset| memory.load64(offset)), [0, 1, 8]);
    }

    #[test]
    #[should_panic(expected = "a whole word inside the memory")]
    fn the_end_holds_for_lines() {
        memory().store_line(8192 - 32, [0; 8]);
    }

    #[test]
    #[should_panic(expected = "a whole word inside the memory")]
    fn the_end_holds() {
        memory().store64(8192, 1);
    }

    #[test]
    #[should_panic(expected = "a whole word inside the memory")]
    fn words_are_aligned() {
        let _ = memory().load32(2, Ordering::Relaxed);
    }
}
