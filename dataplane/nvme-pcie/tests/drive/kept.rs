//! What was written stays, for whoever drives the device next.

use sluice_device::{BlockDevice, Op, Request};
use sluice_nvme_pcie::Options;

use crate::rig::{address, now, open, pool, run};

/// Blocks from here on hold [`PATTERN`], a MiB of them.
const START_BYTES: u64 = 64 << 20;

/// What another reader must find, over and over.
const PATTERN: &[u8; 16] = b"kept by the disk";

#[test]
fn what_was_written_is_there_after_reopening() {
    let Some(address) = address() else { return };
    let pool = pool();
    let mut device = open(address, &Options::default(), &pool).0;
    let block_size = device.info().block_size;
    let (blocks, start) = (65_536 / block_size, START_BYTES / u64::from(block_size));
    for piece in 0..16 {
        let mut buffer = pool.take(65_536).unwrap();
        buffer.chunks_exact_mut(16).for_each(|chunk| chunk.copy_from_slice(PATTERN));
        let lba = start + piece * u64::from(blocks);
        let write = Request { tag: 0, op: Op::Write { fua: false }, lba, blocks, buffer: Some(buffer) };
        assert_eq!(run(&mut device, write).result, Ok(()));
    }
    assert_eq!(run(&mut device, Request::default()).result, Ok(()));
    let until = now() + device.shut_down();
    assert!(until > now(), "a drive that runs is told to shut down");
    while !device.has_shut_down() {
        assert!(now() < until, "the drive did not shut down");
        std::thread::yield_now();
    }
    drop(device);
    let mut device = open(address, &Options::default(), &pool).0;
    let read = Request { tag: 0, op: Op::Read, lba: start, blocks, buffer: pool.take(65_536) };
    let found = run(&mut device, read).buffer.unwrap();
    assert!(found.chunks_exact(16).all(|chunk| chunk == PATTERN));
}
