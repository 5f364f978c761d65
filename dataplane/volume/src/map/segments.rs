//! A growing array that never moves what it holds.
//!
//! A plain vector of a million nodes copies them all when it grows, in the middle of somebody's write. Here growth is
//! one more segment, and whoever wants no growth at all on the way of an I/O reserves beforehand.

use std::ops::{Index, IndexMut};

/// Elements in boxed segments of `N`.
#[derive(Debug)]
pub(super) struct Segments<T, const N: usize> {
    segments: Vec<Box<[T; N]>>,
}

impl<T: Clone + Default, const N: usize> Segments<T, N> {
    pub(super) fn new() -> Self {
        Self { segments: Vec::new() }
    }

    /// How many elements there are.
    pub(super) fn capacity(&self) -> u32 {
        u32::try_from(self.segments.len() * N).expect("elements are numbered by 32 bits")
    }

    /// Adds a segment of default elements and returns their numbers' range.
    pub(super) fn grow(&mut self) -> std::ops::Range<u32> {
        let first = self.capacity();
        let elements: Box<[T]> = vec![T::default(); N].into_boxed_slice();
        self.segments.push(elements.try_into().unwrap_or_else(|_| unreachable!("it has N elements")));
        first..self.capacity()
    }

    /// Memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.segments.len() * N * size_of::<T>() + self.segments.capacity() * size_of::<Box<[T; N]>>()
    }
}

impl<T, const N: usize> Index<u32> for Segments<T, N> {
    type Output = T;

    fn index(&self, at: u32) -> &T {
        &self.segments[at as usize / N][at as usize % N]
    }
}

impl<T, const N: usize> IndexMut<u32> for Segments<T, N> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.segments[at as usize / N][at as usize % N]
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn growth_adds_and_keeps() {
        let mut segments = Segments::<u64, 4>::new();
        assert_eq!((segments.grow(), segments.capacity()), (0..4, 4));
        segments[3] = 7;
        assert_eq!(segments.grow(), 4..8);
        assert_eq!((segments[3], segments[4]), (7, 0));
        assert!(segments.bytes() >= 64);
    }
}
