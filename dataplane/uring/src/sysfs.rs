//! What the kernel tells about a device, in files under `/sys`.

use std::fs;
use std::path::PathBuf;

use rustix::fs::{Dev, major, minor};

const PAGE_BYTES: u32 = 4096;

/// The name of character device number `device`.
pub(crate) fn character_device(device: Dev) -> Option<String> {
    let link = format!("/sys/dev/char/{}:{}", major(device), minor(device));
    Some(fs::canonicalize(link).ok()?.file_name()?.to_str()?.to_owned())
}

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

    /// The disk of this name.
    pub(crate) fn named(name: &str) -> Self {
        Self { folder: PathBuf::from("/sys/class/block").join(name) }
    }

    /// Longest command that the kernel takes at once, in whole pages; `None` if it does not tell.
    pub(crate) fn transfer_bytes(&self) -> Option<u32> {
        let bytes = self.read("queue/max_hw_sectors_kb").parse::<u32>().ok()?.checked_mul(1 << 10)?;
        // Each page of a buffer may lie by itself.
        let pages = self.read("queue/max_segments").parse::<u32>().ok()?;
        Some(bytes.min(pages.saturating_mul(PAGE_BYTES)) / PAGE_BYTES * PAGE_BYTES).filter(|bytes| *bytes > 0)
    }

    /// A completed write may still be lost. Yes, if the kernel does not tell.
    pub(crate) fn write_cache(&self) -> bool {
        self.read("queue/write_cache") != "write through"
    }

    /// It has queues that are polled.
    pub(crate) fn polls(&self) -> bool {
        self.read("queue/io_poll") == "1"
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
