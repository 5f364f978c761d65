//! What is measured.

use std::hint::black_box;

use sluice_device::random::Random;
use sluice_volume::map::{
    BlockMask, CHUNK_BLOCKS, Change, ChunkIndex, Extent, LEAF_BLOCKS, Layer, Map, Place, Purpose, WritePlan,
};

use crate::bed::{Bed, load};
use crate::figure::{Figure, per_call, timed};

const LOOKUPS: u32 = 2_000_000;
const MIB: f64 = (1u32 << 20) as f64;

/// Places of blocks, before anything is shared.
pub(crate) fn lookups(bed: &Bed, figures: &mut Vec<Figure>) {
    let blocks = bed.volume.blocks();
    for (name, length) in [("4 KiB", 1), ("128 KiB", CHUNK_BLOCKS)] {
        let ns =
            per_call(LOOKUPS, |number| look(bed, u64::from(number) * length % (blocks - length), length));
        figures.push(Figure::one(format!("lookup, {name} sequential"), ns, "ns"));
        let mut random = Random::new(2);
        let ns = per_call(LOOKUPS, |_| look(bed, random.below(blocks - length), length));
        figures.push(Figure::one(format!("lookup, {name} random"), ns, "ns"));
    }
}

fn look(bed: &Bed, start: u64, length: u64) {
    let mut extents = [Extent::default(); 4];
    let filled = bed.forest.lookup(&bed.volume, start..start + length, &mut extents);
    black_box(&extents[..filled]);
}

/// The whole of what an overwrite in place asks the map.
pub(crate) fn overwrites(bed: &Bed, figures: &mut Vec<Figure>) {
    let (mut random, mut in_place) = (Random::new(3), 0u32);
    let ns = per_call(LOOKUPS, |_| {
        let mut extents = [Extent::default(); 1];
        let block = random.below(bed.volume.blocks());
        bed.forest.lookup(&bed.volume, block..block + 1, &mut extents);
        in_place += u32::from(matches!(extents[0].place, Place::Mapped { in_place: true, .. }));
    });
    assert_eq!(in_place, LOOKUPS, "nothing is shared yet");
    figures.push(Figure::one("overwrite in place, 4 KiB random", ns, "ns"));
}

/// The checker and the opening of a pool.
pub(crate) fn counts(bed: &Bed, figures: &mut Vec<Figure>) {
    let (ns, findings) = timed(|| bed.forest.recount([&bed.volume]));
    assert!(findings.is_empty(), "{findings:?}");
    figures.push(Figure::one("recounting everything", ns / 1e6, "ms"));
    let (ns, next) = timed(|| bed.forest.verify(0, u32::MAX));
    assert_eq!(next, Ok(None));
    figures.push(Figure::one("verifying node by node", ns / 1e6, "ms"));
    let (ns, _forest) = timed(|| load(&bed.forest, std::slice::from_ref(&bed.volume)));
    figures.push(Figure::one("loading decoded nodes", ns / 1e6, "ms"));
}

/// Snapshots of the whole volume, given back again.
pub(crate) fn snapshots(bed: &mut Bed, figures: &mut Vec<Figure>) {
    let mut snapshots = Vec::with_capacity(1000);
    let samples = (0..1000).map(|_| {
        let (ns, snapshot) = timed(|| bed.forest.share(&bed.volume));
        snapshots.push(snapshot);
        ns
    });
    let samples: Vec<f64> = samples.collect();
    figures.push(Figure::one("1,000 clones of the volume", samples.iter().sum::<f64>() / 1e3, "us"));
    figures.push(Figure::distribution("snapshot of the volume", samples));
    let samples = snapshots.into_iter().map(|snapshot| timed(|| bed.forest.release(snapshot)).0).collect();
    figures.push(Figure::distribution("deletion of a snapshot", samples));
    bed.settle();
}

