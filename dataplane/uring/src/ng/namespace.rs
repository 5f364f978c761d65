//! A namespace's character device: opened, locked, identified.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::io::Errno;
use sluice_hugepages::Arena;
use sluice_nvme::identify::{Cns, IdentifyCommand};
use sluice_nvme::sqe::Sqe;
use sluice_nvme_block::{Driver, Facts};
use zerocopy::FromBytes;

use super::command::{ADMIN, Data, KernelCommand, NAMESPACE_ID};
use crate::UringError;
use crate::backing::lock;
use crate::sysfs::{self, Disk};

/// Bytes of the longest structure that is asked for: an Identify structure.
const PAGE_BYTES: u32 = 4096;

/// Longest transfer where the kernel does not tell its own, and the longest that is used.
const UNTOLD_TRANSFER_BYTES: u32 = 128 << 10;
const TRANSFER_BYTES: u32 = 1 << 20;

/// An open, locked namespace. Closing it ends the locks.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) file: File,
    /// The same namespace as a block device, held so that nobody mounts it or opens it as `uring:`.
    pub(super) block_device: Option<File>,
    pub(super) facts: Facts,
}

impl Namespace {
    /// Opens the namespace at `path` for one process alone.
    pub(super) fn open(path: &Path) -> Result<Self, UringError> {
        let failed = |cause| UringError::Open { path: path.to_owned(), cause };
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.file_type().is_char_device() {
            return Err(UringError::NoNamespace { path: path.to_owned() });
        }
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let nsid = nsid(path, &file)?;
        lock(path, &file)?;
        let sibling = sysfs::character_device(metadata.rdev()).and_then(|name| block_device_of(&name));
        let block_device = sibling.as_deref().map(|name| hold(path, name)).transpose()?;
        let disk = sibling.as_deref().map(Disk::named);
        let told = disk.as_ref().and_then(Disk::transfer_bytes).unwrap_or(UNTOLD_TRANSFER_BYTES);
        let facts = facts(path, &file, nsid, told.min(TRANSFER_BYTES))?;
        Ok(Self { file, block_device: block_device.flatten(), facts })
    }
}

/// `ng0n1` is `nvme0n1` to the block layer.
fn block_device_of(name: &str) -> Option<String> {
    name.strip_prefix("ng").map(|numbers| format!("nvme{numbers}"))
}

/// Opens the block device beside `path`, exclusively. `None`: there is none, as for a namespace that only passes
/// commands through.
fn hold(path: &Path, name: &str) -> Result<Option<File>, UringError> {
    let beside = path.with_file_name(name);
    match OpenOptions::new().read(true).custom_flags(libc::O_EXCL).open(&beside) {
        Ok(file) => lock(&beside, &file).map(|()| Some(file)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) if Errno::from_io_error(&cause) == Some(Errno::BUSY) => {
            Err(UringError::InUse { path: beside })
        }
        Err(cause) => Err(UringError::Open { path: beside, cause }),
    }
}

/// The namespace's identifier; nothing else than a namespace has one.
fn nsid(path: &Path, file: &File) -> Result<u32, UringError> {
    // SAFETY: the call takes no argument and touches no memory of ours.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), NAMESPACE_ID) };
    match u32::try_from(answer) {
        Ok(nsid) if nsid > 0 => Ok(nsid),
        _ => Err(UringError::NoNamespace { path: path.to_owned() }),
    }
}

fn facts(path: &Path, file: &File, nsid: u32, transfer_bytes: u32) -> Result<Facts, UringError> {
    let controller = identify(path, file, Cns::Controller, 0)?;
    let namespace = identify(path, file, Cns::Namespace, nsid)?;
    // A controller older than this structure has no limits but its longest transfer.
    let limits = identify(path, file, Cns::CommandSetController, 0).ok();
    let driver = Driver { transfer_bytes, sgl: false, shadow_doorbells: false };
    Facts::new(&controller, &namespace, nsid, limits.as_ref(), driver)
        .map_err(|cause| UringError::Namespace { path: path.to_owned(), cause })
}

fn identify<T: FromBytes>(path: &Path, file: &File, cns: Cns, nsid: u32) -> Result<T, UringError> {
    let mut entry = Sqe::default();
    IdentifyCommand::new(cns, nsid).write_to(&mut entry);
    ask(file, &entry).map_err(|cause| UringError::Identify { path: path.to_owned(), cause })
}

/// Asks the controller for one of its structures, a page at most.
pub(super) fn ask<T: FromBytes>(file: &File, entry: &Sqe) -> io::Result<T> {
    let mut page = Arena::new(PAGE_BYTES.into()).map_err(io::Error::other)?;
    let length_bytes = u32::try_from(size_of::<T>()).map_err(io::Error::other)?;
    assert!(length_bytes <= PAGE_BYTES, "{length_bytes} bytes in a page");
    let address = page.as_mut_ptr().expose_provenance() as u64;
    let mut command = KernelCommand::new(entry, Data { address, length_bytes });
    // SAFETY: `command` is the structure that the call takes, and names `page`, which is as long as it says and is not
    // accessed during the call.
    let status = unsafe { libc::ioctl(file.as_raw_fd(), ADMIN, &raw mut command) };
    match status {
        0 => Ok(T::read_from_prefix(&page).map_err(|_| io::ErrorKind::UnexpectedEof)?.0),
        1.. => Err(io::Error::other(format!("NVMe status {status:#x}"))),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn what_is_no_namespace_is_refused() {
        for path in ["/dev/null", "/dev", "/proc/self/exe"] {
            let refusal = Namespace::open(Path::new(path)).expect_err("no namespace");
            assert!(matches!(refusal, UringError::NoNamespace { .. }), "{path}: {refusal}");
        }
        let missing = Namespace::open(Path::new("/dev/ng-none")).expect_err("nothing there");
        assert!(matches!(missing, UringError::Open { .. }), "{missing}");
    }

    #[test]
    fn the_block_device_has_the_same_numbers() {
        assert_eq!(block_device_of("ng0n1").as_deref(), Some("nvme0n1"));
        assert_eq!(block_device_of("null"), None);
    }
}
