use super::*;
use crate::map::{BlockMask, ChunkIndex, LEAF_BLOCKS, Layer, Purpose};

/// A volume over two leaves and its snapshot, which share a leaf and in the other one a chunk.
fn grown() -> (Forest, [Map; 2]) {
    let mut forest = Forest::new(64);
    let mut volume = forest.create(2 * LEAF_BLOCKS);
    let write = |forest: &mut Forest, volume: &mut Map, index, mask| {
        let chunk = forest.space_mut().allocate(Purpose::Data).unwrap();
        forest.apply_write(volume, ChunkIndex(index), Layer { chunk, mask: BlockMask(mask) });
    };
    for index in [0, 1, 600] {
        write(&mut forest, &mut volume, index, u32::MAX);
    }
    let snapshot = forest.share(&volume);
    write(&mut forest, &mut volume, 0, 1);
    (forest, [volume, snapshot])
}

/// The only finding after damage was done to the forest.
fn finding(damage: impl FnOnce(&mut Forest, NodeId)) -> Finding {
    let (mut forest, maps) = grown();
    assert_eq!(forest.recount(&maps), []);
    let root = maps[0].root().unwrap();
    // The one that both share.
    let leaf = forest.nodes[root].child(1).unwrap();
    damage(&mut forest, leaf);
    let findings = forest.recount(&maps);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings[0]
}

#[test]
fn miscounted_nodes_are_found() {
    assert!(matches!(
        finding(|forest, leaf| forest.nodes[leaf].refs += 1),
        Finding::References { kept: 3, counted: 2, .. }
    ));
    assert!(matches!(finding(|forest, leaf| forest.nodes[leaf].parents ^= 9), Finding::Parents { .. }));
    assert!(matches!(finding(|forest, leaf| forest.nodes[leaf].sums.own += 1), Finding::Sums { .. }));
    assert!(matches!(finding(|forest, _| _ = forest.nodes.take(0)), Finding::Leak { .. }));
}

#[test]
fn miscounted_chunks_are_found() {
    let chunk = Chunk(1);
    // Chunk 1 is in both leaves: one reference more changes no sum.
    let count = finding(|forest, _| forest.space.load(chunk));
    assert_eq!(count, Finding::Count { chunk, kept: 3, counted: 2 });
    let other = NodeId::new(77).unwrap();
    let owner = finding(|forest, _| _ = forest.space.load_owner(chunk, other));
    assert_eq!(owner, Finding::Owner { chunk });
    let free = finding(|forest, _| forest.space.free_for_test(chunk));
    assert_eq!(free, Finding::FreeInUse { chunk });
}

#[test]
fn nodes_verify_one_by_one() {
    let (mut forest, maps) = grown();
    assert_eq!(forest.verify(0, 3), Ok(Some(3)));
    assert_eq!(forest.verify(3, u32::MAX), Ok(None));
    let root = maps[0].root().unwrap();
    let leaf = forest.nodes[root].child(0).unwrap();
    let slot = 77;
    forest.nodes[leaf].entries[slot] = 1 + 63;
    assert_eq!(forest.verify(0, u32::MAX), Err(Finding::Entry { node: leaf, slot }), "a free chunk");
    forest.nodes[leaf].entries[slot] = 0;
    forest.nodes[root].sums.blocks += 1;
    assert_eq!(forest.verify(0, u32::MAX), Err(Finding::Sums { node: root }));
}
