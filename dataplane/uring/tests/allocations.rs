//! After it is opened, the device never allocates: not for I/O, not for sleeping, not for errors.
#![allow(unsafe_code, reason = "an allocator of one's own cannot be made without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sluice_device::{BlockDevice, Completion, Nanos, Op, Request};
use sluice_hugepages::{Class, Pool, PoolConfig};
use sluice_uring::{UringDevice, UringOptions};

/// The system's allocator, counting this thread's calls.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged; the count is a plain thread-local that needs no
// allocation itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above; the memory came from the system's allocator.
        unsafe { System.dealloc(address, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const DEPTH: usize = 32;
const BLOCK: u32 = 4096;
const ROUNDS: u32 = 200;

/// A request of each kind in turn, some of them malformed.
fn request(pool: &Pool, tag: u32) -> Request {
    let (op, lba, blocks) = match tag % 9 {
        0 => (Op::Flush, 0, 0),
        1 => (Op::WriteZeroes { fua: tag % 27 == 1, deallocate: true }, u64::from(tag % 500), 4),
        2 => (Op::Deallocate, u64::from(tag % 500), 2),
        3 => (Op::Write { fua: tag % 36 == 3 }, u64::from(tag % 500), 1),
        4 => (Op::Read, u64::MAX, 1),
        5 => (Op::Write { fua: false }, u64::from(tag % 500), 2),
        _ => (Op::Read, u64::from(tag % 500), 1),
    };
    Request { tag, op, lba, blocks, buffer: pool.take(2 * BLOCK) }
}

/// Fills the queue, then polls and arms until it is empty.
fn round(device: &mut UringDevice, pool: &Pool, round: u32, completions: &mut [Completion]) {
    let tag = |number: u32| round * 32 + number;
    let mut number = 0;
    let mut requests: [Request; DEPTH] = std::array::from_fn(|_| {
        number += 1;
        request(pool, tag(number))
    });
    assert_eq!(device.submit(Nanos::ZERO, &mut requests), DEPTH);
    while device.in_flight() > 0 {
        let count = device.poll(Nanos::ZERO, completions);
        completions[..count].iter_mut().for_each(|completion| drop(completion.buffer.take()));
        let _ = device.arm();
        device.disarm();
    }
}

#[test]
fn io_never_allocates() {
    let classes = vec![Class { buffer_bytes: 2 * BLOCK, count: 64 }];
    let pool = Pool::new(&PoolConfig { classes }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for direct in [true, false] {
        let depth = u32::try_from(DEPTH).unwrap();
        let options = UringOptions {
            create_bytes: Some(4 << 20),
            direct,
            queue_depth: depth,
            ..UringOptions::default()
        };
        let mut device = UringDevice::open(folder.path().join("device"), &options, &pool).unwrap();
        let mut completions = [(); 7].map(|()| Completion::default());
        let before = CALLS.get();
        for number in 0..ROUNDS {
            round(&mut device, &pool, number, &mut completions);
        }
        assert_eq!(CALLS.get() - before, 0, "calls of the allocator, direct: {direct}");
    }
}
