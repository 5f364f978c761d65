//! Random verified load: every depth, every size up to the longest transfer, any block as a start.

use sluice_device::random::Random;
use sluice_device::{BlockDevice, Completion, Op, Pool, Request};
use sluice_nvme_pcie::Options;

use crate::rig::{address, now, open, pool, wait};

const BLOCKS: usize = 16_384;

/// So many requests at once.
pub(crate) const DEPTHS: [usize; 5] = [1, 2, 16, 128, 256];

/// What the blocks hold, and which of them are in flight.
pub(crate) struct Model {
    stamps: Vec<u32>,
    busy: Vec<bool>,
    random: Random,
    next: u32,
    in_flight: Vec<Request>,
    pub(crate) verified: u32,
}

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        let (stamps, busy) = (vec![0; BLOCKS], vec![false; BLOCKS]);
        Self { stamps, busy, random: Random::new(seed), next: 1, in_flight: Vec::new(), verified: 0 }
    }

    /// The next request on blocks that are not in flight; `None`: none was found.
    fn request(&mut self, pool: &Pool, info: (u32, u32)) -> Option<Request> {
        let (block_size, longest) = info;
        let start = self.random.index(BLOCKS);
        // As many short transfers as long ones, whatever the longest is.
        let most = (longest >> self.random.below(u64::from(longest.ilog2()) + 1)).max(1);
        let blocks = u32::try_from(1 + self.random.below(u64::from(most))).unwrap();
        let range = start..start + blocks as usize;
        if range.end > BLOCKS || self.busy[range.clone()].contains(&true) {
            return None;
        }
        let mut buffer = pool.take(blocks * block_size)?;
        let op = if self.random.chance(500) { Op::Read } else { Op::Write { fua: self.random.chance(100) } };
        if op != Op::Read {
            for (stamp, block) in
                self.stamps[range.clone()].iter_mut().zip(buffer.chunks_mut(block_size as usize))
            {
                *stamp = self.next;
                self.next += 1;
                fill(block, *stamp);
            }
        }
        self.busy[range].fill(true);
        let (tag, lba) = (self.next, start as u64);
        self.next += 1;
        self.in_flight.push(Request { tag, op, lba, blocks, buffer: None });
        Some(Request { tag, op, lba, blocks, buffer: Some(buffer) })
    }

    fn settle(&mut self, completion: &Completion, block_size: u32) {
        let at =
            self.in_flight.iter().position(|request| request.tag == completion.tag).expect("a tag in flight");
        let request = self.in_flight.swap_remove(at);
        assert_eq!(completion.result, Ok(()), "{request:?}");
        let start = usize::try_from(request.lba).unwrap();
        let range = start..start + request.blocks as usize;
        self.busy[range.clone()].fill(false);
        if request.op != Op::Read {
            return;
        }
        let buffer = completion.buffer.as_ref().expect("a read's buffer");
        for (block, data) in range.zip(buffer.chunks(block_size as usize)) {
            let stamp = self.stamps[block];
            assert!(is_filled(data, stamp), "block {block} of {request:?} should hold stamp {stamp}");
        }
        self.verified += 1;
    }

    /// Submits requests until `depth` are in flight, or no more can be found.
    pub(crate) fn begin(&mut self, device: &mut impl BlockDevice, pool: &Pool, depth: usize) -> u32 {
        let info = (device.info().block_size, device.info().max_transfer_blocks);
        let mut batch = Vec::new();
        while device.in_flight() + batch.len() < depth {
            let Some(request) = self.request(pool, info) else { break };
            batch.push(request);
        }
        assert_eq!(device.submit(now(), &mut batch), batch.len());
        u32::try_from(batch.len()).unwrap()
    }

    /// Runs at least `count` requests, `depth` at a time, and checks every byte read.
    pub(crate) fn drive(&mut self, device: &mut impl BlockDevice, pool: &Pool, depth: usize, count: u32) {
        let mut begun = 0;
        while begun < count || device.in_flight() > 0 {
            if begun < count {
                begun += self.begin(device, pool, depth);
            }
            if device.in_flight() > 0 {
                let completion = wait(device);
                self.settle(&completion, device.info().block_size);
            }
        }
    }

    /// Zeroes the blocks, as the model begins.
    pub(crate) fn clear(device: &mut impl BlockDevice) {
        let longest = device.info().max_write_zeroes_blocks as usize;
        for start in (0..BLOCKS).step_by(longest) {
            let blocks = u32::try_from(longest.min(BLOCKS - start)).unwrap();
            let op = Op::WriteZeroes { fua: false, deallocate: false };
            let request = Request { tag: 0, op, lba: start as u64, blocks, buffer: None };
            assert_eq!(crate::rig::run(device, request).result, Ok(()));
        }
    }
}

fn fill(block: &mut [u8], stamp: u32) {
    block.chunks_exact_mut(4).for_each(|word| word.copy_from_slice(&stamp.to_le_bytes()));
}

fn is_filled(block: &[u8], stamp: u32) -> bool {
    block.chunks_exact(4).all(|word| word == stamp.to_le_bytes())
}

#[test]
fn random_load_reads_what_was_written_at_every_depth() {
    let Some(address) = address() else { return };
    let pool = pool();
    for (seed, sgl, queue_pairs) in [(1, true, 1), (2, false, 1), (3, true, 4)] {
        let options = Options { sgl, queue_pairs, queue_depth: 256, ..Options::default() };
        let (mut device, events) = open(address, &options, &pool);
        assert_eq!(device.queue_pairs(), queue_pairs);
        Model::clear(&mut device);
        let mut model = Model::new(seed);
        for depth in DEPTHS {
            model.drive(&mut device, &pool, depth, 200);
        }
        println!("seed {seed}: {} reads verified", model.verified);
        assert!(model.verified > 300 && events.borrow().is_empty(), "{:?}", events.borrow());
    }
}
