//! Doubly linked lists over a fixed number of nodes, each node on one list or none.
//!
//! Heads are nodes themselves, behind the others, so that a node leaves its list without knowing which one that is.

/// Some lists, by number.
#[derive(Debug)]
pub(crate) struct Lists {
    links: Vec<Link>,
    nodes: u32,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    next: u32,
    previous: u32,
}

impl Lists {
    /// `lists` empty lists over `nodes` nodes.
    pub(crate) fn new(nodes: u32, lists: u32) -> Self {
        let alone = |node| Link { next: node, previous: node };
        Self { links: (0..nodes + lists).map(alone).collect(), nodes }
    }

    /// The first node of a list.
    #[inline]
    pub(crate) fn front(&self, list: u32) -> Option<u32> {
        let first = self.links[(self.nodes + list) as usize].next;
        (first < self.nodes).then_some(first)
    }

    /// Whether a list has no nodes.
    #[inline]
    pub(crate) fn is_empty(&self, list: u32) -> bool {
        self.front(list).is_none()
    }

    /// Puts a node that is on no list at the end of one.
    #[inline]
    pub(crate) fn push_back(&mut self, list: u32, node: u32) {
        let head = self.nodes + list;
        debug_assert!(!self.is_linked(node));
        let last = self.links[head as usize].previous;
        self.links[node as usize] = Link { next: head, previous: last };
        self.links[last as usize].next = node;
        self.links[head as usize].previous = node;
    }

    /// Takes a node off its list; the number of the list if it is now empty.
    #[inline]
    pub(crate) fn unlink(&mut self, node: u32) -> Option<u32> {
        let Link { next, previous } = self.links[node as usize];
        self.links[next as usize].previous = previous;
        self.links[previous as usize].next = next;
        self.links[node as usize] = Link { next: node, previous: node };
        (next == previous && next >= self.nodes).then(|| next - self.nodes)
    }

    /// Whether a node is on a list.
    pub(crate) fn is_linked(&self, node: u32) -> bool {
        self.links[node as usize].next != node
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn behave_like_queues(ops in prop::collection::vec((0u32..8, 0usize..3), 0..200)) {
            let mut lists = Lists::new(8, 3);
            let mut model: [VecDeque<u32>; 3] = Default::default();
            for (node, list) in ops {
                if let Some(old) = model.iter().position(|queue| queue.contains(&node)) {
                    model[old].retain(|other| *other != node);
                    let emptied = model[old].is_empty().then(|| u32::try_from(old).unwrap());
                    prop_assert_eq!(lists.unlink(node), emptied);
                } else {
                    lists.push_back(u32::try_from(list).unwrap(), node);
                    model[list].push_back(node);
                }
                for (list, queue) in (0u32..).zip(&model) {
                    prop_assert_eq!(lists.front(list), queue.front().copied());
                    prop_assert_eq!(lists.is_empty(list), queue.is_empty());
                }
                prop_assert_eq!(lists.is_linked(node), model.iter().any(|queue| queue.contains(&node)));
            }
        }
    }
}
