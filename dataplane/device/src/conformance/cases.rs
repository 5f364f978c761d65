//! One rule of the trait each.

use super::rig::Rig;
use crate::{Completion, IoError, Op, Request};

const WRITE: Op = Op::Write { fua: false };

pub(super) fn description(rig: &mut Rig<'_>) {
    let info = &rig.info;
    assert!(info.block_size.is_power_of_two() && (512..=4096).contains(&info.block_size), "{info:?}");
    assert!(info.buffer_align.is_power_of_two() && info.buffer_align <= 4096, "{info:?}");
    assert!(info.blocks > 0 && info.max_transfer_blocks > 0 && info.queue_depth > 0, "{info:?}");
    assert!(!info.name.is_empty() && !info.kind.is_empty(), "{info:?}");
    assert_eq!(info.size_bytes(), info.blocks * u64::from(info.block_size));
    assert_eq!(rig.device.info(), info, "it stays what it is");
}

/// Lengths from one block to the longest, at even and odd places, with their neighbours untouched.
pub(super) fn write_then_read(rig: &mut Rig<'_>) {
    let longest = rig.info.max_transfer_blocks.min((8 << 20) / rig.info.block_size);
    let space = u32::try_from(rig.info.blocks).unwrap_or(u32::MAX) - 3;
    for (stamp, blocks) in (1..).zip([1, 2, 3, 8, 31, longest.min(space)]) {
        for lba in [1, 2] {
            let (before, after) = (rig.read(lba - 1, 1), rig.read(lba + u64::from(blocks), 1));
            let written = rig.stamped(blocks, stamp);
            let expected = written.to_vec();
            let written = rig.write(lba, written);
            assert_eq!(*written, *expected, "{}: a write leaves its buffer alone", rig.name);
            drop(written);
            rig.expect(lba, &expected);
            rig.expect(lba - 1, &before);
            rig.expect(lba + u64::from(blocks), &after);
        }
    }
}

pub(super) fn ends(rig: &mut Rig<'_>) {
    let end = rig.info.blocks;
    let last = rig.stamped(2, 9);
    let expected = last.to_vec();
    drop(rig.write(end - 2, last));
    rig.expect(end - 2, &expected);
    for (lba, blocks) in [(end - 1, 2), (end, 1), (u64::MAX, 1), (u64::MAX - 1, 2)] {
        for op in [Op::Read, WRITE] {
            let buffer = Some(rig.buffer(blocks));
            rig.refused(op, lba, blocks, buffer, IoError::OutOfRange);
        }
        rig.refused(Op::WriteZeroes { fua: false, deallocate: true }, lba, blocks, None, IoError::OutOfRange);
    }
    rig.expect(end - 2, &expected);
}

pub(super) fn malformed(rig: &mut Rig<'_>) {
    for op in [Op::Read, WRITE] {
        rig.refused(op, 0, 1, None, IoError::Misaligned);
        let buffer = rig.buffer(1);
        rig.refused(op, 0, 0, Some(buffer), IoError::Misaligned);
        let buffer = rig.buffer(1);
        rig.refused(op, 0, 2, Some(buffer), IoError::Misaligned);
        let buffer = rig.buffer(1);
        rig.refused(op, 0, rig.info.max_transfer_blocks + 1, Some(buffer), IoError::Misaligned);
    }
    let zeroes = Op::WriteZeroes { fua: false, deallocate: false };
    let limits =
        [(zeroes, rig.info.max_write_zeroes_blocks), (Op::Deallocate, rig.info.max_deallocate_blocks)];
    for (op, limit) in limits {
        let error = if limit == 0 { IoError::Unsupported } else { IoError::Misaligned };
        rig.refused(op, 0, 0, None, error);
        if limit < u32::MAX {
            rig.refused(op, 0, limit + 1, None, error);
        }
    }
}

pub(super) fn long_buffer(rig: &mut Rig<'_>) {
    let block = rig.info.block_size as usize;
    let behind = rig.read(5, 1);
    let written = rig.stamped(3, 0x40);
    let expected = written[..block].to_vec();
    let result = rig.run(WRITE, 4, 1, Some(written)).result;
    assert_eq!(result, Ok(()));
    rig.expect(4, &expected);
    rig.expect(5, &behind);
    let mut buffer = rig.buffer(2);
    buffer.fill(0x99);
    let buffer = rig.run(Op::Read, 4, 1, Some(buffer)).buffer.expect("checked by run");
    assert!(buffer[block..].iter().all(|byte| *byte == 0x99), "{}: bytes behind a read stay", rig.name);
}

pub(super) fn write_zeroes(rig: &mut Rig<'_>) {
    for (fua, deallocate) in [(false, false), (false, true), (true, false), (true, true)] {
        for (lba, blocks) in [(10, 1), (9, 2), (11, 7), (8, 16)] {
            let around = rig.stamped(32, 0x11);
            let mut expected = around.to_vec();
            drop(rig.write(0, around));
            rig.ok(Op::WriteZeroes { fua, deallocate }, lba, blocks);
            clear(&mut expected, rig, lba, blocks);
            rig.expect(0, &expected);
        }
    }
}

