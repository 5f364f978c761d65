//! Checkpoints on a disk of pages: written node by node, loaded into a new forest.

use std::collections::BTreeMap;

use sluice_volume::map::{BlockMask, EntryView, Forest, Layer, Loader, Map, NodeId};

use crate::audit::{Places, check_counts, places};

/// A node on disk.
#[derive(Debug, Clone)]
struct Page {
    level: usize,
    layers: Vec<(usize, Layer)>,
    children: Vec<(usize, u64)>,
}

/// The maps of a checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// Sizes, and where the roots are.
    maps: Vec<(u64, Option<u64>)>,
    expected: Vec<Places>,
}

/// The pages, and the checkpoint that is being written.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pages: BTreeMap<u64, Page>,
    next_place: u64,
    running: Option<Running>,
    last: Option<Image>,
}

#[derive(Debug)]
struct Running {
    maps: Vec<(u64, Option<NodeId>)>,
    expected: Vec<Places>,
}

impl Pages {
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(crate) fn begin(&mut self, forest: &mut Forest, maps: &[&Map]) {
        forest.freeze();
        let expected = maps.iter().map(|map| places(forest, map, 100)).collect();
        let maps = maps.iter().map(|map| (map.blocks(), map.root())).collect();
        self.running = Some(Running { maps, expected });
    }

    /// Writes at most `limit` nodes; whether all are written.
    pub(crate) fn write(&mut self, forest: &mut Forest, limit: u64) -> bool {
        for _ in 0..limit {
            let Some(id) = forest.next_frozen() else { return true };
            assert_eq!(forest.next_frozen(), Some(id), "the same until it is placed");
            let page = encode(forest, id);
            self.next_place += 1;
            self.pages.insert(self.next_place, page);
            forest.placed(id, self.next_place);
        }
        false
    }

    /// Makes the checkpoint the last one; before, the one before must still be whole.
    pub(crate) fn finish(&mut self, forest: &mut Forest, chunks: u32) {
        if let Some(last) = &self.last {
            self.check(last, chunks);
        }
        let Running { maps, expected } = self.running.take().expect("a checkpoint runs");
        let place =
            |root: NodeId| forest.place(root).expect("every node of a finished checkpoint has a place");
        let maps = maps.into_iter().map(|(blocks, root)| (blocks, root.map(place))).collect();
        forest.finish(|place| _ = self.pages.remove(&place).expect("a place is freed once"));
        let image = Image { maps, expected };
        self.check(&image, chunks);
        self.last = Some(image);
    }

    /// The last checkpoint as a new forest, with its maps. Pages that it does not name are free.
    pub(crate) fn load(&mut self, chunks: u32) -> (Forest, Vec<Map>) {
        let last = self.last.take().expect("there is a checkpoint");
        let loaded = self.load_image(&last, chunks);
        let named = self.load_nodes(&last, chunks).1;
        self.pages.retain(|place, _| named.contains_key(place));
        self.last = Some(last);
        loaded
    }

    /// Checks that the last checkpoint names every page.
    pub(crate) fn check_leaks(&self, chunks: u32) {
        let last = self.last.as_ref().expect("there is a checkpoint");
        assert_eq!(self.load_nodes(last, chunks).1.len(), self.pages.len(), "no page leaks");
    }

    fn check(&self, image: &Image, chunks: u32) {
        let (forest, maps) = self.load_image(image, chunks);
        for (map, expected) in maps.iter().zip(&image.expected) {
            assert_eq!(&places(&forest, map, 100), expected);
        }
        check_counts(&forest, &maps);
    }

    fn load_image(&self, image: &Image, chunks: u32) -> (Forest, Vec<Map>) {
        let (mut loader, nodes) = self.load_nodes(image, chunks);
        let root = |place: &Option<u64>| place.map(|place| nodes[&place]);
        let maps =
            image.maps.iter().map(|(blocks, place)| loader.map(*blocks, root(place)).unwrap()).collect();
        (loader.finish().unwrap(), maps)
    }

    fn load_nodes(&self, image: &Image, chunks: u32) -> (Loader, BTreeMap<u64, NodeId>) {
        let (mut loader, mut nodes) = (Loader::new(chunks), BTreeMap::new());
        for place in image.maps.iter().filter_map(|(_, place)| *place) {
            self.load_node(place, &mut loader, &mut nodes);
        }
        (loader, nodes)
    }

    fn load_node(&self, place: u64, loader: &mut Loader, nodes: &mut BTreeMap<u64, NodeId>) -> NodeId {
        if let Some(id) = nodes.get(&place) {
            return *id;
        }
        let page =
            self.pages.get(&place).unwrap_or_else(|| panic!("the page at {place} was freed too early"));
        let id = loader.node(page.level, place).unwrap();
        nodes.insert(place, id);
        for (slot, child) in &page.children {
            let child = self.load_node(*child, loader, nodes);
            loader.child(id, *slot, child).unwrap();
        }
        for (slot, layer) in &page.layers {
            loader.layer(id, *slot, *layer).unwrap();
        }
        id
    }
}

fn encode(forest: &Forest, id: NodeId) -> Page {
    let node = forest.frozen(id);
    let mut page = Page { level: node.level(), layers: Vec::new(), children: Vec::new() };
    if node.level() > 0 {
        let place = |child| forest.place(child).expect("children are placed first");
        page.children = node.children().map(|(slot, child)| (slot, place(child))).collect();
        return page;
    }
    for (slot, entry) in node.entries().enumerate() {
        if let EntryView::Whole(chunk) = entry {
            page.layers.push((slot, Layer { chunk, mask: BlockMask::ALL }));
        }
        page.layers.extend(node.layers(slot).map(|layer| (slot, layer)));
    }
    page
}
