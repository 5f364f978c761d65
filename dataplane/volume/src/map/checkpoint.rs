//! Which nodes changed since they were last on disk, and how they stay what they were while a checkpoint writes them.
//!
//! ```text
//!            touch                freeze                placed
//!   clean ──────────► dirty ─────────────────► frozen ─────────► clean
//!                       ↑                         │ touch: its content goes to a shadow
//!                       └────── dirty again ◄─────┘ placed: the shadow is dropped
//! ```
//!
//! Time is cut into epochs by [`Forest::freeze`], so that freezing costs nothing however many nodes are dirty. A frozen
//! node is not a shared one: its chunks are overwritten in place as before.
//!
//! Nodes are handed out from the leaves up, so that the places of a node's children are known when it is encoded.
//! Until the checkpoint is finished no node it might name changes its meaning: nodes that die meanwhile are given back
//! at its end. A place is reported free once no checkpoint on disk can name it: the places of replaced nodes with the
//! checkpoint that replaces them, those of nodes that died before the freeze likewise, all others with the next.

use super::forest::Forest;
use super::geometry::LEVELS;
use super::node::{Entry, FREE, NO_PLACE, NodeId};
use super::view::NodeView;

/// The state of the running checkpoint, if any, and what the next one shall write.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// Changes since the last freeze belong to this epoch. From 1; nodes on disk have 0.
    epoch: u32,
    running: bool,
    /// By level; may name a node twice, or one that has been given back since.
    dirty: [Vec<NodeId>; LEVELS],
    /// As `dirty`, of the epoch before.
    frozen: [Vec<NodeId>; LEVELS],
    /// Nodes that are given back at the end, linked through `parents`; 0 if none.
    retired: u32,
    /// Places that the next checkpoint makes free.
    freed_next: Vec<u64>,
    /// Places that the running checkpoint makes free.
    freed: Vec<u64>,
}

impl Checkpoint {
    pub(super) fn new() -> Self {
        Self {
            epoch: 1,
            running: false,
            dirty: Default::default(),
            frozen: Default::default(),
            retired: 0,
            freed_next: Vec::new(),
            freed: Vec::new(),
        }
    }

    pub(super) fn reserve(&mut self, nodes: usize) {
        self.dirty.iter_mut().for_each(|list| list.reserve(nodes));
    }

    pub(super) fn bytes(&self) -> usize {
        let lists = self.dirty.iter().chain(&self.frozen).map(Vec::capacity).sum::<usize>();
        let places = self.freed.capacity() + self.freed_next.capacity();
        lists * size_of::<NodeId>() + places * size_of::<u64>()
    }
}

impl Forest {
    /// Begins a checkpoint: what it writes are the maps as they are now. The caller takes down its maps' sizes and
    /// roots at the same moment.
    ///
    /// # Panics
    /// If a checkpoint is running.
    pub fn freeze(&mut self) {
        let checkpoint = &mut self.checkpoint;
        assert!(!checkpoint.running, "one checkpoint at a time");
        checkpoint.running = true;
        checkpoint.epoch = checkpoint.epoch.checked_add(1).expect("four billion checkpoints");
        std::mem::swap(&mut checkpoint.dirty, &mut checkpoint.frozen);
        std::mem::swap(&mut checkpoint.freed, &mut checkpoint.freed_next);
    }

    /// The next node to write, the same one until it is [`Forest::placed`]; `None` if all are.
    pub fn next_frozen(&mut self) -> Option<NodeId> {
        for level in 0..LEVELS {
            while let Some(id) = self.checkpoint.frozen[level].last().copied() {
                let node = &self.nodes[id];
                if node.level as usize == level && self.is_frozen(id) {
                    return Some(id);
                }
                self.checkpoint.frozen[level].pop();
            }
        }
        None
    }

