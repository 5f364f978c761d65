//! A pool over a memory device: the life of volumes, their bounds, and what each refusal says.

mod faults;

use sluice_device::memory::{MemoryDevice, MemoryOptions};
use sluice_device::null::{NullDevice, NullOptions};
use sluice_device::{Completion, IoError, Op, Request};
use sluice_hugepages::{Class, PoolConfig};

use super::*;
use crate::{BlockSize, HostAccess, MAX_VOLUMES, VolumeIo, VolumeSpec};

const NOW: Nanos = Nanos::ZERO;
const MIB: u64 = 1 << 20;

fn buffers() -> Pool {
    Pool::new(&PoolConfig { classes: vec![Class { buffer_bytes: 65_536, count: 64 }] }).unwrap()
}

fn memory(block_size: u32, mebibytes: u64) -> MemoryDevice {
    let blocks = mebibytes * MIB / u64::from(block_size);
    MemoryDevice::new(
        "m",
        &MemoryOptions { block_size, blocks, queue_depth: 32, huge_pages: false, resident: false },
    )
    .unwrap()
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn options() -> FormatOptions {
    FormatOptions { uuid: uuid(1), force: false }
}

fn spec(name: &str, mebibytes: u64) -> VolumeSpec {
    let hash = name.bytes().fold(7, |hash, byte| hash * 257 + u128::from(byte));
    let (name, app) = (name.to_owned(), "app".to_owned());
    VolumeSpec { name, app, size_bytes: mebibytes * MIB, block_size: BlockSize::B4096, uuid: uuid(hash) }
}

/// Polls until the operation is done; nothing else is in flight.
fn finish<D: BlockDevice>(pool: &mut LinearPool<D>) -> Result<ControlDone, VolumeError> {
    loop {
        if let Some(result) = pool.take_control_result() {
            return result;
        }
        assert_eq!(pool.next_deadline(), Some(Nanos::ZERO), "the operation is stuck");
        assert_eq!(pool.poll(NOW, &mut [Completion::default()]), 0);
    }
}

fn formatted(block_size: u32, mebibytes: u64) -> LinearPool<MemoryDevice> {
    let mut pool = LinearPool::new(memory(block_size, mebibytes), &buffers()).unwrap();
    pool.begin_format(options()).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Formatted));
    pool
}

fn reopen(pool: LinearPool<MemoryDevice>) -> LinearPool<MemoryDevice> {
    let mut pool = LinearPool::new(pool.into_device(), &buffers()).unwrap();
    pool.begin_open().unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Opened));
    pool
}

fn create(pool: &mut LinearPool<MemoryDevice>, spec: VolumeSpec) -> VolumeIndex {
    pool.begin_create(spec).unwrap();
    let Ok(ControlDone::Created(index)) = finish(pool) else { panic!("not created") };
    index
}

fn io(pool: &mut LinearPool<MemoryDevice>, mut io: VolumeIo) -> Completion {
    assert_eq!(pool.submit(NOW, std::slice::from_mut(&mut io)), 1);
    let mut completion = Completion::default();
    while pool.poll(NOW, std::slice::from_mut(&mut completion)) == 0 {}
    completion
}

/// The volumes but for their indices, which last only as long as the pool is open.
fn records<D: BlockDevice>(pool: &LinearPool<D>) -> Vec<VolumeRecord> {
    let index = VolumeIndex::NONE;
    pool.volumes().map(|volume| VolumeRecord { index, ..volume.clone() }).collect()
}

fn indices<D: BlockDevice>(pool: &LinearPool<D>) -> Vec<VolumeIndex> {
    pool.volumes().map(|volume| volume.index).collect()
}

fn write(
    pool: &mut LinearPool<MemoryDevice>,
    volume: VolumeIndex,
    lba: u64,
    byte: u8,
) -> Result<(), IoError> {
    let mut buffer = buffers().take(pool.volume(volume).map_or(4096, |v| v.block_size.bytes())).unwrap();
    buffer.fill(byte);
    let op = Op::Write { fua: true };
    io(pool, VolumeIo { tag: 7, volume, op, lba, blocks: 1, buffer: Some(buffer) }).result
}

fn read(pool: &mut LinearPool<MemoryDevice>, volume: VolumeIndex, lba: u64) -> Result<u8, IoError> {
    let buffer = buffers().take(pool.volume(volume).map_or(4096, |v| v.block_size.bytes()));
    let completion = io(pool, VolumeIo { tag: 9, volume, op: Op::Read, lba, blocks: 1, buffer });
    let buffer = completion.buffer.unwrap();
    completion.result.map(|()| {
        assert!(buffer.iter().all(|byte| *byte == buffer[0]));
        buffer[0]
    })
}

