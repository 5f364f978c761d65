//! The volume that everything is measured on.

use sluice_device::random::Random;
use sluice_volume::map::{
    BlockMask, CHUNK_BYTES, Chunk, ChunkIndex, EntryView, Forest, Hold, Layer, Loader, Map, NodeId, Purpose,
};

use crate::Layout;
use crate::figure::{Figure, resident_bytes, timed};

/// Chunks beyond the volume's own: enough for one first write per leaf and clone.
const SPARE_CHUNKS: u32 = 1 << 16;
const MIB: f64 = (1u32 << 20) as f64;

/// A forest with one volume that is fully mapped.
pub(crate) struct Bed {
    pub forest: Forest,
    pub volume: Map,
    /// Of the volume.
    pub chunks: u32,
    pub random: Random,
}

impl Bed {
    /// Maps a volume of so many GiB, and says what that took.
    pub(crate) fn new(gib: u32, layout: Layout, figures: &mut Vec<Figure>) -> Self {
        let chunks = u32::try_from((u64::from(gib) << 30) / CHUNK_BYTES).expect("a pool has fewer chunks");
        let before = resident_bytes();
        let mut forest = Forest::new(chunks + SPARE_CHUNKS);
        let mut volume = forest.create(u64::from(chunks) * 32);
        let mut random = Random::new(1);
        let order = order(&mut forest, chunks, layout, &mut random);
        let (ns, ()) = timed(|| {
            for (index, chunk) in (0..).map(ChunkIndex).zip(order) {
                forest.apply_write(&mut volume, index, Layer { chunk, mask: BlockMask::ALL });
            }
        });
        let tib = f64::from(gib) / 1024.0;
        figures.push(Figure::one("mapping a whole chunk, one after the other", ns / f64::from(chunks), "ns"));
        let resident = (resident_bytes() - before) / MIB / tib;
        figures.push(Figure::one("memory per mapped TiB, as the system counts", resident, "MiB"));
        let memory = forest.memory();
        let nodes = (memory.nodes + memory.layers + memory.lists) as f64 / MIB / tib;
        figures.push(Figure::one("  of it nodes, layers and lists", nodes, "MiB"));
        let all = memory.total() as f64 / MIB / tib;
        figures.push(Figure::one("memory per mapped TiB, had every chunk been shared", all, "MiB"));
        Self { forest, volume, chunks, random }
    }

    /// Any chunk of the volume.
    pub(crate) fn index(&mut self) -> ChunkIndex {
        ChunkIndex(u32::try_from(self.random.below(u64::from(self.chunks))).expect("below a u32"))
    }

    /// Carries out every drop, and takes apart what is dead.
    pub(crate) fn settle(&mut self) -> (usize, usize) {
        let drops = self.forest.settle(Hold::REACHED, usize::MAX);
        (drops, self.forest.reclaim(usize::MAX))
    }
}

/// The chunks in the order of their places in the volume; all of them allocated.
fn order(forest: &mut Forest, chunks: u32, layout: Layout, random: &mut Random) -> Vec<Chunk> {
    let mut allocate = || forest.space_mut().allocate(Purpose::Data).expect("the pool is large enough");
    let mut order: Vec<Chunk> = (0..chunks).map(|_| allocate()).collect();
    if layout == Layout::Shuffled {
        (1..order.len()).rev().for_each(|at| order.swap(at, random.index(at + 1)));
    }
    order
}

/// Loads all maps into a new forest, as opening a pool does once its nodes are decoded.
pub(crate) fn load(forest: &Forest, maps: &[Map]) -> Forest {
    let mut loader = Loader::new(forest.space().fill().total);
    let mut loaded = Vec::new();
    for map in maps {
        let root = map.root().map(|root| load_node(forest, &mut loader, root, &mut loaded));
        let _map = loader.map(map.blocks(), root).expect("it was whole");
    }
    loader.finish().expect("it was whole")
}

fn load_node(forest: &Forest, loader: &mut Loader, id: NodeId, loaded: &mut Vec<Option<NodeId>>) -> NodeId {
    let at = id.get() as usize;
    if loaded.len() <= at {
        loaded.resize(at + 1, None);
    }
    if let Some(there) = loaded[at] {
        return there;
    }
    let node = forest.node(id);
    let new = loader.node(node.level(), u64::from(id.get())).expect("levels are the same");
    loaded[at] = Some(new);
    if node.level() > 0 {
        for (slot, child) in node.children() {
            let child = load_node(forest, loader, child, loaded);
            loader.child(new, slot, child).expect("it was whole");
        }
        return new;
    }
    for (slot, entry) in node.entries().enumerate() {
        match entry {
            EntryView::Hole => {}
            EntryView::Whole(chunk) => {
                loader.layer(new, slot, Layer { chunk, mask: BlockMask::ALL }).expect("it was whole");
            }
            EntryView::Fragment => {
                node.layers(slot).for_each(|layer| loader.layer(new, slot, layer).expect("it was whole"));
            }
        }
    }
    new
}
