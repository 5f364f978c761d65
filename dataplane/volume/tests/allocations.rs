//! No allocation per I/O: devices and pools are driven under an allocator that counts.
//!
//! Everything is allocated when a device or pool is made. A warm-up round may still fault in what is lazy; after it,
//! thousands of I/Os of every kind, batches of every length and a full queue must not allocate once.
#![allow(unsafe_code, reason = "a global allocator is unsafe to implement; this one counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::null::{NullDevice, NullOptions};
use sluice_device::{BlockDevice, Completion, Nanos, Op, Pool, Request};
use sluice_hugepages::{Class, PoolConfig};
use sluice_volume::map::{
    BlockMask, ChunkIndex, Extent, Forest, Hold, Layer, Map, Place, Purpose, WritePlan,
};
use sluice_volume::thin::{Provision, ThinPool};
use sluice_volume::{BlockSize, FormatOptions, VolumeIo, VolumeSpec};
use uuid::Uuid;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // Threads that are ending have no counter any more, and nothing to prove.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a thread-local cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of this very method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NOW: Nanos = Nanos::ZERO;
const DEPTH: u32 = 32;
const BATCH: usize = 48;

fn buffers() -> Pool {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    Pool::new(&PoolConfig { classes: vec![class(4096, 64), class(65_536, 2)] }).unwrap()
}

fn memory() -> MemoryDevice {
    let options = MemoryOptions {
        block_size: 4096,
        blocks: 4096,
        queue_depth: DEPTH,
        huge_pages: false,
        resident: false,
    };
    MemoryDevice::new("memory", &options).unwrap()
}

fn null() -> NullDevice {
    NullDevice::new("null", &NullOptions { queue_depth: DEPTH, ..NullOptions::default() })
}

/// Every kind of I/O in turn; a Read or Write takes a buffer.
fn kind(number: u32, buffers: &Pool) -> (Op, u32, Option<sluice_device::Buffer>) {
    let zeroes = Op::WriteZeroes { fua: false, deallocate: number.is_multiple_of(2) };
    match number % 6 {
        0 => (Op::Flush, 0, None),
        1 => (zeroes, 1, None),
        2 => (Op::Deallocate, 1, None),
        3 => (Op::Read, 1, buffers.take(4096)),
        4 => (Op::Write { fua: true }, 1, buffers.take(4096)),
        _ => (Op::Write { fua: false }, 1, buffers.take(4096)),
    }
}

/// Batches from one to more than the queue holds, polled in slices of another length.
fn drive_device(
    device: &mut dyn BlockDevice,
    buffers: &Pool,
    requests: &mut [Request],
    done: &mut [Completion],
) {
    for round in 0..1000u32 {
        let batch = &mut requests[..1 + round as usize % BATCH];
        for (number, request) in (round..).zip(&mut *batch) {
            let (op, blocks, buffer) = kind(number, buffers);
            *request = Request { tag: number, op, lba: u64::from(number % 1000), blocks, buffer };
        }
        let _ = device.submit(NOW, batch);
        while device.poll(NOW, &mut done[..1 + round as usize % 40]) > 0 {}
    }
}