#[test]
fn volumes_and_their_data_survive_reopening() {
    let mut pool = formatted(512, 16);
    let first = create(&mut pool, spec("first", 3));
    let second = create(&mut pool, VolumeSpec { block_size: BlockSize::B512, ..spec("second", 2) });
    assert_eq!(write(&mut pool, first, 767, 0xaa), Ok(()));
    assert_eq!(write(&mut pool, second, 0, 0xbb), Ok(()));
    let hosts = HostAccess::Hosts(vec!["nqn.2014-08.org.nvmexpress:uuid:h".to_owned()]);
    pool.begin_publish(second, hosts.clone()).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Published(second)));
    let before = records(&pool);
    let mut pool = reopen(pool);
    assert_eq!(records(&pool), before);
    assert_eq!((before[1].published, &before[1].access), (true, &hosts));
    let volumes = indices(&pool);
    assert_eq!(read(&mut pool, volumes[0], 767), Ok(0xaa));
    assert_eq!(read(&mut pool, volumes[1], 0), Ok(0xbb));
    assert_eq!(pool.info().unwrap().generation, 4);
}

#[test]
fn the_ends_of_a_volume_hold() {
    let mut pool = formatted(512, 8);
    let size_bytes = MIB + 4096;
    let low = create(&mut pool, VolumeSpec { size_bytes, ..spec("low", 0) });
    let high = create(&mut pool, spec("high", 1));
    assert_eq!(pool.volume(high).unwrap().offset_bytes, 3 * MIB);
    assert_eq!(write(&mut pool, low, 256, 1), Ok(()));
    assert_eq!(write(&mut pool, low, 257, 1), Err(IoError::OutOfRange));
    assert_eq!(write(&mut pool, low, u64::MAX, 1), Err(IoError::OutOfRange));
    assert_eq!(read(&mut pool, high, 0), Ok(0));
    assert_eq!(read(&mut pool, high, 256), Err(IoError::OutOfRange));
}

#[test]
fn a_new_volume_never_shows_old_bytes() {
    let mut pool = formatted(4096, 4);
    let old = create(&mut pool, spec("old", 3));
    for lba in 0..768 {
        assert_eq!(write(&mut pool, old, lba, 0xcc), Ok(()));
    }
    pool.begin_delete(old).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Deleted(old)));
    let new = create(&mut pool, spec("new", 3));
    assert_eq!(new.slot(), old.slot());
    assert!((0..768).all(|lba| read(&mut pool, new, lba) == Ok(0)));
    assert_eq!(write(&mut pool, old, 0, 1), Err(IoError::DeviceGone), "a stale index reaches nobody");
}

#[test]
fn deleting_waits_for_io_in_flight_and_fails_what_comes_later() {
    let mut pool = formatted(4096, 4);
    let (doomed, other) = (create(&mut pool, spec("doomed", 1)), create(&mut pool, spec("other", 1)));
    let flush = |volume, tag| [VolumeIo { tag, volume, ..VolumeIo::default() }];
    assert_eq!(pool.submit(NOW, &mut flush(doomed, 1)), 1);
    pool.begin_delete(doomed).unwrap();
    assert_eq!(pool.poll(NOW, &mut []), 0);
    assert_eq!(pool.device().in_flight(), 1, "nothing but the I/O: the deletion waits");
    assert_eq!(pool.submit(NOW, &mut flush(doomed, 2)), 1);
    assert_eq!(pool.submit(NOW, &mut flush(other, 3)), 1);
    let mut completions = [(); 4].map(|()| Completion::default());
    assert_eq!(pool.poll(NOW, &mut completions), 3);
    let results: Vec<_> = completions.iter().take(3).map(|done| (done.tag, done.result)).collect();
    assert_eq!(results, [(2, Err(IoError::DeviceGone)), (1, Ok(())), (3, Ok(()))]);
    assert_eq!(finish(&mut pool), Ok(ControlDone::Deleted(doomed)));
    assert_eq!(indices(&pool), [other]);
}

