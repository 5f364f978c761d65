//! The device on a loop device, if this process may make one.

use std::process::Command;

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

#[test]
fn block_devices_conform_and_have_one_owner() {
    let folder = folder();
    let file = folder.path().join("disk");
    std::fs::File::create(&file).unwrap().set_len(8 << 20).unwrap();
    let Some(disk) = Loop::new(&file) else { return };
    let path = Path::new(&disk.path);
    for direct in [true, false] {
        let options = UringOptions { direct, queue_depth: 40, ..UringOptions::default() };
        conformance::run(Traits::default(), |pool| open(path, &options, pool));
    }
    let pool = pool();
    let first = open(path, &UringOptions::default(), &pool);
    let info = first.info();
    assert_eq!((info.kind, info.size_bytes()), ("block", 8 << 20));
    println!("{}: {} bytes per block, {}", info.name, info.block_size, first.modes());
    let second = UringDevice::open(path, &UringOptions::default(), &pool).unwrap_err();
    assert!(matches!(second, crate::UringError::InUse { .. }), "{second}");
}