/// Runs `work` twice and counts the allocations of the second time.
fn allocations(mut work: impl FnMut()) -> u64 {
    work();
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Reads and overwrites of blocks that are the volume's own, flushes, and reads of what was never written.
fn drive_pool<D: BlockDevice>(
    pool: &mut ThinPool<D>,
    buffers: &Pool,
    ios: &mut [VolumeIo],
    done: &mut [Completion],
) {
    let volume = pool.volumes().next().expect("it was created").index;
    for round in 0..1000u32 {
        let batch = &mut ios[..1 + round as usize % BATCH];
        for (number, io) in (round..).zip(&mut *batch) {
            let write = Op::Write { fua: number.is_multiple_of(2) };
            let op = [Op::Flush, Op::Read, write, write][number as usize % 4];
            let (lba, blocks) = if op == Op::Flush { (0, 0) } else { (u64::from(number * 7 % 256), 1) };
            let lba = if op == Op::Read { lba * 2 } else { lba };
            let buffer = if op == Op::Flush { None } else { buffers.take(4096) };
            *io = VolumeIo { tag: number, volume, op, lba, blocks, buffer };
        }
        let _ = pool.submit(NOW, batch);
        while pool.poll(NOW, &mut done[..1 + round as usize % 40]) > 0 {}
    }
}

fn scratch() -> (Vec<Request>, Vec<VolumeIo>, Vec<Completion>) {
    let requests = (0..BATCH).map(|_| Request::default()).collect();
    let ios = (0..BATCH).map(|_| VolumeIo::default()).collect();
    (requests, ios, (0..BATCH).map(|_| Completion::default()).collect())
}

fn device_allocations(mut device: impl BlockDevice) -> u64 {
    let (buffers, (mut requests, _, mut done)) = (buffers(), scratch());
    allocations(|| drive_device(&mut device, &buffers, &mut requests, &mut done))
}

fn finish<D: BlockDevice>(pool: &mut ThinPool<D>) {
    loop {
        assert_eq!(pool.poll(NOW, &mut [Completion::default()]), 0);
        if let Some(result) = pool.take_control_result() {
            return drop(result.unwrap());
        }
    }
}

/// A thin pool with a volume whose first MiB is written, and sealed.
fn thin(buffers: &Pool, device: MemoryDevice) -> ThinPool<MemoryDevice> {
    let mut pool = ThinPool::new(device, buffers).unwrap();
    pool.begin_format(FormatOptions { uuid: Uuid::from_u128(1), force: false }).unwrap();
    finish(&mut pool);
    let (block_size, uuid) = (BlockSize::B4096, Uuid::from_u128(2));
    let spec = VolumeSpec { name: "v".into(), app: "a".into(), size_bytes: 1 << 21, block_size, uuid };
    pool.begin_create(spec, Provision::Thin, 0).unwrap();
    finish(&mut pool);
    let volume = pool.volumes().next().unwrap().index;
    for lba in (0..256).step_by(16) {
        let op = Op::Write { fua: false };
        let buffer = buffers.take(65_536);
        assert_eq!(pool.submit(NOW, &mut [VolumeIo { tag: 0, volume, op, lba, blocks: 16, buffer }]), 1);
        while pool.in_flight() > 0 {
            let _ = pool.poll(NOW, &mut [Completion::default()]);
        }
    }
    // Long enough for the seal.
    (0..20).for_each(|turn| assert_eq!(pool.poll(Nanos(turn << 30), &mut [Completion::default()]), 0));
    pool
}

#[test]
fn pools_do_not_allocate_per_io() {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    let buffers = Pool::new(&PoolConfig { classes: vec![class(4096, 128), class(131_072, 8)] }).unwrap();
    let (_, mut ios, mut done) = scratch();
    let mut pool = thin(&buffers, memory());
    assert_eq!(allocations(|| drive_pool(&mut pool, &buffers, &mut ios, &mut done)), 0);
}

#[test]
fn the_counter_counts() {
    let work = || drop(std::hint::black_box(Vec::<u8>::with_capacity(100)));
    assert_eq!(allocations(work), 1);
}

#[test]
fn devices_do_not_allocate_per_io() {
    assert_eq!((device_allocations(null()), device_allocations(memory())), (0, 0));
}

/// Blocks of the map under test: two levels.
const MAP_BLOCKS: u64 = 1 << 16;

/// A forest with a map whose every other chunk is mapped.
fn half_mapped() -> (Forest, Map) {
    let mut forest = Forest::new(1 << 15);
    let mut map = forest.create(MAP_BLOCKS);
    for index in (0..2048).step_by(2).map(ChunkIndex) {
        let chunk = forest.space_mut().allocate(Purpose::Data).unwrap();
        forest.apply_write(&mut map, index, Layer { chunk, mask: BlockMask::ALL });
    }
    (forest, map)
}

/// Writes one block to each chunk, planned and applied; counts writes that needed no change.
fn write_everywhere(forest: &mut Forest, map: &mut Map, mask: BlockMask) -> usize {
    let mut in_place = 0;
    for index in (0..2048).map(ChunkIndex) {
        let chunk = match forest.plan_write(map, index, mask) {
            WritePlan::InPlace => {
                in_place += 1;
                continue;
            }
            WritePlan::Join(chunk) => chunk,
            WritePlan::Fresh | WritePlan::Fill => forest.space_mut().allocate(Purpose::Data).unwrap(),
        };
        forest.apply_write(map, index, Layer { chunk, mask });
    }
    in_place
}

#[test]
fn lookups_and_overwrites_do_not_allocate() {
    let (forest, map) = half_mapped();
    let mut extents = [Extent::default(); 8];
    let (mut mapped, mut planned) = (0, 0);
    let allocations = allocations(|| {
        for block in (0..MAP_BLOCKS - 40).step_by(7) {
            let filled = forest.lookup(&map, block..block + 40, &mut extents);
            let is_mapped = |extent: &&Extent| matches!(extent.place, Place::Mapped { in_place: true, .. });
            mapped += extents[..filled].iter().filter(is_mapped).count();
            planned += usize::from(
                forest.plan_write(&map, ChunkIndex::of(block), BlockMask(1)) == WritePlan::InPlace,
            );
        }
    });
    assert_eq!(allocations, 0);
    assert!(mapped > 1000 && planned > 1000);
}

#[test]
fn changes_of_maps_do_not_allocate_what_was_reserved() {
    let (mut forest, mut map) = half_mapped();
    forest.reserve(128, 8 * 2048, 4 * 2048);
    // No warm-up: what is reserved is there.
    let before = ALLOCATIONS.get();
    for round in 0..3 {
        let snapshot = forest.share(&map);
        assert_eq!(write_everywhere(&mut forest, &mut map, BlockMask(1 << round)), 0);
        assert_eq!(write_everywhere(&mut forest, &mut map, BlockMask(1 << round)), 2048);
        forest.apply_unmap(&mut map, 7..5000);
        forest.release(snapshot);
        forest.settle(Hold::REACHED, usize::MAX);
        while forest.reclaim(3) > 0 {}
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