#[test]
fn zeroing_leaves_the_queue_to_volume_io() {
    let mut pool = formatted(4096, 128);
    let volume = create(&mut pool, spec("busy", 1));
    pool.begin_create(spec("large", 100)).unwrap();
    let mut rounds = 0;
    let done = loop {
        if let Some(done) = pool.take_control_result() {
            break done;
        }
        rounds += 1;
        assert_eq!(write(&mut pool, volume, rounds % 256, 1), Ok(()));
        assert!(pool.device().in_flight() <= 4, "zeroing takes no more than its share");
    };
    assert!(matches!(done, Ok(ControlDone::Created(_))));
    assert!(rounds > 20, "many turns, each with I/O: {rounds}");
}

#[test]
fn tags_come_back_and_the_pools_own_are_refused() {
    let mut pool = formatted(4096, 2);
    let volume = create(&mut pool, spec("v", 1));
    let flush = |tag| VolumeIo { tag, volume, ..VolumeIo::default() };
    let last = VolumeIo::TAG_END - 1;
    let done = io(&mut pool, flush(last));
    assert_eq!((done.tag, done.result), (last, Ok(())));
    let refused = io(&mut pool, flush(VolumeIo::TAG_END));
    assert_eq!((refused.tag, refused.result), (VolumeIo::TAG_END, Err(IoError::Internal)));
}

#[test]
fn a_pool_holds_255_volumes() {
    let mut pool = formatted(4096, 300);
    for number in 0..MAX_VOLUMES {
        create(&mut pool, spec(&format!("v{number}"), 1));
    }
    assert_eq!(pool.begin_create(spec("more", 1)), Err(VolumeError::TooManyVolumes));
    let before = records(&pool);
    let mut pool = reopen(pool);
    assert_eq!(records(&pool), before);
    let last = indices(&pool)[254];
    pool.begin_delete(last).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Deleted(last)));
    let more = create(&mut pool, spec("more", 1));
    assert_eq!(more.slot(), 254);
    assert_ne!(more, last);
}

#[test]
fn first_fit_reuses_gaps_and_names_the_longest() {
    let mut pool = formatted(4096, 10);
    let volumes = ["a", "b", "c", "d"].map(|name| create(&mut pool, spec(name, 2)));
    for gone in [volumes[0], volumes[2]] {
        pool.begin_delete(gone).unwrap();
        assert_eq!(finish(&mut pool), Ok(ControlDone::Deleted(gone)));
    }
    let info = pool.info().unwrap();
    assert_eq!((info.capacity_bytes, info.free_bytes, info.largest_free_bytes), (9 * MIB, 5 * MIB, 2 * MIB));
    let refused = VolumeError::NoSpace { needed_bytes: 3 * MIB, largest_bytes: 2 * MIB };
    assert_eq!(pool.begin_create(spec("e", 3)), Err(refused));
    let offset = |pool: &LinearPool<_>, index| pool.volume(index).unwrap().offset_bytes / MIB;
    let small = create(&mut pool, spec("f", 1));
    let large = create(&mut pool, spec("g", 2));
    assert_eq!((offset(&pool, small), offset(&pool, large)), (1, 5));
}

#[test]
fn operations_are_refused_with_their_reason() {
    let mut pool = formatted(4096, 4);
    let volume = create(&mut pool, spec("v", 1));
    let refused = |pool: &mut LinearPool<_>, spec| pool.begin_create(spec).unwrap_err();
    assert!(matches!(refused(&mut pool, spec("V", 1)), VolumeError::Name { of: "volume", .. }));
    let app = VolumeSpec { app: String::new(), ..spec("w", 1) };
    assert!(matches!(refused(&mut pool, app), VolumeError::Name { of: "application", .. }));
    assert!(matches!(refused(&mut pool, spec("w", 0)), VolumeError::Size { .. }));
    let odd = VolumeSpec { size_bytes: MIB + 512, ..spec("w", 1) };
    assert!(matches!(refused(&mut pool, odd), VolumeError::Size { .. }));
    let huge = VolumeSpec { size_bytes: u64::MAX / 4096 * 4096, ..spec("w", 1) };
    assert!(matches!(refused(&mut pool, huge), VolumeError::NoSpace { .. }));
    let small = VolumeSpec { block_size: BlockSize::B512, ..spec("w", 1) };
    assert!(matches!(refused(&mut pool, small), VolumeError::BlockSize { device: 4096, .. }));
    let nil = VolumeSpec { uuid: Uuid::nil(), ..spec("w", 1) };
    assert_eq!(refused(&mut pool, nil), VolumeError::NilUuid);
    assert!(matches!(refused(&mut pool, spec("v", 1)), VolumeError::NameTaken { .. }));
    let twin = VolumeSpec { uuid: spec("v", 1).uuid, ..spec("w", 1) };
    assert!(matches!(refused(&mut pool, twin), VolumeError::UuidTaken { .. }));
    assert_eq!(pool.begin_open(), Err(VolumeError::AlreadyOpen));
    let gone = VolumeIndex::new(volume.slot().try_into().unwrap(), 9);
    assert_eq!(pool.begin_delete(gone), Err(VolumeError::NoSuchVolume { volume: gone }));
    pool.begin_publish(volume, HostAccess::Any).unwrap();
    assert_eq!(pool.begin_unpublish(volume), Err(VolumeError::Busy));
    finish(&mut pool).unwrap();
    assert_eq!(pool.begin_delete(volume), Err(VolumeError::Published { name: "v".to_owned() }));
    let hosts = |count| HostAccess::Hosts(vec![format!("nqn.{}", "h".repeat(219)); count]);
    assert_eq!(pool.begin_publish(volume, hosts(9)), Err(VolumeError::TooManyHosts { count: 9 }));
    let long = HostAccess::Hosts(vec![format!("nqn.{}", "h".repeat(220))]);
    assert!(matches!(pool.begin_publish(volume, long), Err(VolumeError::HostNqn { .. })));
    pool.begin_publish(volume, hosts(8)).unwrap();
    finish(&mut pool).unwrap();
    let pool = reopen(pool);
    assert_eq!(pool.volumes().next().unwrap().access, hosts(8));
}

