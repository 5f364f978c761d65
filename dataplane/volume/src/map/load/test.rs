use super::*;
use crate::map::Purpose;

const CHUNKS: u32 = 16;

fn layer(chunk: u32, mask: u32) -> Layer {
    Layer { chunk: Chunk(chunk), mask: BlockMask(mask) }
}

/// A loader with a leaf at place 1.
fn with_leaf() -> (Loader, NodeId) {
    let mut loader = Loader::new(CHUNKS);
    let leaf = loader.node(0, 1).unwrap();
    (loader, leaf)
}

#[test]
fn two_maps_on_one_leaf() {
    let (mut loader, leaf) = with_leaf();
    loader.space_mut().claim(Chunk(0), Purpose::Metadata);
    loader.layer(leaf, 3, layer(5, u32::MAX)).unwrap();
    loader.layer(leaf, 4, layer(6, 1)).unwrap();
    loader.layer(leaf, 4, layer(7, 6)).unwrap();
    let maps = [loader.map(1000, Some(leaf)).unwrap(), loader.map(1000, Some(leaf)).unwrap()];
    let forest = loader.finish().unwrap();
    let usage = forest.usage(&maps[0]);
    assert_eq!((usage.mapped_blocks, usage.chunks, usage.exclusive_chunks), (35, 3, 0));
    assert_eq!((forest.space().fill().free, forest.place(leaf)), (CHUNKS - 4, Some(1)));
    assert_eq!((forest.dirty(), forest.recount(&maps)), (0, Vec::new()));
}

#[test]
fn levels_must_fit() {
    let (mut loader, leaf) = with_leaf();
    let above = loader.node(1, 2).unwrap();
    assert_eq!(loader.node(LEVELS, 3), Err(Malformed::Level { expected: LEVELS - 1, found: LEVELS }));
    assert_eq!(loader.child(leaf, 0, above), Err(Malformed::Level { expected: 0, found: 1 }));
    assert_eq!(loader.child(above, 0, above), Err(Malformed::Level { expected: 0, found: 1 }));
    assert_eq!(loader.layer(above, 0, layer(1, 1)), Err(Malformed::Level { expected: 0, found: 1 }));
    assert_eq!(loader.map(100, Some(above)), Err(Malformed::Level { expected: 0, found: 1 }));
    let blocks = MAX_MAP_BLOCKS + 1;
    assert_eq!(loader.map(blocks, None), Err(Malformed::Length { blocks }));
}

#[test]
fn slots_are_told_once() {
    let (mut loader, leaf) = with_leaf();
    let above = loader.node(1, 2).unwrap();
    loader.child(above, 511, leaf).unwrap();
    assert_eq!(loader.child(above, 511, leaf), Err(Malformed::Slot { slot: 511 }));
    assert_eq!(loader.child(above, 512, leaf), Err(Malformed::Slot { slot: 512 }));
    assert_eq!(loader.layer(leaf, 512, layer(1, 1)), Err(Malformed::Slot { slot: 512 }));
}

#[test]
fn layers_are_disjoint() {
    let bad = [layer(1, 0), layer(2, 1), layer(1, 2), layer(2, u32::MAX)];
    for second in bad {
        let (mut loader, leaf) = with_leaf();
        loader.layer(leaf, 0, layer(1, 1)).unwrap();
        assert_eq!(loader.layer(leaf, 0, second), Err(Malformed::Layers { slot: 0 }), "{second:?}");
    }
    let (mut loader, leaf) = with_leaf();
    loader.layer(leaf, 0, layer(1, u32::MAX)).unwrap();
    assert_eq!(loader.layer(leaf, 0, layer(2, 1)), Err(Malformed::Layers { slot: 0 }));
}

#[test]
fn chunks_are_the_pools_and_not_metadata() {
    let (mut loader, leaf) = with_leaf();
    let chunk = Chunk(CHUNKS);
    assert_eq!(loader.layer(leaf, 0, layer(CHUNKS, 1)), Err(Malformed::Chunk { chunk }));
    let (mut loader, leaf) = with_leaf();
    loader.layer(leaf, 0, layer(3, 1)).unwrap();
    let _map = loader.map(100, Some(leaf)).unwrap();
    loader.space_mut().claim(Chunk(3), Purpose::Metadata);
    assert_eq!(loader.finish().unwrap_err(), Malformed::Chunk { chunk: Chunk(3) });
}

#[test]
fn every_node_is_referred_to() {
    let (loader, _) = with_leaf();
    assert_eq!(loader.finish().unwrap_err(), Malformed::Unreferenced { place: 1 });
}
