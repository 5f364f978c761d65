//! What the kernel tells about a block device, in files under `/sys/dev/block`.

use std::fs;
use std::path::PathBuf;

use rustix::fs::{Dev, major, minor};

/// One block device's folder, or its disk's if it is a partition.
#[derive(Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// The disk that device number `device` is or lies on.
    pub(crate) fn of(device: Dev) -> Self {
        let folder = PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device)));
        if folder.join("queue").exists() { Self { folder } } else { Self { folder: folder.join("..") } }
    }

    /// A completed write may still be lost. Yes, if the kernel does not tell.
    pub(crate) fn write_cache(&self) -> bool {
        self.read("queue/write_cache") != "write through"
    }

    /// It can make holes that read as zeroes.
    pub(crate) fn punches(&self) -> bool {
        self.read("queue/write_zeroes_max_bytes").parse::<u64>().is_ok_and(|bytes| bytes > 0)
    }

    /// Product name, empty if the kernel has none.
    pub(crate) fn model(&self) -> String {
        self.read("device/model")
    }

    /// Serial number, empty if the kernel has none.
    pub(crate) fn serial(&self) -> String {
        self.read("device/serial")
    }

    fn read(&self, attribute: &str) -> String {
        fs::read_to_string(self.folder.join(attribute)).unwrap_or_default().trim().to_owned()
    }
}
