//! A pool over a device that fails: what is told, what is refused afterwards, and what goes on.

use sluice_device::error::{ErrorDevice, Fault, Faults};
use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::{Completion, IoError, Op};
use sluice_hugepages::{Class, PoolConfig};

use super::super::*;
use crate::{BlockSize, HostAccess, VolumeIo, VolumeSpec};

const NOW: Nanos = Nanos::ZERO;
const WRITE: Op = Op::Write { fua: false };
const ZEROES: Op = Op::WriteZeroes { fua: false, deallocate: true };

fn buffers() -> Pool {
    Pool::new(&PoolConfig { classes: vec![Class { buffer_bytes: 65_536, count: 8 }] }).unwrap()
}

fn finish<D: BlockDevice>(pool: &mut LinearPool<D>) -> Result<ControlDone, VolumeError> {
    loop {
        if let Some(result) = pool.take_control_result() {
            return result;
        }
        assert_eq!(pool.poll(NOW, &mut [Completion::default()]), 0);
    }
}

fn spec(name: &str) -> VolumeSpec {
    let uuid = Uuid::from_u128(name.bytes().fold(1, |sum, byte| sum * 256 + u128::from(byte)));
    let (name, app) = (name.to_owned(), "app".to_owned());
    VolumeSpec { name, app, size_bytes: 2 << 20, block_size: BlockSize::B4096, uuid }
}

type Failing = LinearPool<ErrorDevice<MemoryDevice>>;

/// A pool with the volume `v`, and the means to make its device fail.
fn pool() -> (Failing, Faults, VolumeIndex) {
    let options =
        MemoryOptions { block_size: 4096, blocks: 2048, queue_depth: 8, huge_pages: false, resident: false };
    let faults = Faults::new(1);
    let device = ErrorDevice::new(MemoryDevice::new("m", &options).unwrap(), &faults);
    let mut pool = LinearPool::new(device, &buffers()).unwrap();
    pool.begin_format(FormatOptions { uuid: Uuid::from_u128(9), force: false }).unwrap();
    finish(&mut pool).unwrap();
    pool.begin_create(spec("v")).unwrap();
    let Ok(ControlDone::Created(volume)) = finish(&mut pool) else { panic!("not created") };
    (pool, faults, volume)
}

fn reopen(pool: Failing) -> (Failing, Result<ControlDone, VolumeError>) {
    let mut pool = LinearPool::new(pool.into_device(), &buffers()).unwrap();
    pool.begin_open().unwrap();
    let result = finish(&mut pool);
    (pool, result)
}

fn flush(pool: &mut Failing, volume: VolumeIndex) -> Result<(), IoError> {
    assert_eq!(pool.submit(NOW, &mut [VolumeIo { volume, ..VolumeIo::default() }]), 1);
    let mut completion = [Completion::default()];
    while pool.poll(NOW, &mut completion) == 0 {}
    completion[0].result
}

#[test]
fn a_failed_superblock_write_suspends_control_but_not_io() {
    for fault in [Fault::next(WRITE, 1, IoError::WriteFault), Fault::next(Op::Flush, 1, IoError::WriteFault)]
    {
        let (mut pool, faults, volume) = pool();
        faults.add(fault);
        pool.begin_publish(volume, HostAccess::Any).unwrap();
        let failed = finish(&mut pool);
        assert!(matches!(failed, Err(VolumeError::Io { cause: IoError::WriteFault, .. })), "{failed:?}");
        assert_eq!(pool.state(), PoolState::Suspended);
        assert!(!pool.volume(volume).unwrap().published, "what was not done is not shown");
        assert_eq!(pool.begin_unpublish(volume), Err(VolumeError::Suspended));
        assert_eq!(flush(&mut pool, volume), Ok(()));
        let (pool, reopened) = reopen(pool);
        assert_eq!((reopened, pool.state()), (Ok(ControlDone::Opened), PoolState::Open));
    }
}

#[test]
fn a_failed_zeroing_leaves_the_pool_as_it_was() {
    let (mut pool, faults, _) = pool();
    let before = pool.info();
    for fault in [Fault::next(ZEROES, 1, IoError::NoSpace), Fault::next(Op::Flush, 1, IoError::NoSpace)] {
        faults.add(fault);
        pool.begin_create(spec("w")).unwrap();
        assert!(matches!(finish(&mut pool), Err(VolumeError::Io { cause: IoError::NoSpace, .. })));
        assert_eq!((pool.info(), pool.state()), (before, PoolState::Open));
    }
    pool.begin_create(spec("w")).unwrap();
    assert!(matches!(finish(&mut pool), Ok(ControlDone::Created(_))));
}

#[test]
fn a_space_that_cannot_be_freed_does_not_hold_up_a_deletion() {
    let (mut pool, faults, volume) = pool();
    faults.add(Fault::next(Op::Deallocate, u32::MAX, IoError::Unsupported));
    pool.begin_delete(volume).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Deleted(volume)));
    assert_eq!(pool.info().unwrap().volumes, 0);
}

#[test]
fn a_volume_whose_deletion_failed_serves_nothing_until_reopened() {
    let (mut pool, faults, volume) = pool();
    faults.add(Fault::next(WRITE, 1, IoError::WriteFault));
    pool.begin_delete(volume).unwrap();
    assert!(finish(&mut pool).is_err());
    assert_eq!(flush(&mut pool, volume), Err(IoError::DeviceGone));
    let (mut pool, _) = reopen(pool);
    let volume = pool.volumes().next().expect("the record was never touched").index;
    assert_eq!(flush(&mut pool, volume), Ok(()));
}

/// The blocks of each copy on a device of 4096-byte blocks.
const COPIES: [std::ops::Range<u64>; 2] = [0..128, 128..256];

#[test]
fn an_unreadable_copy_is_replaced_by_the_other() {
    for copy in COPIES {
        let (pool, faults, _) = pool();
        let unreadable = Fault { blocks: Some(copy), ..Fault::next(Op::Read, 1, IoError::Media) };
        faults.add(unreadable);
        let (pool, reopened) = reopen(pool);
        assert_eq!((reopened, pool.volumes().count()), (Ok(ControlDone::Opened), 1));
    }
}

#[test]
fn unreadable_superblocks_are_no_empty_device() {
    let (pool, faults, _) = pool();
    faults.add(Fault::next(Op::Read, u32::MAX, IoError::Media));
    let (mut pool, reopened) = reopen(pool);
    assert_eq!(reopened, Err(VolumeError::Corrupt { detail: "it cannot be read" }));
    pool.begin_format(FormatOptions { uuid: Uuid::from_u128(2), force: false }).unwrap();
    assert!(matches!(finish(&mut pool), Err(VolumeError::Corrupt { .. })));
}

#[test]
fn a_device_that_is_gone_is_told_as_such() {
    let (pool, faults, _) = pool();
    faults.add(Fault::next(Op::Read, u32::MAX, IoError::DeviceGone));
    let (pool, reopened) = reopen(pool);
    let gone = VolumeError::Io { doing: "reading the superblock", cause: IoError::DeviceGone };
    assert_eq!((reopened, pool.state()), (Err(gone), PoolState::Closed));
}

#[test]
fn an_io_error_touches_its_own_io_only() {
    let (mut pool, faults, volume) = pool();
    faults.add(Fault::next(Op::Flush, 1, IoError::WriteFault));
    assert_eq!(flush(&mut pool, volume), Err(IoError::WriteFault));
    assert_eq!((flush(&mut pool, volume), pool.state()), (Ok(()), PoolState::Open));
}
