//! Random histories over many volumes.

use std::collections::BTreeMap;

use sluice_device::random::Random;
use sluice_volume::map::{
    BlockMask, CHUNK_BLOCKS, Chunk, ChunkIndex, Extent, Forest, Hold, LEAF_BLOCKS, Layer, Map, MergeScope,
    NODE_ENTRIES, Place, Purpose, WritePlan,
};

use crate::audit::{check_changes, check_counts, check_usage, places};
use crate::disk::{Disk, Written};
use crate::image::Pages;
use crate::seal::{Sealed, Seals};

/// How often what was at stake happened.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    in_place: u64,
    joined: u64,
    fresh: u64,
    filled: u64,
    refused: u64,
    shared: u64,
    rolled_back: u64,
    merged: u64,
    applied_after_share: u64,
    checkpoints: u64,
    reopened: u64,
}

impl Seen {
    fn all(&self) -> [u64; 11] {
        let Self { in_place, joined, fresh, filled, refused, .. } = *self;
        let Self { shared, rolled_back, merged, applied_after_share, checkpoints, reopened, .. } = *self;
        [
            in_place,
            joined,
            fresh,
            filled,
            refused,
            shared,
            rolled_back,
            merged,
            applied_after_share,
            checkpoints,
            reopened,
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.in_place += other.in_place;
        self.joined += other.joined;
        self.fresh += other.fresh;
        self.filled += other.filled;
        self.refused += other.refused;
        self.shared += other.shared;
        self.rolled_back += other.rolled_back;
        self.merged += other.merged;
        self.applied_after_share += other.applied_after_share;
        self.checkpoints += other.checkpoints;
        self.reopened += other.reopened;
    }

    /// A run that never met the hard cases proves nothing.
    pub(crate) fn check(&self) {
        assert!(self.all().iter().all(|count| *count > 20), "{self:?}");
    }
}

/// A volume or snapshot, and every mapped block's value.
struct Volume {
    number: u64,
    map: Map,
    values: BTreeMap<u64, u64>,
    pending: Vec<Pending>,
}

/// A first write whose data is on the device and whose record is not.
#[derive(Clone)]
struct Pending {
    index: ChunkIndex,
    layer: Layer,
    values: Vec<(u64, u64)>,
    shares: u64,
}

/// One seed's history.
pub(crate) struct History {
    random: Random,
    chunks: u32,
    /// How far from a spot I/O goes, in blocks.
    spread: u64,
    forest: Forest,
    volumes: Vec<Volume>,
    disk: Disk,
    seals: Seals,
    pages: Pages,
    /// Volumes and values so far.
    number: u64,
    seen: Seen,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let chunks = u32::try_from(40 + random.below(400)).unwrap();
        let spread = [5, 30, 100][random.index(3)];
        Self {
            random,
            chunks,
            spread,
            forest: Forest::new(chunks),
            volumes: Vec::new(),
            disk: Disk::default(),
            seals: Seals::default(),
            pages: Pages::default(),
            number: 0,
            seen: Seen::default(),
        }
    }

    pub(crate) fn run(mut self) -> Seen {
        for _ in 0..50 + self.random.below(300) {
            self.step();
        }
        self.check();
        while !self.volumes.is_empty() {
            self.release();
        }
        self.settle_all();
        self.checkpoints();
        self.pages.check_leaks(self.chunks);
        let fill = self.forest.space().fill();
        assert_eq!(fill.free, fill.total, "nothing is left");
        check_counts(&self.forest, []);
        self.seen
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..2 => self.create(),
            2..8 => self.share(),
            8..11 => self.release(),
            11..13 => self.roll_back(),
            13..16 => self.resize(),
            16..24 => self.unmap(),
            24..30 => self.merge(),
            30..38 => self.apply_one(),
            38..44 => self.seal(),
            44..47 => _ = self.forest.reclaim(self.random.index(4)),
            60..62 => self.settle(),
            47..54 => self.checkpoint(),
            54 => self.reopen(),
            55..58 => self.compare(),
            58 => self.check(),
            59 => self.pile_up(),
            _ => self.write(),
        }
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn some_volume(&mut self) -> Option<usize> {
        (!self.volumes.is_empty()).then(|| self.random.index(self.volumes.len()))
    }

    /// A size around one that matters, or any small one.
    fn some_blocks(&mut self) -> u64 {
        let sizes = [LEAF_BLOCKS, 3 * LEAF_BLOCKS, LEAF_BLOCKS * NODE_ENTRIES as u64];
        match self.random.below(4) {
            0 => 1 + self.random.below(200),
            size => sizes[usize::try_from(size - 1).unwrap()] + self.random.below(200) - 100,
        }
    }

