//! No allocation per I/O, under any limit, over many volumes, or when I/O is taken back.
#![allow(unsafe_code, reason = "a global allocator is unsafe to implement; this one counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sluice_qos::{
    Burst, Config, DeviceProfile, Io, Kind, Nanos, Placement, Qos, QosSpec, Scheduler, Tag, VolumeQos,
    VolumeQosSpec, WriteFactor,
};

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

const SLOTS: u32 = 2048;

/// Applications of every kind, each with several volumes, one of them capped.
fn scheduler() -> (Scheduler, Vec<Tag>) {
    let latency = Nanos(50_000);
    let profile = DeviceProfile {
        read_4k: latency,
        read_128k: latency,
        write_4k: latency,
        write_128k: latency,
        worst_iops: 400_000,
        worst_cost_per_s: 400_000 * 2560,
        write_factor: WriteFactor::START,
    };
    let mut scheduler = Scheduler::new(Nanos::ZERO, Config::new(SLOTS, 64, Some(profile)));
    let free = QosSpec::default();
    let limited = QosSpec { max_iops: Some(20_000), ..free };
    let specs = [
        free,
        QosSpec { min_iops: 50_000, ..free },
        limited,
        QosSpec { burst: Some(Burst { iops: 50_000, credit_s: 1 }), ..limited },
        QosSpec { max_bytes_per_s: Some(64 << 20), ..free },
    ];
    let mut tags = Vec::new();
    for spec in specs {
        let app = scheduler.add_app(Nanos::ZERO, Qos::new(spec).unwrap()).unwrap();
        for max_iops in [None, Some(3000), None] {
            let qos = VolumeQos::new(VolumeQosSpec { max_iops, ..VolumeQosSpec::default() }).unwrap();
            tags.push(scheduler.add_volume(Nanos::ZERO, app, qos).unwrap());
        }
    }
    (scheduler, tags)
}

/// A closed loop over all slots on a device that completes in order, with every fifth round taking I/O back.
struct Loop {
    scheduler: Scheduler,
    tags: Vec<Tag>,
    free: Vec<u32>,
    at_device: std::collections::VecDeque<u32>,
    now: u64,
    dispatched: u64,
}

impl Loop {
    fn new() -> Self {
        let (scheduler, tags) = scheduler();
        let (free, at_device) =
            ((0..SLOTS).collect(), std::collections::VecDeque::with_capacity(SLOTS as usize));
        Self { scheduler, tags, free, at_device, now: 0, dispatched: 0 }
    }

    fn fill(&mut self) {
        while let Some(slot) = self.free.pop() {
            let tag = self.tags[slot as usize % self.tags.len()];
            let (kind, bytes) =
                [(Kind::Read, 4096), (Kind::Write, 131_072), (Kind::Flush, 0)][slot as usize % 3];
            if self.scheduler.enqueue(Nanos(self.now), Io { slot, tag, kind, bytes }) == Placement::Go {
                self.at_device.push_back(slot);
            }
        }
    }

    fn round(&mut self, number: u32) {
        self.now += 20_000;
        for _ in 0..8 {
            let Some(slot) = self.at_device.pop_front() else { break };
            self.scheduler.complete(Nanos(self.now), slot);
            self.free.push(slot);
        }
        if number.is_multiple_of(5) {
            let slot = number % SLOTS;
            if self.scheduler.remove(Nanos(self.now), slot) {
                self.free.push(slot);
            }
        }
        self.fill();
        let mut slots = [0; 32];
        let count = self.scheduler.dispatch(Nanos(self.now), &mut slots);
        self.at_device.extend(&slots[..count]);
        self.dispatched += count as u64;
    }
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Vec::<u8>::with_capacity(100)));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}

#[test]
fn nothing_is_allocated_per_io() {
    let mut ios = Loop::new();
    let before = ALLOCATIONS.get();
    (0..100_000).for_each(|number| ios.round(number));
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(ios.dispatched > 50_000, "{}", ios.dispatched);
}