#[test]
fn a_closed_pool_serves_nothing() {
    let mut pool = LinearPool::new(memory(4096, 2), &buffers()).unwrap();
    assert_eq!((pool.info(), pool.volumes().count(), pool.state()), (None, 0, PoolState::Closed));
    assert_eq!(pool.begin_create(spec("v", 1)), Err(VolumeError::NotOpen));
    assert_eq!(read(&mut pool, VolumeIndex::default(), 0), Err(IoError::DeviceGone));
    pool.begin_open().unwrap();
    assert_eq!(finish(&mut pool), Err(VolumeError::NotFormatted));
    assert_eq!(pool.state(), PoolState::Closed);
}

/// Writes one block of the device below a pool.
fn scribble(device: &mut MemoryDevice, lba: u64, change: impl FnOnce(&mut [u8])) {
    let mut run = |op, buffer| {
        let mut request = Request { tag: 0, op, lba, blocks: 1, buffer };
        assert_eq!(device.submit(NOW, std::slice::from_mut(&mut request)), 1);
        let mut completion = Completion::default();
        assert_eq!(device.poll(NOW, std::slice::from_mut(&mut completion)), 1);
        completion.buffer
    };
    let mut buffer = run(Op::Read, buffers().take(4096)).unwrap();
    change(&mut buffer);
    run(Op::Write { fua: false }, Some(buffer));
}

fn open_result(device: MemoryDevice) -> Result<ControlDone, VolumeError> {
    let mut pool = LinearPool::new(device, &buffers()).unwrap();
    pool.begin_open().unwrap();
    finish(&mut pool)
}

/// The first block of each copy on a device of 4096-byte blocks.
const COPY_LBAS: [u64; 2] = [0, 128];

#[test]
fn either_copy_alone_opens_the_pool_and_mends_the_other() {
    for damaged in COPY_LBAS {
        let mut pool = formatted(4096, 4);
        create(&mut pool, spec("v", 1));
        let mut device = pool.into_device();
        scribble(&mut device, damaged, |block| block[2048] ^= 1);
        let mut pool = LinearPool::new(device, &buffers()).unwrap();
        pool.begin_open().unwrap();
        assert_eq!(finish(&mut pool), Ok(ControlDone::Opened));
        let mut device = pool.into_device();
        let other = COPY_LBAS[usize::from(damaged == 0)];
        scribble(&mut device, other, |block| block[2048] ^= 1);
        assert_eq!(open_result(device), Ok(ControlDone::Opened), "the damaged copy was mended");
    }
}