/// One small write to every leaf after a snapshot, in random order, and another one to each.
pub(crate) fn first_writes(bed: &mut Bed, figures: &mut Vec<Figure>) {
    let snapshot = bed.forest.share(&bed.volume);
    let leaves = u32::try_from(bed.volume.blocks() / LEAF_BLOCKS).expect("fewer than chunks");
    let mut order: Vec<u32> = (0..leaves).collect();
    (1..order.len()).rev().for_each(|at| order.swap(at, bed.random.index(at + 1)));
    bed.forest.reserve(leaves + 64, 2 * leaves, leaves as usize);
    for name in ["first write after a snapshot, leaf shared", "first write after a snapshot, leaf copied"] {
        let samples = order.iter().map(|leaf| {
            let chunk = u32::try_from(bed.random.below(512)).expect("below 512");
            timed(|| first_write(bed, ChunkIndex(leaf * 512 + chunk))).0
        });
        figures.push(Figure::distribution(name, samples.collect()));
    }
    let resident = bed.forest.memory().total() as f64 / MIB;
    figures.push(Figure::one("memory with every leaf of volume and snapshot apart", resident, "MiB"));
    compare(bed, &snapshot, figures);
    freeze(bed, figures);
    let (ns, ()) = timed(|| bed.forest.release(snapshot));
    figures.push(Figure::one("deletion of the snapshot", ns, "ns"));
    let (ns, (drops, nodes)) = timed(|| bed.settle());
    figures.push(Figure::one(format!("settling {drops} drops, reclaiming {nodes} nodes"), ns / 1e6, "ms"));
    let per_node = ns / nodes.max(1) as f64;
    figures.push(Figure::one("  per node", per_node, "ns"));
}

/// What a 4 KiB write to a shared chunk asks of the map.
fn first_write(bed: &mut Bed, index: ChunkIndex) {
    let mask = BlockMask(1 << 7);
    let chunk = match bed.forest.plan_write(&bed.volume, index, mask) {
        WritePlan::Fresh => bed.forest.space_mut().allocate(Purpose::Data).expect("there is spare space"),
        WritePlan::Join(chunk) => chunk,
        WritePlan::InPlace | WritePlan::Fill => return,
    };
    bed.forest.apply_write(&mut bed.volume, index, Layer { chunk, mask });
}

fn compare(bed: &Bed, snapshot: &Map, figures: &mut Vec<Figure>) {
    let mut changes = vec![Change::default(); 1024];
    let (mut found, mut next) = (0, Some(0));
    let (ns, ()) = timed(|| {
        while let Some(from) = next {
            let some = bed.forest.changes(Some(snapshot), &bed.volume, from, usize::MAX, &mut changes);
            (found, next) = (found + some.filled, some.next);
        }
    });
    figures.push(Figure::one(format!("finding {found} changes since the snapshot"), ns / 1e6, "ms"));
}

fn freeze(bed: &mut Bed, figures: &mut Vec<Figure>) {
    let dirty = bed.forest.dirty();
    let (ns, ()) = timed(|| bed.forest.freeze());
    figures.push(Figure::one(format!("freezing {dirty} dirty nodes"), ns, "ns"));
    let (mut place, mut rest) = (0, 0);
    let (ns, ()) = timed(|| {
        while let Some(id) = bed.forest.next_frozen() {
            place += 1;
            bed.forest.placed(id, place);
        }
        bed.forest.finish(|_| rest += 1);
    });
    figures.push(Figure::one(
        "  placing one of them",
        ns / f64::from(u32::try_from(place).unwrap_or(1)),
        "ns",
    ));
    assert_eq!(rest, 0, "none was on disk");
}

/// A pool of many clones, each with a write of its own.
pub(crate) fn clones(bed: &mut Bed, maps: u32, figures: &mut Vec<Figure>) {
    let before = bed.forest.nodes();
    bed.forest.reserve(4 * maps, maps, maps as usize);
    let mut all = Vec::with_capacity(maps as usize + 1);
    let samples = (0..maps).map(|_| {
        let index = bed.index();
        let mut clone = bed.forest.share(&bed.volume);
        let chunk = bed.forest.space_mut().allocate(Purpose::Data).expect("there is spare space");
        let layer = Layer { chunk, mask: BlockMask(1) };
        let (ns, ()) = timed(|| bed.forest.apply_write(&mut clone, index, layer));
        all.push(clone);
        ns
    });
    let samples: Vec<f64> = samples.collect();
    figures.push(Figure::distribution("first write to a clone: root, node and leaf copied", samples));
    let nodes = f64::from(bed.forest.nodes() - before) / f64::from(maps);
    figures.push(Figure::one("nodes of a clone with one write", nodes, "(2.1 KiB each)"));
    let rest = bed.forest.create(0);
    all.push(std::mem::replace(&mut bed.volume, rest));
    let (ns, _forest) = timed(|| load(&bed.forest, &all));
    figures.push(Figure::one(format!("loading the volume and {maps} clones"), ns / 1e6, "ms"));
    let (ns, findings) = timed(|| bed.forest.recount(&all));
    assert!(findings.is_empty(), "{findings:?}");
    figures.push(Figure::one("  recounting them", ns / 1e6, "ms"));
}
