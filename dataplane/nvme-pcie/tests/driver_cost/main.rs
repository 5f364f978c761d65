//! What a 4 KiB read costs in the driver, without the controller: submitting it, and taking its completion. Beside it,
//! the same through io_uring from a file in the page cache. A measurement, so it asserts nothing about time and runs
//! only when asked: `cargo test --release -p sluice-nvme-pcie --test driver_cost -- --ignored --nocapture`.
//!
//! The controller in software acts between the timed parts: while they run, a doorbell is a store to memory, as it is
//! for a real drive, where the bus does the rest. Each figure is the least of many rounds.
#![allow(unsafe_code)]

use std::rc::Rc;
use std::time::Instant;

use sluice_device::{BlockDevice, Completion, Nanos, Op, Pool, Request};
use sluice_hugepages::{Backing, Class, DmaMemory, Iova, PoolConfig};
use sluice_nvme::property::Cap;
use sluice_nvme_pcie::model::{Config, Model};
use sluice_nvme_pcie::{Hardware, Memory, NvmeDevice, Opening, Options, memory_bytes};
use sluice_uring::{UringDevice, UringOptions};

const ROUNDS: u32 = 4000;

fn pool() -> Pool {
    Pool::resident(
        &PoolConfig { classes: vec![Class { buffer_bytes: 4096, count: 512 }] },
        &Backing::default(),
    )
    .unwrap()
}

fn open(pool: &Pool) -> (NvmeDevice<Model>, Model) {
    let model =
        Model::new(Config { shadow_doorbells: false, block_size: 4096, blocks: 4096, ..Config::default() });
    let options = Options { health_interval: Nanos(u64::MAX), ..Options::default() };
    let bytes = memory_bytes(Cap::from_bits(model.read64(0)), &options);
    let queues = Rc::new(DmaMemory::new(bytes, &Backing::default()).unwrap());
    let (queues_iova, buffers_iova) = (Iova(1 << 32), Iova(1 << 40));
    // SAFETY: the device keeps both memories until it has dropped the hardware.
    unsafe { model.map(queues.region(), queues_iova) };
    // SAFETY: as above.
    unsafe { model.map(pool.region(), buffers_iova) };
    let memory = Memory { queues, queues_iova, buffers: pool.clone(), buffers_iova };
    let mut opening = Opening::new(model.clone(), memory, options, Box::new(|_| {}), Nanos(1));
    while opening.poll(Nanos(1)).is_none() {}
    let mut device = opening.finish();
    // What the start leaves to do is done before doorbells go unheard.
    for round in 0..1000 {
        let _ = device.poll(Nanos(round * 1_000_000), &mut [Completion::default()]);
    }
    (device, model)
}

/// Has a name of its own for callgrind.
#[inline(never)]
fn timed_submit<D: BlockDevice>(device: &mut D, requests: &mut [Request]) -> usize {
    device.submit(Nanos(2), requests)
}

/// As [`timed_submit`].
#[inline(never)]
fn timed_poll<D: BlockDevice>(device: &mut D, completions: &mut [Completion]) -> usize {
    device.poll(Nanos(2), completions)
}

fn reads(pool: &Pool, depth: u32) -> Vec<Request> {
    let read = |tag| Request { tag, op: Op::Read, lba: u64::from(tag), blocks: 1, buffer: pool.take(4096) };
    (0..depth).map(read).collect()
}

/// Nanoseconds of what `work` does, looking at the clock included.
fn nanos<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let begun = Instant::now();
    let result = work();
    (u64::try_from(begun.elapsed().as_nanos()).unwrap(), result)
}

/// The mean of the lower half: a clock of coarse steps averages out, what interrupted us is left out.
fn typical(mut rounds: Vec<u64>) -> f64 {
    rounds.sort_unstable();
    rounds.truncate(rounds.len() / 2);
    let sum: u64 = rounds.iter().sum();
    f64::from(u32::try_from(sum).unwrap()) / f64::from(u32::try_from(rounds.len()).unwrap())
}

/// What a read costs in submitting and in polling, `depth` at a time.
fn cost<D: BlockDevice>(device: &mut D, pool: &Pool, depth: u32, mut between: impl FnMut()) -> [f64; 2] {
    let [mut submits, mut polls, mut clocks] = [(); 3].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        let mut requests = reads(pool, depth);
        let mut completions: Vec<Completion> = (0..depth).map(|_| Completion::default()).collect();
        let (submit, accepted) = nanos(|| timed_submit(device, &mut requests));
        assert_eq!(accepted, depth as usize);
        between();
        let (mut poll, mut done) = nanos(|| timed_poll(device, &mut completions));
        while done < depth as usize {
            let (more, count) = nanos(|| timed_poll(device, &mut completions[done..]));
            (poll, done) = (poll + more, done + count);
        }
        assert!(completions.iter().all(|completion| completion.result == Ok(())));
        submits.push(submit);
        polls.push(poll);
        clocks.push(nanos(|| ()).0);
        between();
    }
    let clock = typical(clocks);
    [submits, polls].map(|rounds| (typical(rounds) - clock).max(0.0) / f64::from(depth))
}

/// The depths to measure: all, or the one that `DEPTH` names.
fn depths() -> Vec<u32> {
    let one = std::env::var("DEPTH").ok().map(|depth| depth.parse().expect("DEPTH is a number"));
    one.map_or_else(|| vec![1, 8, 32, 128], |depth| vec![depth])
}

fn show(what: &str, depth: u32, [submit, poll]: [f64; 2]) {
    println!(
        "{what:<24} depth {depth:>4}: {submit:>7.1} + {poll:>5.1} ns to submit and to poll a 4 KiB read"
    );
}

#[test]
#[ignore = "measures, proves nothing: see the first lines of this file"]
fn driver() {
    let pool = pool();
    for depth in depths() {
        let (mut device, model) = open(&pool);
        let wake = || {
            model.faults(|faults| faults.asleep = false);
            model.faults(|faults| faults.asleep = true);
        };
        wake();
        show("nvme-pcie", depth, cost(&mut device, &pool, depth, wake));
    }
}

#[test]
#[ignore = "measures, proves nothing: see the first lines of this file"]
fn io_uring() {
    let pool = pool();
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(16 << 20).unwrap();
    for (what, direct) in [("io_uring, page cache", false), ("io_uring, direct", true)] {
        for depth in depths() {
            let options = UringOptions { block_size: Some(4096), direct, ..UringOptions::default() };
            let mut device = UringDevice::open(file.path(), &options, &pool).unwrap();
            if device.modes().direct == direct {
                show(what, depth, cost(&mut device, &pool, depth, || {}));
            }
        }
    }
}
