//! Dropped references: held until they may take effect, then carried out.
//!
//! The owner of the reference is forgotten at once (`parents` and `owners` lose it), the count follows when the drop
//! is settled. Between the two a count is too high, which errs on the side of copying.

use std::collections::VecDeque;

use super::forest::Forest;
use super::geometry::Chunk;
use super::node::{NodeId, ROOT};
use super::reclaim::add_own;

/// When a drop may take effect, and how far things have come: both numbers only ever grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hold {
    /// The journal record that tells of the drop; settled once it is durable.
    pub record: u64,
    /// The epoch of the I/O that might still use what is dropped; settled once all of it is over.
    pub io: u64,
}

impl Hold {
    /// Everything is durable and over, as while a journal is replayed.
    pub const REACHED: Self = Self { record: u64::MAX, io: u64::MAX };

    fn is_within(self, reached: Self) -> bool {
        self.record <= reached.record && self.io <= reached.io
    }
}

/// A reference that was dropped.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dropped {
    Chunk(Chunk),
    Node(NodeId),
}

/// Drops that wait, oldest first.
#[derive(Debug, Default)]
pub(super) struct Held {
    hold: Hold,
    drops: VecDeque<Dropped>,
    /// How many drops each hold has. Drops of the current hold are in the last batch, if that has its hold.
    batches: VecDeque<(Hold, usize)>,
}

impl Held {
    pub(super) fn reserve(&mut self, drops: usize) {
        self.drops.reserve(drops);
        self.batches.reserve(drops);
    }

    pub(super) fn push(&mut self, dropped: Dropped) {
        self.drops.push_back(dropped);
        match self.batches.back_mut() {
            Some((hold, count)) if *hold == self.hold => *count += 1,
            _ => self.batches.push_back((self.hold, 1)),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Dropped> {
        self.drops.iter().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.drops.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.drops.capacity() * size_of::<Dropped>() + self.batches.capacity() * size_of::<(Hold, usize)>()
    }

    fn pop(&mut self, reached: Hold) -> Option<Dropped> {
        let (hold, count) = self.batches.front_mut()?;
        if !hold.is_within(reached) {
            return None;
        }
        *count -= 1;
        if *count == 0 {
            self.batches.pop_front();
        }
        self.drops.pop_front()
    }
}

impl Forest {
    /// What drops from now on wait for. Set it once per round, before the round's changes.
    ///
    /// # Panics
    /// If one of its numbers is lower than before.
    pub fn set_hold(&mut self, hold: Hold) {
        let before = self.held.hold;
        assert!(before.is_within(hold), "{hold:?} after {before:?}");
        self.held.hold = hold;
    }

    /// Carries out drops that have waited long enough, at most `limit`, and returns how many. Chunks become free or
    /// some map's alone; nodes too, or they come to be reclaimed.
    pub fn settle(&mut self, reached: Hold, limit: usize) -> usize {
        (0..limit).find(|_| !self.settle_one(reached)).unwrap_or(limit)
    }

    /// How many drops are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn settle_one(&mut self, reached: Hold) -> bool {
        match self.held.pop(reached) {
            Some(Dropped::Chunk(chunk)) => self.drop_chunk(chunk),
            Some(Dropped::Node(node)) => self.drop_node(node),
            None => return false,
        }
        true
    }

    /// Forgets that `parent` refers to a node; the reference itself is held.
    pub(super) fn detach(&mut self, node: NodeId, parent: u32) {
        self.nodes[node].parents ^= parent;
        self.held.push(Dropped::Node(node));
    }

    /// One reference to a chunk less.
    pub(super) fn drop_chunk(&mut self, chunk: Chunk) {
        let owner = self.space.drop_reference(chunk);
        add_own(&mut self.nodes, &mut self.dead, (owner, 1));
    }

    /// One reference to a node less, whose owner is forgotten already.
    pub(super) fn drop_node(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        node.refs -= 1;
        let (refs, parents, own) = (node.refs, node.parents, node.sums.own);
        match (refs, NodeId::new(parents)) {
            (0, _) => self.bury(id),
            (1, parent) if parents != ROOT => add_own(&mut self.nodes, &mut self.dead, (parent, own)),
            _ => {}
        }
    }
}
