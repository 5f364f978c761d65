//! Creating, measuring, locking; what is granted and what is refused.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::UringError;

#[test]
fn a_new_file_is_sparse_private_and_as_long_as_asked() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("new");
    let device = open(&path, &options(1 << 40), &pool);
    let info = device.info().clone();
    assert_eq!((info.kind, info.block_size, info.size_bytes()), ("file", 4096, 1 << 40));
    assert!(info.volatile_write_cache && info.fua && info.name == path.to_str().unwrap());
    let found = path.metadata().unwrap();
    assert_eq!((found.mode() & 0o777, found.len()), (0o600, 1 << 40));
    assert!(found.blocks() < 1000, "sparse");
}

#[test]
fn a_file_that_exists_keeps_its_length() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("old");
    File::create(&path).unwrap().set_len(10_000).unwrap();
    assert_eq!(open(&path, &options(1 << 20), &pool).info().blocks, 2);
    let small = UringOptions { block_size: Some(512), ..options(1 << 20) };
    assert_eq!(open(&path, &small, &pool).info().blocks, 19);
}

#[test]
fn a_file_left_empty_by_a_crash_gets_its_length() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("empty");
    File::create(&path).unwrap();
    assert_eq!(open(&path, &options(1 << 20), &pool).info().size_bytes(), 1 << 20);
}

#[test]
fn a_file_has_one_owner_at_a_time() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("mine");
    let first = open(&path, &options(1 << 20), &pool);
    let second = UringDevice::open(&path, &options(1 << 20), &pool);
    let error = second.unwrap_err();
    assert!(matches!(error, UringError::InUse { .. }), "{error}");
    drop(first);
    open(&path, &options(1 << 20), &pool);
}

#[test]
fn what_cannot_be_a_device_is_refused() {
    let (folder, pool) = (folder(), pool());
    let plain = UringOptions::default();
    let refusal = |path: &Path, options: &UringOptions| UringDevice::open(path, options, &pool).unwrap_err();
    let missing = refusal(&folder.path().join("missing"), &plain);
    assert!(matches!(missing, UringError::Open { .. }), "{missing}");
    let nowhere = refusal(&folder.path().join("no/where"), &options(1 << 20));
    assert!(matches!(nowhere, UringError::Create { .. }), "{nowhere}");
    let character = refusal(Path::new("/dev/null"), &plain);
    assert!(matches!(character, UringError::Kind { .. }), "{character}");
    let short = folder.path().join("short");
    File::create(&short).unwrap().set_len(4095).unwrap();
    let short = refusal(&short, &plain);
    assert!(matches!(short, UringError::TooSmall { size_bytes: 4095, .. }), "{short}");
    for block_size in [0, 256, 1000, 8192] {
        let odd = UringOptions { block_size: Some(block_size), ..options(1 << 20) };
        let odd = refusal(&folder.path().join("odd"), &odd);
        assert!(matches!(odd, UringError::BlockSize { least_bytes: 512, .. }), "{odd}");
    }
}

#[test]
fn wishes_that_are_not_granted_are_told() {
    let (folder, pool) = (folder(), pool());
    let path = folder.path().join("modes");
    for task_run in TASK_RUNS {
        for wish in [false, true] {
            let options =
                UringOptions { direct: wish, registered_buffers: wish, task_run, ..options(1 << 20) };
            let modes = open(&path, &options, &pool).modes();
            println!("{task_run:?}, {wish}: {modes}");
            assert!(modes.task_run >= task_run);
            assert!(wish || !modes.direct && !modes.registered_buffers);
        }
    }
}