#[test]
fn damage_to_both_copies_is_told() {
    let mut device = formatted(4096, 4).into_device();
    for lba in COPY_LBAS {
        scribble(&mut device, lba, |block| block[100] = 1);
    }
    assert_eq!(open_result(device), Err(VolumeError::Corrupt { detail: "its checksum does not match" }));
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let mut device = formatted(4096, 4).into_device();
    scribble(&mut device, COPY_LBAS[1], |block| block[8] = 2);
    let mut pool = LinearPool::new(device, &buffers()).unwrap();
    let newer = Err(VolumeError::NewerFormat { version: 2 });
    pool.begin_open().unwrap();
    assert_eq!(finish(&mut pool), newer);
    pool.begin_format(options()).unwrap();
    assert_eq!(finish(&mut pool), newer);
    pool.begin_format(FormatOptions { force: true, ..options() }).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Formatted));
    assert_eq!(open_result(pool.into_device()), Ok(ControlDone::Opened));
}

#[test]
fn foreign_data_anywhere_in_the_first_mib_stops_open_and_format() {
    for lba in [0, 1, 127, 128, 255] {
        let mut device = memory(4096, 2);
        scribble(&mut device, lba, |block| block[4095] = 1);
        let mut pool = LinearPool::new(device, &buffers()).unwrap();
        pool.begin_open().unwrap();
        assert_eq!(finish(&mut pool), Err(VolumeError::Foreign));
        pool.begin_format(options()).unwrap();
        assert_eq!(finish(&mut pool), Err(VolumeError::Foreign));
        pool.begin_format(FormatOptions { force: true, ..options() }).unwrap();
        assert_eq!(finish(&mut pool), Ok(ControlDone::Formatted));
    }
}

#[test]
fn formatting_a_pool_needs_force_and_outbids_it() {
    let mut pool = formatted(4096, 4);
    create(&mut pool, spec("v", 1));
    let mut pool = LinearPool::new(pool.into_device(), &buffers()).unwrap();
    pool.begin_format(FormatOptions { uuid: uuid(2), force: false }).unwrap();
    assert_eq!(finish(&mut pool), Err(VolumeError::AlreadyFormatted { uuid: uuid(1) }));
    pool.begin_format(FormatOptions { uuid: uuid(2), force: true }).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Formatted));
    let info = reopen(pool).info().unwrap();
    assert_eq!((info.uuid, info.generation, info.volumes), (uuid(2), 3, 0));
}

#[test]
fn devices_that_cannot_hold_a_pool_are_refused() {
    let too_small = |blocks| {
        let options =
            MemoryOptions { block_size: 512, blocks, queue_depth: 4, huge_pages: false, resident: false };
        LinearPool::new(MemoryDevice::new("m", &options).unwrap(), &buffers()).err()
    };
    assert!(matches!(too_small(4095), Some(VolumeError::DeviceTooSmall { .. })));
    assert_eq!(too_small(4096), None);
    let odd = NullDevice::new("n", &NullOptions { block_size: 1024, ..NullOptions::default() });
    let refused = LinearPool::new(odd, &buffers()).err();
    assert_eq!(refused, Some(VolumeError::DeviceBlockSize { block_size: 1024 }));
    let buffers = buffers();
    let held: Vec<_> = std::iter::from_fn(|| buffers.take(1)).collect();
    let refused = LinearPool::new(memory(4096, 2), &buffers).err();
    assert_eq!((refused, held.len()), (Some(VolumeError::NoBuffer { needed_bytes: 4096 }), 64));
}

#[test]
fn a_device_that_changed_is_refused() {
    let options = |blocks| NullOptions { blocks, ..NullOptions::default() };
    let shape = |blocks: u64, block_size| job::Shape { device_bytes: blocks * 4096, block_size };
    let mut pool = LinearPool::new(NullDevice::new("n", &options(512)), &buffers()).unwrap();
    pool.begin_format(self::options()).unwrap();
    assert_eq!(finish(&mut pool), Ok(ControlDone::Formatted), "a null device forgets, but serves");
    let table = pool.table.unwrap();
    let open = |shape| {
        let mut job = job::Job::open();
        while job.next_step().is_some() {}
        job.found(crate::format::Found::Valid(table.clone()), shape)
    };
    assert_eq!(open(shape(513, 4096)), Ok(()));
    assert!(matches!(open(shape(511, 4096)), Err(VolumeError::DeviceShrunk { .. })));
    assert!(matches!(open(shape(512, 512)), Err(VolumeError::DeviceBlockSizeChanged { .. })));
}

#[test]
fn limits_are_in_volume_blocks() {
    let mut pool = formatted(512, 4);
    let volume = create(&mut pool, spec("v", 1));
    assert_eq!(pool.limits(volume).unwrap().max_transfer_blocks, 256);
    assert_eq!(pool.limits(VolumeIndex::NONE), None);
}