    /// A short range within a volume, mostly around a few spots.
    fn some_range(&mut self, blocks: u64) -> std::ops::Range<u64> {
        let spots = [0, 100, LEAF_BLOCKS, LEAF_BLOCKS * NODE_ENTRIES as u64, blocks];
        let spot = spots[self.random.index(spots.len())].min(blocks);
        let start = (spot + self.random.below(2 * self.spread)).saturating_sub(self.spread).min(blocks - 1);
        start..(start + 1 + self.random.below(self.spread)).min(blocks)
    }

    fn create(&mut self) {
        let (number, blocks) = (self.next_number(), self.some_blocks());
        let map = self.forest.create(blocks);
        self.volumes.push(Volume { number, map, values: BTreeMap::new(), pending: Vec::new() });
    }

    fn share(&mut self) {
        let Some(at) = self.some_volume() else { return };
        let number = self.next_number();
        let map = self.forest.share(&self.volumes[at].map);
        let values = self.volumes[at].values.clone();
        self.volumes.push(Volume { number, map, values, pending: Vec::new() });
        self.seen.shared += 1;
    }

    /// Small writes to one chunk with a snapshot before each: as many layers as there may be.
    fn pile_up(&mut self) {
        let Some(at) = self.some_volume() else { return };
        let index = ChunkIndex::of(self.some_range(self.volumes[at].map.blocks()).start);
        let left = self.volumes[at].map.blocks() - index.first_block();
        for _ in 0..6 {
            let number = self.next_number();
            let (map, values) = (self.forest.share(&self.volumes[at].map), self.volumes[at].values.clone());
            self.volumes.push(Volume { number, map, values, pending: Vec::new() });
            let block = index.first_block() + self.random.below(left.min(CHUNK_BLOCKS));
            self.write_chunk(at, index, block..block + 1);
        }
    }

    fn release(&mut self) {
        let Some(at) = self.some_volume() else { return };
        self.apply_all(at);
        self.forest.release(self.volumes.swap_remove(at).map);
    }

    fn roll_back(&mut self) {
        let (Some(at), Some(to)) = (self.some_volume(), self.some_volume()) else { return };
        if at == to {
            return;
        }
        self.apply_all(at);
        let target = std::mem::replace(&mut self.volumes[to].map, self.forest.create(0));
        self.forest.rollback(&mut self.volumes[at].map, &target);
        self.volumes[to].map = target;
        self.volumes[at].values = self.volumes[to].values.clone();
        self.seen.rolled_back += 1;
    }

    fn resize(&mut self) {
        let Some(at) = self.some_volume() else { return };
        self.apply_all(at);
        let blocks = self.some_blocks();
        let volume = &mut self.volumes[at];
        self.forest.resize(&mut volume.map, blocks);
        volume.values.retain(|block, _| *block < blocks);
    }

    fn unmap(&mut self) {
        let Some(at) = self.some_volume() else { return };
        self.apply_all(at);
        let blocks = self.volumes[at].map.blocks();
        let mut range = self.some_range(blocks);
        match self.random.below(5) {
            0 => range.end = range.end.max(self.some_range(blocks).end),
            1 => {
                // A leaf, which leaves the tree as it is.
                let first = range.start / LEAF_BLOCKS * LEAF_BLOCKS;
                range = first..(first + LEAF_BLOCKS).min(blocks);
            }
            _ => {}
        }
        let volume = &mut self.volumes[at];
        self.forest.apply_unmap(&mut volume.map, range.clone());
        volume.values.retain(|block, _| !range.contains(block));
    }

    fn write(&mut self) {
        let Some(at) = self.some_volume() else { return self.create() };
        let range = self.some_range(self.volumes[at].map.blocks());
        let mut start = range.start;
        while start < range.end {
            let index = ChunkIndex::of(start);
            let end = range.end.min(index.first_block() + CHUNK_BLOCKS);
            self.write_chunk(at, index, start..end);
            start = end;
        }
    }

    fn write_chunk(&mut self, at: usize, index: ChunkIndex, blocks: std::ops::Range<u64>) {
        self.apply_at(at, index);
        let offset = |block: u64| u32::try_from(block - index.first_block()).unwrap();
        let mask = BlockMask::run(offset(blocks.start)..offset(blocks.end));
        let (plan, value) = (self.forest.plan_write(&self.volumes[at].map, index, mask), self.next_number());
        let values: Vec<_> = blocks.clone().map(|block| (block, value)).collect();
        let seen = match plan {
            WritePlan::InPlace => {
                self.overwrite(at, &values);
                &mut self.seen.in_place
            }
            WritePlan::Join(chunk) => {
                self.begin(at, index, Layer { chunk, mask }, values);
                &mut self.seen.joined
            }
            WritePlan::Fresh | WritePlan::Fill => {
                let Ok(chunk) = self.forest.space_mut().allocate(Purpose::Data) else {
                    self.seen.refused += 1;
                    return;
                };
                if plan == WritePlan::Fresh {
                    self.begin(at, index, Layer { chunk, mask }, values);
                    &mut self.seen.fresh
                } else {
                    self.fill(at, index, chunk, &values);
                    &mut self.seen.filled
                }
            }
        };
        *seen += 1;
    }