    /// A node as it was when the checkpoint began.
    ///
    /// # Panics
    /// If it does not wait to be written.
    #[must_use]
    pub fn frozen(&self, id: NodeId) -> NodeView<'_> {
        assert!(self.is_frozen(id), "{id:?} does not wait to be written");
        NodeView::new(self, self.nodes[id].shadow.unwrap_or(id))
    }

    /// Says where a frozen node is going to be on disk. Its content is the caller's now: encode it first.
    ///
    /// # Panics
    /// If it does not wait to be written, or `place` is `u64::MAX`.
    pub fn placed(&mut self, id: NodeId, place: u64) {
        assert!(self.is_frozen(id) && place != NO_PLACE, "{id:?} does not wait to be written");
        let node = &mut self.nodes[id];
        let old = std::mem::replace(&mut node.place, place);
        match node.shadow.take() {
            Some(shadow) => self.give_back(shadow),
            None => node.changed = 0,
        }
        if old != NO_PLACE {
            self.checkpoint.freed.push(old);
        }
    }

    /// Where a node is on disk, or is going to be.
    #[must_use]
    pub fn place(&self, id: NodeId) -> Option<u64> {
        Some(self.nodes[id].place).filter(|place| *place != NO_PLACE)
    }

    /// Ends a checkpoint that is durable, and reports all places that are free by that.
    ///
    /// # Panics
    /// If no checkpoint is running, or a frozen node was not placed.
    pub fn finish(&mut self, mut free: impl FnMut(u64)) {
        assert!(self.checkpoint.running && self.next_frozen().is_none(), "the checkpoint is not complete");
        self.checkpoint.running = false;
        while let Some(id) = NodeId::new(self.checkpoint.retired) {
            self.checkpoint.retired = self.nodes[id].parents;
            self.retire(id);
        }
        self.checkpoint.freed.drain(..).for_each(&mut free);
    }

    /// Whether a checkpoint runs.
    #[must_use]
    pub fn is_checkpointing(&self) -> bool {
        self.checkpoint.running
    }

    /// At most how many nodes have changed since the last freeze.
    #[must_use]
    pub fn dirty(&self) -> usize {
        self.checkpoint.dirty.iter().map(Vec::len).sum()
    }

    /// Marks a node that is going to change.
    pub(super) fn touch(&mut self, id: NodeId) {
        if self.nodes[id].changed == self.checkpoint.epoch {
            return;
        }
        if self.is_frozen(id) {
            let shadow = self.shadow_of(id);
            self.nodes[id].shadow = Some(shadow);
        }
        let node = &mut self.nodes[id];
        node.changed = self.checkpoint.epoch;
        self.checkpoint.dirty[node.level as usize].push(id);
    }

    /// Gives back a node that died, at once if no running checkpoint can name it.
    pub(super) fn retire(&mut self, id: NodeId) {
        let node = &self.nodes[id];
        let is_named = node.place != NO_PLACE || self.is_frozen(id);
        if self.checkpoint.running && is_named {
            self.nodes[id].parents = self.checkpoint.retired;
            self.checkpoint.retired = id.get();
            return;
        }
        if node.place != NO_PLACE {
            self.checkpoint.freed_next.push(node.place);
        }
        self.give_back(id);
    }

    pub(super) fn retired(&self) -> impl Iterator<Item = NodeId> {
        let mut next = self.checkpoint.retired;
        std::iter::from_fn(move || {
            let id = NodeId::new(next)?;
            next = self.nodes[id].parents;
            Some(id)
        })
    }

    /// Whether the running checkpoint has yet to write the node.
    fn is_frozen(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        let unchanged = node.changed != 0 && node.changed + 1 == self.checkpoint.epoch;
        self.checkpoint.running && node.level != FREE && (node.shadow.is_some() || unchanged)
    }

    /// A copy that refers to nothing: what a node was, to be written and dropped.
    fn shadow_of(&mut self, id: NodeId) -> NodeId {
        let shadow = self.nodes.take(self.nodes[id].level as usize);
        let (mut entries, is_leaf) = (self.nodes[id].entries, self.nodes[id].is_leaf());
        for raw in entries.iter_mut().filter(|_| is_leaf) {
            *raw = self.layers.copy(Entry::decode(*raw)).encode();
        }
        self.nodes[shadow].entries = entries;
        shadow
    }

    /// Frees a node with its layers.
    fn give_back(&mut self, id: NodeId) {
        if self.nodes[id].is_leaf() {
            let entries = self.nodes[id].entries;
            entries.into_iter().for_each(|raw| self.layers.give_back(Entry::decode(raw)));
        }
        self.nodes.give_back(id);
    }
}
