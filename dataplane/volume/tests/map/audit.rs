//! What a forest says, in full, held against what it must say.

use std::collections::BTreeMap;

use sluice_volume::map::{CHUNK_BLOCKS, Change, Extent, Finding, Forest, Map, Place};

/// Where each mapped block of a volume is on the device.
pub(crate) type Places = BTreeMap<u64, u64>;

/// Reads a whole map through a slice of so many extents.
pub(crate) fn places(forest: &Forest, map: &Map, slice: usize) -> Places {
    let mut places = Places::new();
    let mut extents = vec![Extent::default(); slice];
    let mut at = 0;
    while at < map.blocks() {
        let filled = forest.lookup(map, at..map.blocks(), &mut extents);
        assert!(filled > 0, "a lookup gets on");
        for extent in &extents[..filled] {
            assert_eq!(extent.start, at, "no gap and no overlap");
            at += extent.blocks;
            if let Place::Mapped { block, .. } = extent.place {
                places.extend((0..extent.blocks).map(|offset| (extent.start + offset, block + offset)));
            }
        }
    }
    assert_eq!(at, map.blocks());
    places
}

/// The chunks behind places.
fn chunks(places: &Places) -> std::collections::BTreeSet<u64> {
    places.values().map(|block| block / CHUNK_BLOCKS).collect()
}

/// Checks chunks and exclusive chunks of all maps, once no drop is held and nothing waits to be reclaimed.
pub(crate) fn check_usage(forest: &Forest, maps: &[&Map]) {
    let sets: Vec<_> = maps.iter().map(|map| chunks(&places(forest, map, 64))).collect();
    let mut users: BTreeMap<u64, u32> = BTreeMap::new();
    sets.iter().flatten().for_each(|chunk| *users.entry(*chunk).or_default() += 1);
    for (map, set) in maps.iter().zip(&sets) {
        let usage = forest.usage(map);
        let exclusive = set.iter().filter(|chunk| users[chunk] == 1).count() as u64;
        assert_eq!((usage.chunks, usage.exclusive_chunks), (set.len() as u64, exclusive));
    }
    let fill = forest.space().fill();
    assert_eq!(fill.total - fill.free - fill.metadata, u32::try_from(users.len()).unwrap(), "no chunk leaks");
}

/// Checks the extents of `changes` against the places of both maps.
pub(crate) fn check_changes(
    forest: &Forest,
    older: Option<&Map>,
    newer: &Map,
    mut limit: impl FnMut() -> usize,
) {
    let old = older.map_or_else(Places::new, |map| places(forest, map, 7));
    let new = places(forest, newer, 7);
    let all = old.keys().chain(new.keys()).copied().filter(|block| *block < newer.blocks());
    let differ = all.filter(|block| old.get(block) != new.get(block));
    let expected: BTreeMap<u64, bool> = differ.map(|block| (block, new.contains_key(&block))).collect();
    let mut found = BTreeMap::new();
    let mut next = Some(0);
    while let Some(at) = next {
        let mut slice = vec![Change::default(); limit()];
        let changes = forest.changes(older, newer, at, limit(), &mut slice);
        assert!(changes.next.is_none_or(|next| next > at), "a comparison gets on");
        for change in &slice[..changes.filled] {
            let blocks = change.start..change.start + change.blocks;
            blocks.for_each(|block| assert_eq!(found.insert(block, change.mapped), None, "told twice"));
        }
        next = changes.next;
    }
    assert_eq!(found, expected);
}

/// Recounts everything and walks through the nodes one by one.
pub(crate) fn check_counts<'m>(forest: &Forest, maps: impl IntoIterator<Item = &'m Map>) {
    assert_eq!(forest.recount(maps), Vec::<Finding>::new());
    let mut next = Some(0);
    while let Some(from) = next {
        next = forest.verify(from, 50).unwrap();
    }
}
