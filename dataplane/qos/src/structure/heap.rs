//! A four-ary min-heap of virtual times.
//!
//! Four children because they share a cache line: the heap is half as deep as a binary one for the same misses.
//! Whoever has changed its tag since it was pushed corrects the entry when it comes to the top ([`TagHeap::retag`]);
//! tags only grow, so the top is never later than the truth.

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u64,
    index: u32,
}

/// Indices ordered by their tags.
#[derive(Debug, Default)]
pub(crate) struct TagHeap {
    entries: Vec<Entry>,
}

const CHILDREN: usize = 4;

impl TagHeap {
    /// Makes room for `entries` in all, so that pushing them does not allocate.
    pub(crate) fn reserve(&mut self, entries: usize) {
        self.entries.reserve(entries.saturating_sub(self.entries.len()));
    }

    /// The least tag and whose it is.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(u64, u32)> {
        self.entries.first().map(|entry| (entry.tag, entry.index))
    }

    /// Adds an index that is not in the heap.
    pub(crate) fn push(&mut self, tag: u64, index: u32) {
        let mut at = self.entries.len();
        self.entries.push(Entry { tag, index });
        while at > 0 {
            let parent = (at - 1) / CHILDREN;
            if self.entries[parent].tag <= tag {
                break;
            }
            self.entries.swap(at, parent);
            at = parent;
        }
    }

    /// Removes the top.
    pub(crate) fn pop(&mut self) {
        if !self.entries.is_empty() {
            self.entries.swap_remove(0);
            self.sift_down();
        }
    }

    /// Gives the top another tag, not below its own.
    #[inline]
    pub(crate) fn retag(&mut self, tag: u64) {
        if let Some(top) = self.entries.first_mut() {
            top.tag = tag;
            // Most applications have one volume.
            if self.entries.len() > 1 {
                self.sift_down();
            }
        }
    }

    /// Removes an index wherever it is; walks the whole heap.
    pub(crate) fn remove(&mut self, index: u32) {
        let mut others = std::mem::take(&mut self.entries);
        self.reserve(others.capacity());
        others.retain(|entry| entry.index != index);
        for entry in others {
            self.push(entry.tag, entry.index);
        }
    }

    /// Subtracts from all tags; order stays.
    pub(crate) fn rebase(&mut self, by: u64) {
        self.entries.iter_mut().for_each(|entry| entry.tag = entry.tag.saturating_sub(by));
    }

    fn sift_down(&mut self) {
        let Some(&moving) = self.entries.first() else { return };
        let mut at = 0;
        while let Some((child, least)) = self.least_child(at) {
            if least.tag >= moving.tag {
                break;
            }
            self.entries[at] = least;
            at = child;
        }
        self.entries[at] = moving;
    }

    #[inline]
    fn least_child(&self, at: usize) -> Option<(usize, Entry)> {
        let first = at * CHILDREN + 1;
        let end = (first + CHILDREN).min(self.entries.len());
        let children = self.entries.get(first..end)?;
        let (offset, least) = children.iter().enumerate().min_by_key(|(_, entry)| entry.tag)?;
        Some((first + offset, *least))
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_like_a_sorted_map(ops in prop::collection::vec((0u8..4, 0u64..50), 0..400)) {
            let (mut heap, mut model) = (TagHeap::default(), BTreeMap::new());
            for (step, (op, tag)) in (0u32..).zip(ops) {
                match op {
                    0 | 1 => {
                        heap.push(tag, step);
                        model.insert(step, tag);
                    }
                    2 => {
                        if let Some((_, index)) = heap.peek() {
                            heap.pop();
                            model.remove(&index);
                        }
                    }
                    _ => {
                        if let Some((old, index)) = heap.peek() {
                            heap.retag(old + tag);
                            model.insert(index, old + tag);
                        }
                    }
                }
                prop_assert_eq!(heap.peek().map(|(tag, _)| tag), model.values().min().copied());
                if let Some((tag, index)) = heap.peek() {
                    prop_assert_eq!(model[&index], tag);
                }
            }
        }
    }

    #[test]
    fn an_index_can_be_taken_from_the_middle() {
        let mut heap = TagHeap::default();
        (0u32..40).for_each(|index| heap.push(u64::from(index * 7 % 40), index));
        heap.remove(1);
        let mut tags = Vec::new();
        while let Some((tag, index)) = heap.peek() {
            assert_ne!(index, 1);
            tags.push(tag);
            heap.pop();
        }
        assert_eq!(tags, (0..40).filter(|tag| *tag != 7).collect::<Vec<_>>());
    }
}
