//! A lookup alone, in a map of the same size as the large volume's: what the pool asks for every I/O.

use std::hint::black_box;
use std::time::Instant;

use sluice_device::random::Random;
use sluice_volume::map::{BlockMask, CHUNK_BYTES, ChunkIndex, Extent, Forest, Layer, Purpose};

use crate::figure::Figure;

const LOOKUPS: u32 = 1_000_000;

pub(crate) fn run(part: &str, gib: u64, figures: &mut Vec<Figure>) -> anyhow::Result<()> {
    let chunks = u32::try_from((gib << 30) / CHUNK_BYTES)?;
    let mut forest = Forest::new(chunks);
    let mut map = forest.create(u64::from(chunks) * 32);
    for index in (0..chunks).map(ChunkIndex) {
        let chunk = forest.space_mut().allocate(Purpose::Data)?;
        forest.apply_write(&mut map, index, Layer { chunk, mask: BlockMask::ALL });
    }
    let mut random = Random::new(2);
    let mut look = |name: &str, mut next: Box<dyn FnMut(u64) -> u64 + '_>| {
        let begun = Instant::now();
        for number in 0..LOOKUPS {
            let mut extents = [Extent::default(); 2];
            let block = next(u64::from(number));
            let found = forest.lookup(&map, block..block + 1, &mut extents);
            black_box(&extents[..found]);
        }
        let ns = begun.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKUPS);
        figures.push(Figure::one(part, format!("map lookup, 4 KiB {name}"), ns, "ns"));
    };
    let blocks = map.blocks();
    look("sequential", Box::new(move |number| number % blocks));
    look("random", Box::new(move |_| random.below(blocks)));
    Ok(())
}
