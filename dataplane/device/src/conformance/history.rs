//! Random histories against a model: many requests in flight, never two on one block.

use std::collections::BTreeMap;

use super::rig::Rig;
use crate::random::Random;
use crate::{Completion, Op, Request};

/// The histories take place on so many blocks.
const BLOCKS: u32 = 256;

/// Requests per history.
const LENGTH: u32 = 400;

/// What each block must hold, by one byte; and which blocks are in use.
struct Model {
    stamps: Vec<u8>,
    busy: Vec<bool>,
    in_flight: BTreeMap<u32, Request>,
}

/// Seeds 1, 2, 3, or the one in `SLUICE_SEED`.
pub(super) fn random_histories(rig: &mut Rig<'_>) {
    let chosen = std::env::var("SLUICE_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in chosen.map_or_else(|| vec![1, 2, 3], |seed| vec![seed]) {
        rig.name = format!("random histories agree with a model, SLUICE_SEED={seed}");
        history(rig, &mut Random::new(seed));
    }
}

fn history(rig: &mut Rig<'_>, random: &mut Random) {
    let size = BLOCKS.min(u32::try_from(rig.info.blocks).unwrap_or(u32::MAX));
    rig.ok(Op::WriteZeroes { fua: false, deallocate: false }, 0, size.min(rig.info.max_write_zeroes_blocks));
    let size = size.min(rig.info.max_write_zeroes_blocks);
    let mut model = Model {
        stamps: vec![0; size as usize],
        busy: vec![false; size as usize],
        in_flight: BTreeMap::new(),
    };
    for tag in 0..LENGTH {
        if let Some(request) = choose(rig, &mut model, random, tag) {
            submit(rig, &mut model, request);
        }
        while !model.in_flight.is_empty() && (random.chance(400) || rig.device.in_flight() > 24) {
            let completion = rig.wait();
            settle(rig, &mut model, completion);
        }
    }
    while !model.in_flight.is_empty() {
        let completion = rig.wait();
        settle(rig, &mut model, completion);
    }
}

/// A request for blocks that nothing else in flight touches.
fn choose(rig: &Rig<'_>, model: &mut Model, random: &mut Random, tag: u32) -> Option<Request> {
    let ops = [
        Op::Read,
        Op::Read,
        Op::Write { fua: false },
        Op::Write { fua: true },
        Op::WriteZeroes { fua: random.chance(200), deallocate: random.chance(500) },
        Op::Deallocate,
        Op::Flush,
    ];
    let op = ops[random.index(ops.len())];
    if op == Op::Flush {
        return Some(Request { tag, ..Request::default() });
    }
    if op == Op::Deallocate && (rig.info.max_deallocate_blocks < 16 || !rig.info.deallocate_reads_zeroes) {
        return None;
    }
    let start = random.index(model.busy.len());
    let end = model.busy.len().min(start + 1 + random.index(16));
    if model.busy[start..end].contains(&true) {
        return None;
    }
    model.busy[start..end].fill(true);
    let blocks = u32::try_from(end - start).expect("at most 16");
    let mut buffer = None;
    if matches!(op, Op::Read | Op::Write { .. }) {
        let mut taken = rig.buffer(blocks);
        taken.fill(u8::try_from(random.below(256)).expect("below 256"));
        buffer = Some(taken);
    }
    Some(Request { tag, op, lba: start as u64, blocks, buffer })
}

/// Submits, and remembers what the blocks will hold.
fn submit(rig: &mut Rig<'_>, model: &mut Model, mut request: Request) {
    let Request { tag, op, lba, blocks, .. } = request;
    let stamp = match (&request.buffer, op) {
        (Some(buffer), Op::Write { .. }) => Some(buffer[0]),
        (_, Op::WriteZeroes { .. } | Op::Deallocate) => Some(0),
        _ => None,
    };
    if let Some(stamp) = stamp {
        let start = usize::try_from(lba).expect("a small address");
        model.stamps[start..start + blocks as usize].fill(if rig.traits.forgetful { 0 } else { stamp });
    }
    assert_eq!(rig.device.submit(rig.now, std::slice::from_mut(&mut request)), 1);
    model.in_flight.insert(tag, Request { tag, op, lba, blocks, buffer: None });
}

/// Checks a completion against the model.
fn settle(rig: &Rig<'_>, model: &mut Model, completion: Completion) {
    let request = model.in_flight.remove(&completion.tag).expect("a tag in flight");
    assert_eq!(completion.result, Ok(()), "{}: {request:?}", rig.name);
    let start = usize::try_from(request.lba).expect("a small address");
    let blocks = start..start + request.blocks as usize;
    model.busy[blocks.clone()].fill(false);
    if request.op == Op::Read {
        let contents = rig.contents(completion);
        for (stamp, block) in model.stamps[blocks].iter().zip(contents.chunks(rig.info.block_size as usize)) {
            assert!(block.iter().all(|byte| byte == stamp), "{}: {request:?} expected {stamp:#x}", rig.name);
        }
    }
}
