//! The check of an open pool: everything is counted once more, from the volumes down.

use std::collections::BTreeSet;

use super::Engine;
use crate::map::{Chunk, EntryView, Finding, Forest, NodeId};
use crate::thin::pages::Pages;
use crate::thin::table::Table;

/// Something that is not as it must be in an open pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// In the maps.
    #[error(transparent)]
    Map(#[from] Finding),
    /// Chunks that are taken by nobody. Opening the pool again frees them.
    #[error("{count} chunks are lost: open the pool again")]
    Lost {
        /// How many.
        count: u64,
    },
    /// A chunk holds metadata and a volume's blocks.
    #[error("{chunk:?} holds metadata and a volume's blocks: stop the pool and check it")]
    Shared {
        /// The chunk.
        chunk: Chunk,
    },
}

impl Engine {
    /// What is not as it must be. What is in flight, held or about to be reclaimed is left out of the count of chunks.
    pub(crate) fn audit(&self) -> Vec<Flaw> {
        let settled = self.pending.is_empty() && self.forest.held() == 0 && !self.forest.is_reclaiming();
        flaws(&self.table, &self.forest, &self.pages, settled)
    }
}

/// What is not as it must be; chunks are counted only if no chunk is on its way from one owner to another.
pub(crate) fn flaws(table: &Table, forest: &Forest, pages: &Pages, settled: bool) -> Vec<Flaw> {
    let maps = table.volumes().map(|volume| &volume.map);
    let mut flaws: Vec<Flaw> = forest.recount(maps).into_iter().map(Flaw::Map).collect();
    let mapped = mapped(table, forest);
    let pages = pages.chunks().map(|(chunk, _)| Chunk(chunk));
    flaws.extend(pages.filter(|chunk| mapped.contains(chunk)).map(|chunk| Flaw::Shared { chunk }));
    let fill = forest.space().fill();
    let taken = u64::from(fill.total - fill.free);
    let known = mapped.len() as u64 + u64::from(fill.metadata);
    if settled && taken != known {
        flaws.push(Flaw::Lost { count: taken.abs_diff(known) });
    }
    flaws
}

/// The chunks that any volume has blocks in.
pub(crate) fn mapped(table: &Table, forest: &Forest) -> BTreeSet<Chunk> {
    let mut chunks = BTreeSet::new();
    let (mut visited, mut waiting) = (BTreeSet::new(), Vec::new());
    waiting.extend(table.volumes().filter_map(|volume| volume.map.root()));
    while let Some(id) = waiting.pop() {
        if visited.insert(NodeId::get(id)) {
            let node = forest.node(id);
            if node.level() > 0 {
                waiting.extend(node.children().map(|(_, child)| child));
                continue;
            }
            for (slot, entry) in node.entries().enumerate() {
                if let EntryView::Whole(chunk) = entry {
                    chunks.insert(chunk);
                }
                chunks.extend(node.layers(slot).map(|layer| layer.chunk));
            }
        }
    }
    chunks
}
