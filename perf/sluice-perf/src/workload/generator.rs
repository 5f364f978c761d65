//! The generator: one per connection, so that connections neither share state nor repeat each other.

use crate::rng::Rng;
use crate::workload::{Access, OpMix, Pattern, Region, Zipf};

/// Everything a [`Generator`] draws from. Sizes are in logical blocks here.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where.
    pub region: Region,
    /// In which order.
    pub pattern: Pattern,
    /// Which operations.
    pub ops: OpMix,
    /// (blocks, weight) of every access size; none larger than the region.
    pub sizes: Vec<(u32, u32)>,
    /// Where a sequential walk begins, counted in blocks from the start of the region.
    pub start: u64,
}

/// How positions are found, per size where that matters.
#[derive(Clone, Debug)]
enum Picker {
    /// Number of aligned positions for each size.
    Random(Vec<u64>),
    Zipf(Vec<Zipf>),
    /// Next block, counted from the start of the region.
    Sequential(u64),
}

/// A stream of accesses; equal plans and seeds give equal streams.
#[derive(Clone, Debug)]
pub struct Generator {
    rng: Rng,
    region: Region,
    ops: OpMix,
    sizes: Vec<(u32, u32)>,
    total_weight: u64,
    picker: Picker,
}

impl Generator {
    /// A stream of `plan` for `seed`.
    ///
    /// # Panics
    /// If a size is 0 or larger than the region, or there is none: job specifications are checked before.
    #[must_use]
    pub fn new(plan: &Plan, seed: u64) -> Self {
        let positions: Vec<u64> = plan.sizes.iter().map(|s| plan.region.blocks / u64::from(s.0)).collect();
        assert!(!positions.is_empty() && positions.iter().all(|&n| n > 0), "a size that fits the region");
        let picker = match plan.pattern {
            Pattern::Random => Picker::Random(positions),
            Pattern::Sequential => Picker::Sequential(plan.start),
            Pattern::Zipf { theta } => Picker::Zipf(positions.iter().map(|&n| Zipf::new(n, theta)).collect()),
        };
        Self {
            rng: Rng::new(seed),
            region: plan.region,
            ops: plan.ops,
            sizes: plan.sizes.clone(),
            total_weight: plan.sizes.iter().map(|s| u64::from(s.1)).sum(),
            picker,
        }
    }

    /// The next access. Never ends.
    pub fn draw(&mut self) -> Access {
        let op = self.ops.draw(&mut self.rng);
        let size = self.draw_size();
        let blocks = self.sizes[size].0;
        let offset = self.draw_offset(size, u64::from(blocks));
        Access { op, lba: self.region.first + offset, blocks }
    }

    /// Index of a size, by weight.
    fn draw_size(&mut self) -> usize {
        if self.sizes.len() == 1 {
            return 0;
        }
        let mut dice = self.rng.below(self.total_weight);
        let hit = self.sizes.iter().position(|&(_, weight)| {
            let inside = dice < u64::from(weight);
            dice = dice.saturating_sub(u64::from(weight));
            inside
        });
        hit.unwrap_or(0)
    }

    fn draw_offset(&mut self, size: usize, blocks: u64) -> u64 {
        match &mut self.picker {
            Picker::Random(positions) => self.rng.below(positions[size]) * blocks,
            Picker::Zipf(zipfs) => zipfs[size].item(&mut self.rng) * blocks,
            Picker::Sequential(next) => {
                let here = if *next + blocks > self.region.blocks { 0 } else { *next };
                *next = here + blocks;
                here
            }
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::workload::AccessOp;

    fn plan(pattern: Pattern) -> Plan {
        Plan {
            region: Region { first: 1000, blocks: 333 },
            pattern,
            ops: OpMix { read_percent: 50, trim_percent: 5, write_zeroes_percent: 5 },
            sizes: vec![(1, 3), (8, 1), (32, 1)],
            start: 300,
        }
    }

    #[test]
    fn accesses_stay_inside_the_region_and_replay() {
        for pattern in [Pattern::Random, Pattern::Sequential, Pattern::Zipf { theta: 0.99 }] {
            let plan = plan(pattern);
            let (mut a, mut b) = (Generator::new(&plan, 9), Generator::new(&plan, 9));
            for _ in 0..10_000 {
                let access = a.draw();
                assert_eq!(access, b.draw());
                assert!(access.lba >= 1000 && access.lba + u64::from(access.blocks) <= 1333, "{access:?}");
            }
        }
    }

    #[test]
    fn sequential_walks_and_wraps() {
        let mut plan = plan(Pattern::Sequential);
        plan.sizes = vec![(32, 1)];
        plan.ops = OpMix::default();
        let mut generator = Generator::new(&plan, 1);
        let lbas: Vec<u64> = (0..4).map(|_| generator.draw().lba).collect();
        assert_eq!(lbas, [1300, 1000, 1032, 1064]);
    }

    #[test]
    fn sizes_follow_their_weights() {
        let mut generator = Generator::new(&plan(Pattern::Random), 5);
        let ones = (0..50_000).filter(|_| generator.draw().blocks == 1).count();
        assert!(ones.abs_diff(30_000) < 600, "{ones}");
    }

    #[test]
    fn seeds_differ() {
        let plan = plan(Pattern::Random);
        let (mut a, mut b) = (Generator::new(&plan, 1), Generator::new(&plan, 2));
        let same = (0..1000).filter(|_| a.draw() == b.draw()).count();
        assert!(same < 100);
        assert!((0..1000).any(|_| a.draw().op == AccessOp::Deallocate));
    }
}
