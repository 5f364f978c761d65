//! The load against a target in the test's hands: data in any pieces, lies of the target, lost connections.

use super::*;
use crate::expect::Initial;
use crate::workload::{Generator, OpMix, Pattern, Plan, Region};

const GEOMETRY: Geometry =
    Geometry { block_bytes: 512, blocks: 64, max_transfer_bytes: 4096, deallocate: true, write_zeroes: true };
const REGION: Region = Region { first: 0, blocks: 64 };

/// A verifying load over a target that is a vector.
struct Bench {
    load: Load,
    lane: Lane,
    stored: Vec<u8>,
}

impl Bench {
    fn new(read_percent: u8) -> Self {
        let table = Expectations::new(REGION, 7, Initial::Zeroes);
        let mut load = Load::new(GEOMETRY, None, Some(table), Change::Zero);
        load.source = Source::Pattern { left: u64::MAX };
        let ops = OpMix { read_percent, ..OpMix::default() };
        let plan = Plan { region: REGION, pattern: Pattern::Random, ops, sizes: vec![(8, 1)], start: 0 };
        Self { load, lane: Lane::new(4, Generator::new(&plan, 3), 8, 512), stored: vec![0; 64 * 512] }
    }

    /// The next I/O and its access.
    fn next(&mut self) -> (u16, Access) {
        let cid = self.load.next(&mut self.lane, 0).expect("an I/O");
        (cid, self.lane.slots[usize::from(cid)].access)
    }

    fn range(access: Access) -> std::ops::Range<usize> {
        let start = crate::num::index(access.lba) * 512;
        start..start + GEOMETRY.length(access.blocks)
    }

    fn complete(&mut self, cid: u16) -> Result<(), Violation> {
        self.load.complete(&mut self.lane, cid, Ok(()), 1000)
    }

    fn write(&mut self, cid: u16, access: Access) {
        self.load.stamp(access, &mut self.stored[Self::range(access)]);
        self.complete(cid).expect("a good write");
    }

    /// Hands over the data of a read in pieces of `piece` bytes.
    fn read(&mut self, cid: u16, access: Access, piece: usize) {
        let data = self.stored[Self::range(access)].to_vec();
        for (i, bytes) in data.chunks(piece).enumerate() {
            self.load.data(&mut self.lane, cid, len32(i * piece), bytes).expect("the next data");
        }
        self.complete(cid).expect("a good read");
    }

    /// Does one I/O.
    fn step(&mut self, piece: usize) {
        match self.next() {
            (cid, access) if access.op == AccessOp::Read => self.read(cid, access, piece),
            (cid, access) => self.write(cid, access),
        }
    }
}

#[test]
fn every_block_is_proved_whatever_the_pieces() {
    for piece in [1, 100, 511, 512, 513, 1000, 4096] {
        let mut bench = Bench::new(50);
        (0..200).for_each(|_| bench.step(piece));
        let counters = bench.load.counters;
        assert_eq!(counters.blocks_wrong, 0, "pieces of {piece}: {:?}", bench.load.wrong);
        assert_eq!(counters.blocks_written + counters.blocks_verified, 1600);
    }
}

#[test]
fn a_write_that_did_not_happen_is_found() {
    let mut bench = Bench::new(50);
    (0..200).for_each(|_| bench.step(512));
    bench.stored.fill(0);
    (0..50).for_each(|_| bench.step(512));
    assert!(bench.load.counters.blocks_wrong > 0);
    assert!(bench.load.wrong[0].contains("lost write"), "{}", bench.load.wrong[0]);
}

#[test]
fn a_torn_block_is_described() {
    let mut bench = Bench::new(0);
    (0..100).for_each(|_| bench.step(512));
    bench.stored.chunks_mut(512).for_each(|block| block[300] ^= 1);
    bench.load.source = Source::Sweep(Sweep::new(AccessOp::Read, REGION, 8));
    (0..8).for_each(|_| bench.step(700));
    assert!(bench.load.is_exhausted());
    assert!(bench.load.wrong.iter().any(|text| text.contains("from byte 300 on")), "{:?}", bench.load.wrong);
}

#[test]
fn lies_of_the_target_are_violations() {
    let mut bench = Bench::new(100);
    assert_eq!(bench.complete(0), Err(Violation::Unknown(0)));
    let (cid, _) = bench.next();
    let Bench { load, lane, .. } = &mut bench;
    assert!(matches!(load.data(lane, cid, 512, &[0; 512]), Err(Violation::Data { expected: 0, .. })));
    assert!(matches!(load.data(lane, cid, 0, &[0; 4608]), Err(Violation::Data { .. })));
    assert_eq!(load.data(lane, 99, 0, &[0; 512]), Err(Violation::Unknown(99)));
    assert_eq!(bench.complete(cid), Err(Violation::Short { cid, received: 0, length: 4096 }));
}

#[test]
fn what_a_lost_connection_held_is_sent_again() {
    let mut bench = Bench::new(0);
    let first = [bench.next(), bench.next()];
    bench.lane.lose();
    let mut again = [bench.next(), bench.next()];
    again.sort_by_key(|(cid, _)| std::cmp::Reverse(*cid));
    let mut first = first.to_vec();
    first.sort_by_key(|(cid, _)| std::cmp::Reverse(*cid));
    assert_eq!(first, again);
    assert_eq!((bench.load.counters.reissued, bench.load.outstanding), (2, 2));
}

#[test]
fn errors_leave_both_contents_right() {
    let mut bench = Bench::new(0);
    let (cid, _) = bench.next();
    let failure = Err(IoFailure::Device(IoError::Media));
    bench.load.complete(&mut bench.lane, cid, failure, 0).expect("an answer");
    assert_eq!(bench.load.counters.errors, 1);
    bench.load.source = Source::Sweep(Sweep::new(AccessOp::Read, REGION, 8));
    (0..8).for_each(|_| bench.step(512));
    assert_eq!(bench.load.counters.blocks_wrong, 0, "{:?}", bench.load.wrong);
}
