//! What a failed sync does: the kernel is made to have failed, since no file system here can be.

use sluice_device::IoError;

use super::*;
use crate::ring::{Answer, SYNC};

#[test]
fn after_a_failed_sync_only_reads_are_served() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("failing");
    let mut device = open(&path, &options(1 << 20), &pool);
    write(&mut device, &pool, 3, 1, 0xe5);
    submit(&mut device, Request { tag: 5, ..Request::default() });
    device.answered(Answer { name: SYNC, result: -libc::EIO });
    assert_eq!(wait(&mut device).result, Err(IoError::WriteFault));
    let zeroes = Op::WriteZeroes { fua: false, deallocate: false };
    for (op, blocks) in [(Op::Flush, 0), (WRITE, 1), (zeroes, 1), (Op::Deallocate, 1)] {
        let refused = run(&mut device, Request { tag: 6, op, lba: 0, blocks, buffer: pool.take(4096) });
        assert_eq!((refused.result, refused.buffer.is_some()), (Err(IoError::WriteFault), true), "{op:?}");
    }
    assert_eq!(read(&mut device, &pool, 3, 1), [0xe5; 4096]);
    drop(device);
    write(&mut open(&path, &UringOptions::default(), &pool), &pool, 3, 1, 0xe6);
}
