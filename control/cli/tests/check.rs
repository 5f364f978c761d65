//! `sluice pool check` on files: what it exits with, what it says, and that it takes a device only for itself.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use sluice_device::{Completion, Nanos};
use sluice_volume::thin::{AppRecord, Provision, ThinDone, ThinPool};
use sluice_volume::{BlockSize, FormatOptions, VolumeSpec};
use sluiced::open_offline;
use uuid::Uuid;

const BLOCK: u64 = 4096;

/// A pool with a volume and an application on a new file.
fn make(path: &Path) {
    std::fs::File::create(path).unwrap().set_len(16 << 20).unwrap();
    let (device, buffers) = open_offline(path.to_str().unwrap(), None).unwrap();
    let mut pool = ThinPool::new(device, &buffers).unwrap();
    let finish = |pool: &mut ThinPool| loop {
        assert_eq!(pool.poll(Nanos::ZERO, &mut [Completion::default()]), 0);
        if let Some(result) = pool.take_control_result() {
            break result.unwrap();
        }
    };
    pool.begin_format(FormatOptions { uuid: Uuid::from_u128(7), force: false }).unwrap();
    assert_eq!(finish(&mut pool), ThinDone::Formatted);
    let (name, app, uuid) = ("db".to_owned(), "shop".to_owned(), Uuid::from_u128(8));
    let spec = VolumeSpec { name, app, size_bytes: 4 << 20, block_size: BlockSize::B4096, uuid };
    pool.begin_create(spec, Provision::Thin, 0).unwrap();
    assert!(matches!(finish(&mut pool), ThinDone::Created(_)));
    let app = AppRecord { name: "shop".to_owned(), labels: Vec::new(), qos: [5; 16] };
    pool.begin_set_app(app).unwrap();
    assert_eq!(finish(&mut pool), ThinDone::Configured);
    pool.begin_checkpoint().unwrap();
    assert_eq!(finish(&mut pool), ThinDone::Checkpointed);
}

fn check(path: &Path, more: &[&str]) -> Output {
    let path = path.to_str().unwrap();
    let sluice = env!("CARGO_BIN_EXE_sluice");
    Command::new(sluice).args(["pool", "check", path]).args(more).output().unwrap()
}

/// The exit code, and what was printed as JSON.
fn json(path: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let output = check(path, &[more, &["--output", "json"]].concat());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Flips a bit of a block.
fn damage(path: &Path, block: u64) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let (mut byte, at) = ([0], block * BLOCK + 100);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

/// Where the first page with this magic is behind the journal.
fn find(path: &Path, magic: &[u8; 8]) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let pages = (0_u64..).zip(bytes.chunks_exact(4096)).skip(384);
    pages.into_iter().find(|(_, page)| page.starts_with(magic)).map(|(block, _)| block).unwrap()
}

#[test]
fn a_pool_is_checked_and_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool");
    make(&path);
    let (code, view) = json(&path, &[]);
    assert_eq!((code, &view["found"]["whole"]), (Some(0), &Value::Bool(true)), "{view}");
    assert_eq!((&view["found"]["volumes"], &view["found"]["applications"]), (&1.into(), &1.into()));
    let output = check(&path, &[]);
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("The pool is whole.\n"), "{output:?}");

    // One copy of the superblock and the application: nobody's data.
    damage(&path, 128);
    damage(&path, find(&path, b"SLUICEAP"));
    let (code, view) = json(&path, &[]);
    assert_eq!((code, &view["found"]["repairable"]), (Some(7), &Value::Bool(true)), "{view}");
    assert_eq!(
        (&view["found"]["findings"][0]["structure"], &view["found"]["opens"]),
        (&"superblock".into(), &Value::Bool(false))
    );
    assert_eq!(view["found"]["findings"][1]["remedy"], "repair");
    let (code, view) = json(&path, &["--repair"]);
    assert_eq!((code, &view["repaired"]["whole"]), (Some(0), &Value::Bool(true)), "{view}");
    assert_eq!((&view["repaired"]["volumes"], &view["repaired"]["applications"]), (&1.into(), &0.into()));
    assert_eq!(check(&path, &[]).status.code(), Some(0));

    // The catalog is something else: nothing is touched.
    damage(&path, find(&path, b"SLUICECT"));
    let before = std::fs::read(&path).unwrap();
    for more in [&[][..], &["--repair"]] {
        let (code, view) = json(&path, more);
        assert_eq!((code, &view["repaired"]), (Some(8), &Value::Null), "{view}");
        assert_eq!(view["found"]["findings"][0]["structure"], "catalog page");
    }
    assert!(std::fs::read(&path).unwrap() == before, "nothing was changed");
}

#[test]
fn what_cannot_be_checked_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pool");
    assert_eq!(check(&path, &[]).status.code(), Some(1), "there is no such file");
    std::fs::File::create(&path).unwrap().set_len(16 << 20).unwrap();
    let output = check(&path, &[]);
    assert_eq!(output.status.code(), Some(8));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no pool"), "{output:?}");
    assert_eq!(check(Path::new("null:16MiB"), &[]).status.code(), Some(2));
    let owner = open_offline(path.to_str().unwrap(), None).unwrap();
    let output = check(&path, &[]);
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use"), "{output:?}");
    drop(owner);
}
