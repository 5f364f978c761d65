//! The module's promises, one at a time; random histories of all of them together are in `tests/map`.

use super::*;

const BLOCKS: u64 = 3 * LEAF_BLOCKS;

fn write(forest: &mut Forest, map: &mut Map, index: u32, mask: u32) -> Chunk {
    let (index, mask) = (ChunkIndex(index), BlockMask(mask));
    let chunk = match forest.plan_write(map, index, mask) {
        WritePlan::InPlace => panic!("nothing is left to do for {index:?}"),
        WritePlan::Join(chunk) => chunk,
        WritePlan::Fresh | WritePlan::Fill => forest.space_mut().allocate(Purpose::Data).unwrap(),
    };
    forest.apply_write(map, index, Layer { chunk, mask });
    chunk
}

fn plan(forest: &Forest, map: &Map) -> WritePlan {
    forest.plan_write(map, ChunkIndex(0), BlockMask(1))
}

fn settle(forest: &mut Forest) {
    forest.settle(Hold::REACHED, usize::MAX);
    while forest.reclaim(1) > 0 {}
}

/// Where a block is, and whether it may be overwritten there.
fn place(forest: &Forest, map: &Map, block: u64) -> Place {
    let mut extent = [Extent::default()];
    assert_eq!(forest.lookup(map, block..block + 1, &mut extent), 1);
    extent[0].place
}

#[test]
fn a_read_through_a_thousand_snapshots_is_one_extent() {
    let mut forest = Forest::new(4000);
    let mut volume = forest.create(BLOCKS);
    write(&mut forest, &mut volume, 0, u32::MAX);
    let origin = place(&forest, &volume, 9);
    let mut snapshots = Vec::new();
    for index in 1..1000 {
        snapshots.push(forest.share(&volume));
        write(&mut forest, &mut volume, index, 1);
    }
    let mut extents = [Extent::default(); 4];
    assert_eq!(forest.lookup(&volume, 9..20, &mut extents), 1);
    assert!(matches!((origin, extents[0].place),
        (Place::Mapped { block: old, .. }, Place::Mapped { block: new, in_place: false }) if old == new));
}

#[test]
fn snapshots_cost_no_node_and_writes_after_them_one_per_level() {
    let mut forest = Forest::new(64);
    let mut volume = forest.create(BLOCKS);
    write(&mut forest, &mut volume, 0, u32::MAX);
    write(&mut forest, &mut volume, 600, u32::MAX);
    let before = forest.nodes();
    let snapshots: Vec<_> = (0..100).map(|_| forest.share(&volume)).collect();
    assert_eq!(forest.nodes(), before);
    write(&mut forest, &mut volume, 0, 1);
    assert_eq!(forest.nodes(), before + 2);
    snapshots.into_iter().for_each(|snapshot| forest.release(snapshot));
    settle(&mut forest);
    assert_eq!(forest.nodes(), before);
}

#[test]
fn what_a_snapshot_leaves_is_overwritten_only_once_its_deletion_is_durable() {
    let mut forest = Forest::new(64);
    let mut volume = forest.create(BLOCKS);
    write(&mut forest, &mut volume, 0, u32::MAX);
    let snapshot = forest.share(&volume);
    forest.set_hold(Hold { record: 7, io: 3 });
    forest.release(snapshot);
    for too_early in [Hold { record: 6, io: 3 }, Hold { record: 7, io: 2 }] {
        assert_eq!((forest.settle(too_early, usize::MAX), plan(&forest, &volume)), (0, WritePlan::Fresh));
    }
    assert_eq!(forest.settle(Hold { record: 7, io: 3 }, usize::MAX), 1);
    assert_eq!(plan(&forest, &volume), WritePlan::InPlace);
}

#[test]
fn small_writes_join_the_chunk_that_holds_others() {
    let mut forest = Forest::new(64);
    let mut volume = forest.create(BLOCKS);
    let first = write(&mut forest, &mut volume, 0, 2);
    assert_eq!(plan(&forest, &volume), WritePlan::Join(first));
    write(&mut forest, &mut volume, 0, !2);
    assert_eq!((plan(&forest, &volume), forest.layers()), (WritePlan::InPlace, 0));
}

#[test]
fn a_place_has_room_for_as_many_layers_as_planned() {
    let mut forest = Forest::new(64);
    let mut volume = forest.create(BLOCKS);
    let mut snapshots = Vec::new();
    for layer in 0..MAX_LAYERS {
        assert_eq!(plan(&forest, &volume), WritePlan::Fresh);
        write(&mut forest, &mut volume, 0, 2 << layer);
        snapshots.push(forest.share(&volume));
    }
    assert_eq!(plan(&forest, &volume), WritePlan::Fill);
    let merge = forest.merge_of(&volume, ChunkIndex(0)).unwrap();
    assert_eq!((merge.into, merge.copy, merge.mapped), (None, BlockMask(0b1_1110), BlockMask(0b1_1110)));
    write(&mut forest, &mut volume, 0, merge.mapped.0);
    assert!(matches!(plan(&forest, &volume), WritePlan::Join(_)));
    assert_eq!(forest.merge_of(&volume, ChunkIndex(0)), None);
}

#[test]
fn usage_follows_each_change_at_once() {
    let mut forest = Forest::new(64);
    let mut volume = forest.create(BLOCKS);
    let usage = |forest: &Forest, map: &Map| {
        let Usage { mapped_blocks, chunks, exclusive_chunks } = forest.usage(map);
        (mapped_blocks, chunks, exclusive_chunks)
    };
    write(&mut forest, &mut volume, 0, u32::MAX);
    write(&mut forest, &mut volume, 1, 3);
    assert_eq!(usage(&forest, &volume), (34, 2, 2));
    let snapshot = forest.share(&volume);
    assert_eq!(usage(&forest, &volume), (34, 2, 0));
    write(&mut forest, &mut volume, 0, u32::MAX);
    assert_eq!((usage(&forest, &volume), usage(&forest, &snapshot)), ((34, 2, 1), (34, 2, 0)));
    settle(&mut forest);
    assert_eq!(usage(&forest, &snapshot), (34, 2, 1), "the chunk that was replaced is the snapshot's alone");
    forest.release(volume);
    settle(&mut forest);
    assert_eq!(usage(&forest, &snapshot), (34, 2, 2));
}

#[test]
fn unmapping_a_large_range_takes_subtrees_out_whole() {
    let mut forest = Forest::new(3000);
    let mut volume = forest.create(BLOCKS);
    (0..1536).for_each(|index| _ = write(&mut forest, &mut volume, index, u32::MAX));
    forest.apply_unmap(&mut volume, 16..BLOCKS);
    assert_eq!(forest.held(), 511 + 2, "chunks of one leaf, and two leaves");
    settle(&mut forest);
    assert_eq!((forest.usage(&volume).mapped_blocks, forest.space().fill().free), (16, 2999));
}

#[test]
fn a_longer_volume_is_a_higher_tree_and_back() {
    let mut forest = Forest::new(64);
    let mut volume = forest.create(100);
    write(&mut forest, &mut volume, 0, 1);
    let before = place(&forest, &volume, 0);
    for blocks in [BLOCKS, MAX_MAP_BLOCKS, 1] {
        forest.resize(&mut volume, blocks);
        settle(&mut forest);
        assert_eq!((place(&forest, &volume, 0), forest.recount([&volume])), (before, Vec::new()));
    }
    assert_eq!(forest.nodes(), 1);
}