    /// Overwrites blocks where a lookup finds them.
    fn overwrite(&mut self, at: usize, values: &[(u64, u64)]) {
        let volume = &mut self.volumes[at];
        for (block, value) in values {
            let mut extent = [Extent::default()];
            assert_eq!(self.forest.lookup(&volume.map, *block..block + 1, &mut extent), 1);
            let Place::Mapped { block: place, in_place: true } = extent[0].place else {
                panic!("block {block} is not to be overwritten: {extent:?}");
            };
            self.disk.write(place, Written { value: *value, volume: volume.number, block: *block });
            volume.values.insert(*block, *value);
        }
    }

    /// Writes to a chunk and leaves the rest for later. Blocks that live there already are seen at once.
    fn begin(&mut self, at: usize, index: ChunkIndex, layer: Layer, values: Vec<(u64, u64)>) {
        let volume = &mut self.volumes[at];
        for (block, value) in &values {
            let place = layer.chunk.first_block() + block - index.first_block();
            self.disk.write(place, Written { value: *value, volume: volume.number, block: *block });
            let mut extent = [Extent::default()];
            if *block < volume.map.blocks() {
                self.forest.lookup(&volume.map, *block..block + 1, &mut extent);
            }
            if extent[0].place == (Place::Mapped { block: place, in_place: true }) {
                volume.values.insert(*block, *value);
            }
        }
        volume.pending.push(Pending { index, layer, values, shares: self.seen.shared });
    }

    /// Brings all blocks of a place along.
    fn fill(&mut self, at: usize, index: ChunkIndex, chunk: Chunk, values: &[(u64, u64)]) {
        let first = index.first_block();
        let mut all: BTreeMap<u64, u64> = (first..first + CHUNK_BLOCKS).map(|block| (block, 0)).collect();
        all.extend(self.volumes[at].values.range(first..first + CHUNK_BLOCKS));
        all.extend(values.iter().copied());
        self.begin(at, index, Layer { chunk, mask: BlockMask::ALL }, all.into_iter().collect());
    }

    fn apply_at(&mut self, at: usize, index: ChunkIndex) {
        let volume = &mut self.volumes[at];
        let (due, rest) = volume.pending.drain(..).partition(|pending| pending.index == index);
        volume.pending = rest;
        let due: Vec<Pending> = due;
        due.into_iter().for_each(|pending| self.apply(at, pending));
    }

    fn apply_all(&mut self, at: usize) {
        let pending = std::mem::take(&mut self.volumes[at].pending);
        pending.into_iter().for_each(|pending| self.apply(at, pending));
    }

    fn apply_one(&mut self) {
        let Some(at) = self.some_volume() else { return };
        if let Some(pending) = self.volumes[at].pending.pop() {
            self.apply(at, pending);
        }
    }

    fn apply(&mut self, at: usize, pending: Pending) {
        let volume = &mut self.volumes[at];
        let blocks = volume.map.blocks();
        for _ in 0..1 + self.random.below(2) {
            self.forest.apply_write(&mut volume.map, pending.index, pending.layer);
        }
        volume.values.extend(pending.values.into_iter().filter(|(block, _)| *block < blocks));
        self.seen.applied_after_share += u64::from(pending.shares != self.seen.shared);
    }

    fn merge(&mut self) {
        let Some(at) = self.some_volume() else { return };
        self.apply_all(at);
        let scope = if self.random.chance(300) { MergeScope::All } else { MergeScope::Layered };
        let mut next = Some(ChunkIndex::of(self.some_range(self.volumes[at].map.blocks()).start));
        while let Some(from) = next {
            let scan = self.forest.next_merge(&self.volumes[at].map, from, scope, 1 + self.random.index(5));
            if let Some(merge) = scan.found {
                self.merge_one(at, merge);
            }
            next = scan.next;
        }
    }

