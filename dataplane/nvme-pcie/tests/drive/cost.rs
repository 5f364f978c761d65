//! What a 4 KiB read costs the processor by each way to the same drive. A measurement: it proves nothing, and runs only
//! when asked, as `tests/vm/tests/drives/cost.rs` does.

use std::env;
use std::path::PathBuf;
use std::time::Instant;

use sluice_device::random::Random;
use sluice_device::{BlockDevice, Completion, Op, Pool, Request};
use sluice_nvme_pcie::Options;
use sluice_uring::{NgDevice, UringDevice, UringOptions};

use crate::rig::{address, now, open, pool};

/// Reads per figure.
const READS: usize = 20_000;

/// Time in the device's calls and beside them, in nanoseconds.
#[derive(Debug, Default)]
struct Spent {
    submitting: u64,
    /// Polls that yielded something.
    reaping: u64,
    all: u64,
}

fn nanos<T>(total: &mut u64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = work();
    *total += u64::try_from(begun.elapsed().as_nanos()).unwrap();
    result
}

/// Random 4 KiB reads, `depth` at a time: whoever is done is replaced at once.
fn spent(device: &mut impl BlockDevice, pool: &Pool, depth: usize) -> Spent {
    let blocks = 4096 / device.info().block_size;
    let places = device.info().blocks / u64::from(blocks);
    let (mut random, mut spent) = (Random::new(1), Spent::default());
    let (mut begun, mut done) = (0, 0);
    let mut read = || {
        let lba = random.below(places) * u64::from(blocks);
        Request { tag: 0, op: Op::Read, lba, blocks, buffer: pool.take(4096) }
    };
    let whole = Instant::now();
    let mut requests: Vec<Request> = Vec::with_capacity(depth);
    let mut completions: Vec<Completion> = (0..depth).map(|_| Completion::default()).collect();
    while done < READS {
        requests.clear();
        requests.extend((0..(depth - (begun - done)).min(READS - begun)).map(|_| read()));
        if !requests.is_empty() {
            begun += nanos(&mut spent.submitting, || device.submit(now(), &mut requests));
        }
        let mut poll = 0;
        let count = nanos(&mut poll, || device.poll(now(), &mut completions));
        if count > 0 {
            spent.reaping += poll;
            done += count;
        }
    }
    spent.all = u64::try_from(whole.elapsed().as_nanos()).unwrap();
    spent
}

fn show(way: &str, device: &mut impl BlockDevice, pool: &Pool) {
    for depth in [1, 128] {
        let _ = spent(device, pool, depth);
        let Spent { submitting, reaping, all } = spent(device, pool, depth);
        let each = |total: u64| total / READS as u64;
        println!(
            "{way:<28} depth {depth:>3}: {:>6} + {:>6} ns to submit and to reap, {:>7} ns each, {:>7} IOPS",
            each(submitting),
            each(reaping),
            each(all),
            1_000_000_000 / each(all).max(1)
        );
    }
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from)
}

#[test]
#[ignore = "measures, proves nothing: see the first lines of this file"]
fn of_a_read_by_each_way() {
    let pool = pool();
    let options = UringOptions { queue_depth: 256, ..UringOptions::default() };
    if let Some(path) = named("SLUICE_BLOCK") {
        show("uring", &mut UringDevice::open(path, &options, &pool).unwrap(), &pool);
    }
    if let Some(path) = named("SLUICE_NG") {
        show("ng", &mut NgDevice::open(path, &options, &pool).unwrap(), &pool);
    }
    let Some(address) = address() else { return };
    for (way, queue_pairs, shadow_doorbells) in
        [("pcie, shadow doorbells", 1, true), ("pcie", 1, false), ("pcie, 4 queue pairs", 4, true)]
    {
        let options = Options { queue_depth: 256, queue_pairs, shadow_doorbells, ..Options::default() };
        show(way, &mut open(address, &options, &pool).0, &pool);
    }
}
