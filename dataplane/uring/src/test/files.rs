//! I/O on files, in every mode.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use sluice_device::IoError;
use sluice_device::conformance::{self, Traits};

use super::*;

/// Runs the suite every device passes, with a file that holds leftovers.
fn conforms(options: &UringOptions) {
    let folder = folder();
    let path = folder.path().join("device");
    let mut files = 0;
    conformance::run(Traits::default(), |pool| {
        files += 1;
        let path = path.with_extension(files.to_string());
        let file = File::create(&path).unwrap();
        file.set_len(4 << 20).unwrap();
        file.write_all_at(&[0xee; 65_536], 0).unwrap();
        drop(file);
        open(&path, options, pool)
    });
}

#[test]
fn direct_files_conform() {
    for block_size in [512, 4096] {
        conforms(&UringOptions { block_size: Some(block_size), queue_depth: 40, ..UringOptions::default() });
    }
}

#[test]
fn buffered_files_conform() {
    for block_size in [512, 4096] {
        let block_size = Some(block_size);
        conforms(&UringOptions { block_size, direct: false, queue_depth: 40, ..UringOptions::default() });
    }
}

#[test]
fn weaker_modes_conform() {
    for task_run in [TaskRun::Cooperative, TaskRun::Plain] {
        conforms(&UringOptions {
            task_run,
            registered_buffers: false,
            queue_depth: 40,
            ..UringOptions::default()
        });
    }
}

#[test]
fn data_are_there_after_reopening() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("kept");
    let mut device = open(&path, &options(1 << 20), &pool);
    write(&mut device, &pool, 7, 3, 0xa1);
    drop(device);
    let mut device = open(&path, &UringOptions::default(), &pool);
    assert_eq!(read(&mut device, &pool, 7, 3), [0xa1; 3 * 4096]);
    let mut found = [0; 4096];
    File::open(&path).unwrap().read_exact_at(&mut found, 9 * 4096).unwrap();
    assert_eq!(found, [0xa1; 4096]);
}

#[test]
fn buffers_of_another_pool_work() {
    let (folder, registered, other) = (folder(), pool(), pool());
    let mut device = open(&folder.path().join("other"), &options(1 << 20), &registered);
    write(&mut device, &other, 1, 1, 0xb2);
    assert_eq!(read(&mut device, &other, 1, 1), [0xb2; 4096]);
    assert_eq!(read(&mut device, &registered, 1, 1), [0xb2; 4096]);
}

#[test]
fn deallocated_space_goes_back() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("holes");
    let mut device = open(&path, &options(1 << 20), &pool);
    if device.info().max_deallocate_blocks == 0 {
        println!("skipped: the file system makes no holes");
        return;
    }
    write(&mut device, &pool, 0, 256, 0xc3);
    let full = path.metadata().unwrap().blocks();
    let deallocate = Request { op: Op::Deallocate, lba: 0, blocks: 256, ..Request::default() };
    assert_eq!(run(&mut device, deallocate).result, Ok(()));
    assert!(path.metadata().unwrap().blocks() < full / 2, "space was given back");
    assert_eq!(read(&mut device, &pool, 100, 2), [0; 8192]);
}

#[test]
fn a_file_cut_short_fails_its_reads_and_ends_them() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("cut");
    let mut device = open(&path, &options(1 << 20), &pool);
    File::options().write(true).open(&path).unwrap().set_len(8192).unwrap();
    for (lba, blocks) in [(2, 1), (1, 4), (100, 1)] {
        let buffer = pool.take(blocks * 4096);
        let read = run(&mut device, Request { tag: 1, op: Op::Read, lba, blocks, buffer });
        assert_eq!((read.result, read.buffer.is_some()), (Err(IoError::Media), true), "{blocks} at {lba}");
    }
    read(&mut device, &pool, 0, 2);
}

#[test]
fn dropping_waits_for_what_is_in_flight() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("dropped");
    let before = pool.available(0);
    for _ in 0..20 {
        let mut device = open(&path, &options(64 << 20), &pool);
        let mut requests: Vec<Request> = (0..8)
            .map(|tag| Request {
                tag,
                op: WRITE,
                lba: u64::from(tag) * 256,
                blocks: 256,
                buffer: pool.take(1 << 20),
            })
            .chain((8..16).map(|tag| Request { tag, ..Request::default() }))
            .collect();
        requests
            .iter_mut()
            .filter_map(|request| request.buffer.as_mut())
            .for_each(|buffer| buffer.fill(0xd4));
        assert_eq!(device.submit(NOW, &mut requests), 16);
        drop(device);
        assert_eq!(pool.available(0), before, "the kernel is done with every buffer");
    }
    let mut device = open(&path, &options(0), &pool);
    assert!(
        read(&mut device, &pool, 0, 256).iter().all(|byte| *byte == 0xd4),
        "what was handed in was written"
    );
}
