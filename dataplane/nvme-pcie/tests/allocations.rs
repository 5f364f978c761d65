//! After it is opened, the device never allocates: not for I/O, not for sleeping, not for errors.
#![allow(unsafe_code, reason = "an allocator of one's own cannot be made without it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;

use sluice_device::{BlockDevice, Completion, Nanos, Op, Pool, Request};
use sluice_hugepages::{Backing, Class, DmaMemory, Iova, PoolConfig};
use sluice_nvme::property::Cap;
use sluice_nvme::status::Status;
use sluice_nvme_pcie::model::{Config, Model};
use sluice_nvme_pcie::{Hardware, Memory, NvmeDevice, Opening, Options, memory_bytes};

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
        5 => (Op::Write { fua: false }, u64::from(tag % 500), 4),
        _ => (Op::Read, u64::from(tag % 500), 1),
    };
    Request { tag, op, lba, blocks, buffer: pool.take(4 * BLOCK) }
}

fn open(model: &Model, pool: &Pool, options: &Options) -> NvmeDevice<Model> {
    let bytes = memory_bytes(Cap::from_bits(model.read64(0)), options);
    let queues = Rc::new(DmaMemory::new(bytes, &Backing::default()).unwrap());
    let (queues_iova, buffers_iova) = (Iova(1 << 32), Iova(1 << 40));
    // SAFETY: the device keeps both memories until it has dropped the hardware.
    unsafe { model.map(queues.region(), queues_iova) };
    // SAFETY: as above.
    unsafe { model.map(pool.region(), buffers_iova) };
    let memory = Memory { queues, queues_iova, buffers: pool.clone(), buffers_iova };
    let mut opening = Opening::new(model.clone(), memory, options.clone(), Box::new(|_| {}), Nanos(1));
    while opening.poll(Nanos(1)).is_none() {}
    opening.finish()
}

/// The allocator's calls in `work`.
fn calls<T>(work: impl FnOnce() -> T) -> u64 {
    let before = CALLS.get();
    let result = work();
    let calls = CALLS.get() - before;
    drop(result);
    calls
}

/// Fills the queue, then polls and arms until it is empty; the controller acts only between the device's calls.
fn round(device: &mut NvmeDevice<Model>, model: &Model, pool: &Pool, number: u32, now: &mut Nanos) -> u64 {
    let wake = |fail: Option<Status>| {
        model.faults(|faults| (faults.asleep, faults.fail) = (false, fail.into_iter().collect()));
        model.faults(|faults| faults.asleep = true);
    };
    let mut requests: Vec<Request> =
        (0..DEPTH).zip(number * 32..).map(|(_, tag)| request(pool, tag)).collect();
    let mut completions = [(); 7].map(|()| Completion::default());
    let mut total = calls(|| assert_eq!(device.submit(*now, &mut requests), DEPTH));
    // Some commands fail and are sent again.
    wake(number.is_multiple_of(5).then_some(Status::COMMAND_INTERRUPTED));
    while device.in_flight() > 0 {
        *now = *now + Nanos(1_000_000);
        let mut count = 0;
        total += calls(|| count = device.poll(*now, &mut completions));
        completions[..count].iter_mut().for_each(|completion| drop(completion.buffer.take()));
        total += calls(|| device.arm());
        total += calls(|| device.disarm());
        wake(None);
    }
    total
}

#[test]
fn io_never_allocates() {
    let classes = vec![Class { buffer_bytes: 4 * BLOCK, count: 64 }];
    let pool = Pool::new(&PoolConfig { classes }).unwrap();
    for (sgl, shadow_doorbells) in [(true, false), (false, true)] {
        let config = Config { block_size: BLOCK, blocks: 1024, interrupt: true, ..Config::default() };
        let model = Model::new(config);
        // Reading the health is not on the way of an I/O, and makes room for what it reads.
        let health_interval = Nanos(u64::MAX);
        let options = Options { sgl, shadow_doorbells, health_interval, ..Options::default() };
        let mut device = open(&model, &pool, &options);
        let mut now = Nanos(1);
        for _ in 0..100 {
            now = now + Nanos(20_000_000);
            let _ = device.poll(now, &mut [Completion::default()]);
        }
        model.faults(|faults| faults.asleep = true);
        let total: u64 = (0..ROUNDS).map(|number| round(&mut device, &model, &pool, number, &mut now)).sum();
        assert_eq!(total, 0, "calls of the allocator, SGLs: {sgl}");
    }
}