    fn merge_one(&mut self, at: usize, merge: sluice_volume::map::Merge) {
        let first = merge.index.first_block();
        let fresh = || self.forest.space_mut().allocate(Purpose::Data).ok();
        let Some(chunk) = merge.into.or_else(fresh) else { return };
        let volume = &mut self.volumes[at];
        let whole = self.random.chance(500);
        let left = u32::try_from((volume.map.blocks() - first).min(CHUNK_BLOCKS)).unwrap();
        let apply = if whole { BlockMask::run(0..left) } else { merge.mapped };
        for offset in (0..32).filter(|offset| apply.contains(*offset)) {
            let block = first + u64::from(offset);
            let value = volume.values.get(&block).copied();
            assert_eq!(value.is_some(), merge.mapped.contains(offset), "a merge moves what is mapped");
            let value = *volume.values.entry(block).or_insert(value.unwrap_or(0));
            if merge.copy.contains(offset) || !merge.mapped.contains(offset) {
                let place = chunk.first_block() + u64::from(offset);
                self.disk.write(place, Written { value, volume: volume.number, block });
            }
        }
        self.forest.apply_write(&mut volume.map, merge.index, Layer { chunk, mask: apply });
        assert_eq!(self.forest.merge_of(&volume.map, merge.index), None, "merged");
        self.seen.merged += 1;
    }

    fn seal(&mut self) {
        (0..self.volumes.len()).for_each(|at| self.apply_all(at));
        self.seals.check(&self.disk);
        let mut blocks = Vec::new();
        for Volume { number, map, .. } in &self.volumes {
            let places = places(&self.forest, map, 100);
            let sealed = |(block, at)| Sealed { volume: *number, block, at, value: self.disk.read(at).value };
            blocks.extend(places.into_iter().map(sealed));
        }
        let (reached, hold) = self.seals.seal(blocks);
        self.forest.set_hold(hold);
        let limit = if self.random.chance(500) { usize::MAX } else { self.random.index(20) };
        self.forest.settle(reached, limit);
    }

    /// Settles what the last seal left; nothing newer may take effect.
    fn settle(&mut self) {
        if let Some(reached) = self.seals.reached() {
            self.forest.settle(reached, usize::MAX);
        }
    }

    fn settle_all(&mut self) {
        self.seal();
        self.forest.settle(Hold::REACHED, usize::MAX);
        while self.forest.reclaim(10) > 0 {}
        assert_eq!((self.forest.held(), self.forest.reclaimable()), (0, 0));
    }

    fn checkpoint(&mut self) {
        if !self.pages.is_running() {
            let maps: Vec<_> = self.volumes.iter().map(|volume| &volume.map).collect();
            self.pages.begin(&mut self.forest, &maps);
        } else if self.pages.write(&mut self.forest, self.random.below(8)) {
            self.pages.finish(&mut self.forest, self.chunks);
            self.seen.checkpoints += 1;
        }
    }

    /// Two whole checkpoints: no place waits to be reported free.
    fn checkpoints(&mut self) {
        for _ in 0..2 {
            self.finish_checkpoint();
            self.checkpoint();
        }
        self.finish_checkpoint();
    }

    fn finish_checkpoint(&mut self) {
        while self.pages.is_running() {
            self.checkpoint();
        }
    }

    /// Closes and opens the pool.
    fn reopen(&mut self) {
        (0..self.volumes.len()).for_each(|at| self.apply_all(at));
        self.finish_checkpoint();
        self.checkpoint();
        self.finish_checkpoint();
        let (forest, maps) = self.pages.load(self.chunks);
        self.forest = forest;
        self.volumes.iter_mut().zip(maps).for_each(|(volume, map)| volume.map = map);
        self.settle_all();
        self.seen.reopened += 1;
    }

    fn compare(&mut self) {
        let (Some(older), Some(newer)) = (self.some_volume(), self.some_volume()) else { return };
        let older = self.random.chance(800).then(|| &self.volumes[older].map);
        let random = &mut self.random;
        check_changes(&self.forest, older, &self.volumes[newer].map, || 1 + random.index(9));
    }

    fn check(&mut self) {
        check_counts(&self.forest, self.volumes.iter().map(|volume| &volume.map));
        self.seals.check(&self.disk);
        for Volume { map, values, .. } in &self.volumes {
            let places = places(&self.forest, map, 1 + self.random.index(5));
            let read: BTreeMap<_, _> =
                places.into_iter().map(|(block, at)| (block, self.disk.read(at).value)).collect();
            assert_eq!(&read, values);
            assert_eq!(self.forest.usage(map).mapped_blocks, values.len() as u64);
        }
        if self.random.chance(300) {
            self.settle_all();
            let maps: Vec<_> = self.volumes.iter().map(|volume| &volume.map).collect();
            check_usage(&self.forest, &maps);
        }
    }
}
