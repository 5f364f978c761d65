//! The device on a loop device, if this process may make one.

use std::process::Command;
use std::time::{Duration, Instant};

use sluice_device::conformance::{self, Traits};

use super::*;

/// A loop device over a file, detached on drop.
struct Loop {
    path: String,
}

impl Loop {
    /// None, with the reason printed, where loop devices cannot be made.
    fn new(file: &Path) -> Option<Self> {
        let made = Command::new("losetup").args(["--find", "--show", "--direct-io=on"]).arg(file).output();
        match made {
            Ok(made) if made.status.success() => {
                Some(Self { path: String::from_utf8_lossy(&made.stdout).trim().to_owned() })
            }
            Ok(made) => {
                println!("skipped: no loop device: {}", String::from_utf8_lossy(&made.stderr).trim());
                None
            }
            Err(cause) => {
                println!("skipped: no losetup: {cause}");
                None
            }
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.path).status();
    }
}

/// Opens a disk that has just appeared or just been let go: the kernel closes it behind our back, and the system's
/// helpers for RAID and multipath have it for themselves for a moment.
fn open_when_free(path: &Path, options: &UringOptions, pool: &Pool) -> UringDevice {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match UringDevice::open(path, options, pool) {
            Err(crate::UringError::InUse { .. }) if Instant::now() < end => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

#[test]
fn block_devices_conform_and_have_one_owner() {
    let folder = folder();
    let file = folder.path().join("disk");
    std::fs::File::create(&file).unwrap().set_len(8 << 20).unwrap();
    let Some(disk) = Loop::new(&file) else { return };
    let path = Path::new(&disk.path);
    for direct in [true, false] {
        let options = UringOptions { direct, queue_depth: 40, ..UringOptions::default() };
        conformance::run(Traits::default(), |pool| open_when_free(path, &options, pool));
    }
    let pool = pool();
    let first = open_when_free(path, &UringOptions::default(), &pool);
    let info = first.info();
    assert_eq!((info.kind, info.size_bytes()), ("block", 8 << 20));
    println!("{}: {} bytes per block, {}", info.name, info.block_size, first.modes());
    let second = UringDevice::open(path, &UringOptions::default(), &pool).unwrap_err();
    assert!(matches!(second, crate::UringError::InUse { .. }), "{second}");
}
