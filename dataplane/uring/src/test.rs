//! The device on temporary files, and on a loop device where that is permitted.

mod failing;
mod files;
mod loops;
mod opening;
mod waking;

use std::path::Path;

use sluice_device::{BlockDevice, Completion, Nanos, Op, Request};
use sluice_hugepages::{Class, Pool, PoolConfig};
use tempfile::TempDir;

use crate::{TaskRun, UringDevice, UringOptions};

const NOW: Nanos = Nanos::ZERO;
const WRITE: Op = Op::Write { fua: false };
const TASK_RUNS: [TaskRun; 3] = [TaskRun::Deferred, TaskRun::Cooperative, TaskRun::Plain];

fn pool() -> Pool {
    let class = |buffer_bytes, count| Class { buffer_bytes, count };
    Pool::new(&PoolConfig { classes: vec![class(4096, 64), class(1 << 20, 8)] }).unwrap()
}

/// A folder on a real file system: the target folder's, because /tmp may be memory.
fn folder() -> TempDir {
    let beside = std::env::current_exe().unwrap();
    TempDir::new_in(beside.parent().unwrap()).unwrap()
}

fn options(size_bytes: u64) -> UringOptions {
    UringOptions { create_bytes: Some(size_bytes), queue_depth: 32, ..UringOptions::default() }
}

fn open(path: &Path, options: &UringOptions, pool: &Pool) -> UringDevice {
    UringDevice::open(path, options, pool).unwrap()
}

/// Polls until something is done.
fn wait(device: &mut UringDevice) -> Completion {
    let mut completion = Completion::default();
    while device.poll(NOW, std::slice::from_mut(&mut completion)) == 0 {
        assert!(device.in_flight() > 0, "something to wait for");
        std::thread::yield_now();
    }
    completion
}

fn submit(device: &mut UringDevice, request: Request) {
    let mut requests = [request];
    assert_eq!(device.submit(NOW, &mut requests), 1);
}

fn run(device: &mut UringDevice, request: Request) -> Completion {
    submit(device, request);
    wait(device)
}

/// Writes `blocks` blocks full of `stamp`.
fn write(device: &mut UringDevice, pool: &Pool, lba: u64, blocks: u32, stamp: u8) {
    let mut buffer = pool.take(blocks * device.info().block_size).unwrap();
    buffer.fill(stamp);
    let done = run(device, Request { tag: 1, op: WRITE, lba, blocks, buffer: Some(buffer) });
    assert_eq!(done.result, Ok(()));
}

fn read(device: &mut UringDevice, pool: &Pool, lba: u64, blocks: u32) -> Vec<u8> {
    let buffer = pool.take(blocks * device.info().block_size);
    let done = run(device, Request { tag: 2, op: Op::Read, lba, blocks, buffer });
    assert_eq!(done.result, Ok(()));
    done.buffer.unwrap().to_vec()
}
