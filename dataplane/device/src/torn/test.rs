use std::collections::HashSet;

use sluice_hugepages::{Class, Pool, PoolConfig};

use super::*;

const NOW: Nanos = Nanos::ZERO;

fn device(block_size: u32, atom_bytes: u32) -> TornDevice {
    TornDevice::new(TornOptions {
        block_size,
        blocks: 64,
        queue_depth: 8,
        atom_bytes,
        seed: 1,
        ..TornOptions::default()
    })
}

fn pool() -> Pool {
    Pool::new(&PoolConfig { classes: vec![Class { buffer_bytes: 16_384, count: 16 }] }).unwrap()
}

fn submit(device: &mut TornDevice, op: Op, lba: u64, blocks: u32, byte: u8) {
    let mut buffer = pool().take(blocks * device.info.block_size).unwrap();
    buffer.fill(byte);
    assert_eq!(device.submit(NOW, &mut [Request { tag: 0, op, lba, blocks, buffer: Some(buffer) }]), 1);
}

fn finish(device: &mut TornDevice) -> Completion {
    let mut completion = Completion::default();
    assert_eq!(device.poll(NOW, std::slice::from_mut(&mut completion)), 1);
    assert_eq!(completion.result, Ok(()));
    completion
}

fn run(device: &mut TornDevice, op: Op, lba: u64, blocks: u32, byte: u8) -> Vec<u8> {
    submit(device, op, lba, blocks, byte);
    finish(device).buffer.unwrap().to_vec()
}

fn flush(device: &mut TornDevice) {
    assert_eq!(device.submit(NOW, &mut [Request::default()]), 1);
    finish(device);
}

const WRITE: Op = Op::Write { fua: false };

/// All the contents that `blocks` blocks were seen to have after many crashes of a device that `prepare` wrote to.
fn seen(prepare: impl Fn(&mut TornDevice), blocks: u32, atom_bytes: u32) -> HashSet<Vec<u8>> {
    let crash = |seed| {
        let mut device = device(1024, atom_bytes);
        prepare(&mut device);
        let mut device = device.crash(&mut Random::new(seed));
        let mut data = run(&mut device, Op::Read, 0, blocks, 0xff);
        data.dedup();
        data
    };
    (0..200).map(crash).collect()
}

#[test]
fn without_a_crash_it_is_a_device() {
    let mut device = device(512, 512);
    run(&mut device, WRITE, 3, 2, 7);
    assert_eq!(run(&mut device, Op::Read, 3, 2, 0), [7; 1024]);
    run(&mut device, Op::Deallocate, 4, 1, 0);
    assert_eq!(run(&mut device, Op::Read, 4, 1, 9), [0; 512]);
}

#[test]
fn unflushed_writes_are_lost_torn_and_reordered() {
    let unflushed = |device: &mut TornDevice| {
        run(device, WRITE, 0, 2, 1);
        run(device, WRITE, 0, 2, 2);
    };
    let contents = seen(unflushed, 2, 1024);
    assert_eq!(contents.len(), 9, "each block is zero, one or two: {contents:?}");
    assert!(seen(unflushed, 1, 512).contains(&vec![2, 1]), "atoms smaller than blocks tear blocks");
}

#[test]
fn flushed_and_forced_writes_survive() {
    let flushed = |device: &mut TornDevice| {
        run(device, WRITE, 0, 2, 1);
        flush(device);
    };
    assert_eq!(seen(flushed, 2, 512), HashSet::from([vec![1]]));
    let forced = |device: &mut TornDevice| {
        run(device, WRITE, 0, 2, 1);
        run(device, Op::Write { fua: true }, 0, 2, 2);
    };
    assert_eq!(seen(forced, 2, 512), HashSet::from([vec![2]]));
}

#[test]
fn a_flush_covers_only_what_had_completed() {
    let concurrent = |device: &mut TornDevice| {
        submit(device, WRITE, 0, 1, 1);
        assert_eq!(device.submit(NOW, &mut [Request::default()]), 1);
        finish(device);
        finish(device);
    };
    assert_eq!(seen(concurrent, 1, 1024), HashSet::from([vec![0], vec![1]]));
}

#[test]
fn requests_in_flight_may_or_may_not_have_happened() {
    let unfinished = |device: &mut TornDevice| submit(device, WRITE, 0, 2, 1);
    assert_eq!(seen(unfinished, 2, 1024).len(), 4);
}

#[test]
fn a_read_in_flight_changes_nothing() {
    let reading = |device: &mut TornDevice| {
        run(device, Op::Write { fua: true }, 0, 2, 1);
        submit(device, Op::Read, 0, 2, 0);
    };
    assert_eq!(seen(reading, 2, 512), HashSet::from([vec![1]]));
}

#[test]
fn a_crash_ends_what_was_volatile() {
    let mut random = Random::new(5);
    let mut device = device(512, 512);
    run(&mut device, WRITE, 0, 8, 1);
    let mut device = device.crash(&mut random);
    let once = run(&mut device, Op::Read, 0, 8, 0);
    let mut device = device.crash(&mut random);
    assert_eq!(run(&mut device, Op::Read, 0, 8, 0), once);
}

#[test]
fn a_kill_keeps_what_completed_and_the_power_may_still_take_it() {
    let mut random = Random::new(9);
    let mut device = device(512, 512);
    run(&mut device, WRITE, 0, 8, 1);
    submit(&mut device, WRITE, 8, 8, 2);
    let mut device = device.kill(&mut random);
    assert_eq!(device.in_flight(), 0);
    assert_eq!(run(&mut device, Op::Read, 0, 8, 0), [1; 4096]);
    assert!(run(&mut device, Op::Read, 8, 8, 0).iter().all(|byte| [0, 2].contains(byte)));
    let lost = |seed| {
        let mut device = device.crashed(&mut Random::new(seed));
        run(&mut device, Op::Read, 0, 8, 9) != [1; 4096]
    };
    assert!((0..50).any(lost));
}

#[test]
fn rot_outlives_everything() {
    let mut device = device(512, 512);
    run(&mut device, WRITE, 3, 1, 1);
    flush(&mut device);
    device.rot(3, 8);
    let mut device = device.crash(&mut Random::new(1));
    let found = run(&mut device, Op::Read, 3, 1, 0);
    assert_eq!((found[0], found[1], found[2]), (1, 0, 1));
    assert_eq!(device.written().collect::<Vec<_>>(), [3]);
}

#[test]
fn caches_differ_in_what_they_keep() {
    let kept = |volatile_write_cache, fua, forced| {
        let options = TornOptions { volatile_write_cache, fua, ..TornOptions::default() };
        let crash = |seed| {
            let mut device = TornDevice::new(options.clone());
            run(&mut device, Op::Write { fua: forced }, 0, 1, 1);
            run(&mut device.crash(&mut Random::new(seed)), Op::Read, 0, 1, 0) == [1; 4096]
        };
        (0..50).all(crash)
    };
    assert!(kept(true, true, true) && kept(false, true, false) && kept(false, false, false));
    assert!(!kept(true, true, false) && !kept(true, false, true));
}