/// Zeroes the blocks in what a read from block 0 should give.
fn clear(expected: &mut [u8], rig: &Rig<'_>, lba: u64, blocks: u32) {
    let block = rig.info.block_size as usize;
    let start = usize::try_from(lba).expect("a small address") * block;
    expected[start..start + blocks as usize * block].fill(0);
}

pub(super) fn deallocate(rig: &mut Rig<'_>) {
    if rig.info.max_deallocate_blocks == 0 {
        return rig.refused(Op::Deallocate, 0, 1, None, IoError::Unsupported);
    }
    for (lba, blocks) in [(8, 16), (5, 3), (1, 30)] {
        let around = rig.stamped(32, 0x22);
        let mut expected = around.to_vec();
        drop(rig.write(0, around));
        rig.ok(Op::Deallocate, lba, blocks);
        if !rig.info.deallocate_reads_zeroes {
            let block = rig.info.block_size as usize;
            let found = rig.read(lba, blocks);
            let kept = expected[usize::try_from(lba).expect("a small address") * block..].chunks(block);
            let legal = |(found, kept): (&[u8], &[u8])| found == kept || found.iter().all(|byte| *byte == 0);
            assert!(found.chunks(block).zip(kept).all(legal), "{}: other bytes than old or zero", rig.name);
            rig.ok(Op::WriteZeroes { fua: false, deallocate: false }, lba, blocks);
        }
        clear(&mut expected, rig, lba, blocks);
        rig.expect(0, &expected);
    }
}

pub(super) fn longest_clear(rig: &mut Rig<'_>) {
    let space = u32::try_from(rig.info.blocks).unwrap_or(u32::MAX);
    let zeroes = Op::WriteZeroes { fua: true, deallocate: false };
    let limits =
        [(zeroes, rig.info.max_write_zeroes_blocks), (Op::Deallocate, rig.info.max_deallocate_blocks)];
    for (op, limit) in limits.into_iter().filter(|(_, limit)| *limit > 0) {
        let blocks = limit.min(space);
        let last = rig.stamped(1, 0x33);
        drop(rig.write(u64::from(blocks) - 1, last));
        rig.ok(op, 0, blocks);
        if op != Op::Deallocate || rig.info.deallocate_reads_zeroes {
            let zeroes = vec![0; rig.info.block_size as usize];
            rig.expect(u64::from(blocks) - 1, &zeroes);
        }
    }
}

pub(super) fn durability(rig: &mut Rig<'_>) {
    let forced = rig.stamped(4, 0x55);
    let expected = forced.to_vec();
    drop(rig.write_with(Op::Write { fua: true }, 3, forced));
    rig.ok(Op::Flush, 0, 0);
    rig.ok(Op::Flush, 0, 0);
    rig.expect(3, &expected);
}

pub(super) fn queue_depth(rig: &mut Rig<'_>) {
    let depth = rig.info.queue_depth;
    let mut requests: Vec<Request> =
        (0..depth + 3).map(|tag| Request { tag, ..Request::default() }).collect();
    let first = rig.device.submit(rig.now, &mut requests[..1]);
    let accepted = first + rig.device.submit(rig.now, &mut requests[1..]);
    assert_eq!(accepted, depth as usize, "{}: the queue takes its depth", rig.name);
    assert_eq!(rig.device.in_flight(), accepted);
    assert_eq!(rig.device.submit(rig.now, &mut requests[accepted..]), 0, "{}: and no more", rig.name);
    let mut tags: Vec<u32> = (0..accepted).map(|_| rig.wait().tag).collect();
    tags.sort_unstable();
    assert!(tags.into_iter().eq(0..depth), "{}: each tag comes back once", rig.name);
    assert_eq!(rig.device.submit(rig.now, &mut requests[accepted..]), 3, "{}: there is room again", rig.name);
    (0..3).for_each(|_| assert_eq!(rig.wait().result, Ok(())));
}

pub(super) fn empty_calls(rig: &mut Rig<'_>) {
    assert_eq!(rig.device.submit(rig.now, &mut []), 0);
    assert_eq!(rig.device.poll(rig.now, &mut []), 0);
    assert_eq!(rig.device.poll(rig.now, &mut [Completion::default()]), 0);
    rig.device.disarm();
    let mut flush = [Request::default()];
    assert_eq!(rig.device.submit(rig.now, &mut flush), 1);
    assert_eq!(rig.device.poll(rig.now, &mut []), 0);
    assert_eq!(rig.wait().result, Ok(()));
}

pub(super) fn idling(rig: &mut Rig<'_>) {
    assert_eq!(rig.device.next_deadline(), None, "{}: nothing is in flight", rig.name);
    assert!(rig.device.arm(), "{}: an idle device lets its owner sleep", rig.name);
    rig.device.disarm();
    let mut flush = [Request::default()];
    assert_eq!(rig.device.submit(rig.now, &mut flush), 1);
    let tells = !rig.device.arm() || rig.device.next_deadline().is_some() || rig.device.wake_fd().is_some();
    assert!(tells, "{}: something tells of the completion", rig.name);
    rig.device.disarm();
    assert_eq!(rig.wait().result, Ok(()));
    assert_eq!((rig.device.next_deadline(), rig.device.in_flight()), (None, 0));
}
