//! The checker: everything that is kept is counted once more, from the maps down, and compared.

use super::forest::{Forest, Map};
use super::geometry::Chunk;
use super::held::Dropped;
use super::node::{Entry, NodeId, ROOT};

/// Something that is not as it must be. None of it survives opening the pool again, which counts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// A node's references are counted wrongly.
    #[error("node {node:?} has {kept} references, {counted} are found: open the pool again")]
    References {
        /// The node.
        node: NodeId,
        /// As kept.
        kept: u32,
        /// As counted.
        counted: u32,
    },
    /// A node's parents are told wrongly.
    #[error("the owner of node {node:?} is told wrongly: open the pool again")]
    Parents {
        /// The node.
        node: NodeId,
    },
    /// A shared chunk's leaves are told wrongly.
    #[error("the owner of {chunk:?} is told wrongly: open the pool again")]
    Owner {
        /// The chunk.
        chunk: Chunk,
    },
    /// A node's sums are wrong.
    #[error("what lies under node {node:?} is summed up wrongly: open the pool again")]
    Sums {
        /// The node.
        node: NodeId,
    },
    /// A chunk's references are counted wrongly.
    #[error("{chunk:?} has {kept} references, {counted} are found: open the pool again")]
    Count {
        /// The chunk.
        chunk: Chunk,
        /// As kept.
        kept: u32,
        /// As counted.
        counted: u32,
    },
    /// A chunk in use is free.
    #[error("{chunk:?} is in use and counted as free: stop the pool and open it again")]
    FreeInUse {
        /// The chunk.
        chunk: Chunk,
    },
    /// A node's entries contradict each other or the pool.
    #[error("node {node:?} is malformed at slot {slot}: stop the pool and restore it from a backup")]
    Entry {
        /// The node.
        node: NodeId,
        /// The slot.
        slot: usize,
    },
    /// Nodes or layers that nothing refers to.
    #[error("{kept} nodes and layers are in use, {counted} are found: open the pool again")]
    Leak {
        /// As kept.
        kept: usize,
        /// As counted.
        counted: usize,
    },
}

/// References as they are found.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    refs: u32,
    /// Exclusive or of those that refer to it.
    from: u32,
}

impl Tally {
    fn add(&mut self, from: u32) {
        self.refs += 1;
        self.from ^= from;
    }
}

/// One count.
struct Recount<'a> {
    forest: &'a Forest,
    nodes: Vec<Tally>,
    visited: Vec<bool>,
    chunks: Vec<Tally>,
    findings: Vec<Finding>,
}

impl Forest {
    /// Counts all references and sums from scratch and compares them with what is kept. `maps` are all maps that there
    /// are, and nothing else refers to a chunk; chunks allocated and not applied are no finding.
    ///
    /// Reads every node once. Takes eight bytes of memory per chunk of the pool meanwhile.
    pub fn recount<'m>(&self, maps: impl IntoIterator<Item = &'m Map>) -> Vec<Finding> {
        let mut recount = Recount::new(self);
        for root in maps.into_iter().filter_map(|map| map.root) {
            recount.refer(root, ROOT);
        }
        recount.visit_dead();
        recount.visit_held();
        recount.compare_nodes();
        recount.compare_slabs();
        recount.compare_chunks();
        recount.findings
    }
}

impl<'a> Recount<'a> {
    fn new(forest: &'a Forest) -> Self {
        let nodes = forest.nodes.end() as usize;
        Self {
            forest,
            nodes: vec![Tally::default(); nodes],
            visited: vec![false; nodes],
            chunks: vec![Tally::default(); forest.space.fill().total as usize],
            findings: Vec::new(),
        }
    }

    fn refer(&mut self, id: NodeId, from: u32) {
        self.nodes[id.get() as usize].add(from);
        self.visit(id);
    }

    fn visit(&mut self, id: NodeId) {
        if std::mem::replace(&mut self.visited[id.get() as usize], true) {
            return;
        }
        let forest = self.forest;
        if forest.nodes[id].is_leaf() {
            self.visit_leaf(id);
        } else {
            forest.nodes[id].children().for_each(|(_, child)| self.refer(child, id.get()));
        }
    }

    fn visit_leaf(&mut self, id: NodeId) {
        for raw in self.forest.nodes[id].entries {
            for layer in self.forest.layers.of(Entry::decode(raw)) {
                self.chunks[layer.chunk.index()].add(id.get());
            }
        }
    }

    /// Nodes that wait to be reclaimed still refer to what they did.
    fn visit_dead(&mut self) {
        let mut next = self.forest.dead.first;
        while let Some(id) = NodeId::new(next) {
            self.visit(id);
            next = self.forest.nodes[id].parents;
        }
    }

    /// Held drops count; whose they were is forgotten.
    fn visit_held(&mut self) {
        for dropped in self.forest.held.iter() {
            match dropped {
                Dropped::Chunk(chunk) => self.chunks[chunk.index()].refs += 1,
                Dropped::Node(id) => self.refer(id, 0),
            }
        }
    }

    fn compare_nodes(&mut self) {
        let forest = self.forest;
        let nodes = (1..forest.nodes.end()).filter_map(|number| forest.nodes.get(number));
        for (id, node) in nodes.filter(|(id, _)| self.visited[id.get() as usize]) {
            let Tally { refs, from } = self.nodes[id.get() as usize];
            if refs != node.refs {
                self.findings.push(Finding::References { node: id, kept: node.refs, counted: refs });
            }
            if refs > 0 && from != node.parents {
                self.findings.push(Finding::Parents { node: id });
            }
            if forest.count_sums(id) != node.sums {
                self.findings.push(Finding::Sums { node: id });
            }
        }
    }

    /// Nodes in use are found on a walk, wait for the end of a checkpoint or shadow another; layers are in a leaf.
    fn compare_slabs(&mut self) {
        let forest = self.forest;
        let (mut nodes, mut layers) = (forest.retired().count(), 0);
        for (id, node) in (1..forest.nodes.end()).filter_map(|number| forest.nodes.get(number)) {
            nodes += usize::from(self.visited[id.get() as usize]) + usize::from(node.shadow.is_some());
            let slots = if node.is_leaf() { 0..node.entries.len() } else { 0..0 };
            layers += slots.map(|slot| forest.node(id).layers(slot).count()).sum::<usize>();
        }
        let kept = (forest.nodes.live() as usize, forest.layers.live() as usize);
        if kept != (nodes, layers) {
            self.findings.push(Finding::Leak { kept: kept.0 + kept.1, counted: nodes + layers });
        }
    }

    fn compare_chunks(&mut self) {
        let space = &self.forest.space;
        for (number, tally) in (0..).zip(&self.chunks) {
            let chunk = Chunk(number);
            let kept = space.count(chunk);
            if kept != tally.refs {
                self.findings.push(Finding::Count { chunk, kept, counted: tally.refs });
            }
            if tally.refs > 0 && space.is_free(chunk) {
                self.findings.push(Finding::FreeInUse { chunk });
            }
            if tally.refs > 1 && space.owner(chunk) != tally.from {
                self.findings.push(Finding::Owner { chunk });
            }
        }
    }
}

#[cfg(test)]
mod test;
