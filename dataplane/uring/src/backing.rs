//! The file or block device behind the rings: found or created, locked, measured.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{
    FallocateFlags, FlockOperation, OFlags, fallocate, fcntl_getfl, fcntl_setfl, flock, ioctl_blksszget,
};
use rustix::io::Errno;
use sluice_hugepages::Arena;

use crate::sysfs::Disk;
use crate::{UringError, UringOptions};

/// Larger blocks no host understands.
const LARGEST_BLOCK_BYTES: u32 = 4096;

/// Smaller blocks the kernel does not know.
const SMALLEST_BLOCK_BYTES: u32 = 512;

/// An open, locked file or block device. Closing it ends the lock.
#[derive(Debug)]
pub(crate) struct Backing {
    pub(crate) file: File,
    /// Present for a block device.
    pub(crate) disk: Option<Disk>,
    /// The page cache is bypassed.
    pub(crate) direct: bool,
    pub(crate) block_size: u32,
    pub(crate) blocks: u64,
    /// It can give blocks back, which then read as zeroes.
    pub(crate) punches: bool,
}

impl Backing {
    /// Opens `path` for one process alone.
    pub(crate) fn open(path: &Path, options: &UringOptions) -> Result<Self, UringError> {
        if let Some(size_bytes) = options.create_bytes {
            create(path, size_bytes)?;
        }
        let (file, mut direct) = open(path, options.direct)?;
        lock(path, &file)?;
        let inspect = |cause: io::Error| UringError::Inspect { path: path.to_owned(), cause };
        let disk = disk(path, &file)?;
        let block_size = block_size(path, &file, disk.is_some(), options.block_size)?;
        let size_bytes = (&file).seek(SeekFrom::End(0)).map_err(inspect)?;
        let blocks = size_bytes / u64::from(block_size);
        if blocks == 0 {
            return Err(UringError::TooSmall { path: path.to_owned(), size_bytes, block_size });
        }
        let punches = disk.as_ref().map_or_else(|| punches(&file, size_bytes), Disk::punches);
        if direct && !reads_directly(&file, block_size, blocks).map_err(inspect)? {
            use_page_cache(&file).map_err(inspect)?;
            direct = false;
        }
        Ok(Self { file, disk, direct, block_size, blocks, punches })
    }

    /// A completed write may be lost with the power until a Flush: always, but on a disk that says otherwise.
    pub(crate) fn volatile_write_cache(&self) -> bool {
        !self.direct || self.disk.as_ref().is_none_or(Disk::write_cache)
    }
}

/// Creates a sparse file unless there is something. Durable when it returns; on failure nothing is left.
///
/// An empty file is what a crash in here leaves, so it is given its length too; under the lock, lest another process
/// that creates it at the same time is already writing to it.
fn create(path: &Path, size_bytes: u64) -> Result<(), UringError> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file() || found.len() > 0) {
        return Ok(());
    }
    let failed = |cause| UringError::Create { path: path.to_owned(), size_bytes, cause };
    // Readable for its owner only: it will hold the data of every tenant.
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(failed)?;
    lock(path, &file)?;
    lengthen(&file, size_bytes).and_then(|()| sync_folder(path)).map_err(|cause| {
        // The first error is the one to report.
        let _ = fs::remove_file(path);
        failed(cause)
    })
}

/// Gives an empty file its length.
fn lengthen(file: &File, size_bytes: u64) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        file.set_len(size_bytes)?;
    }
    file.sync_all()
}

/// Makes a new name durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Opens without the page cache if wished and possible; says whether.
fn open(path: &Path, direct: bool) -> Result<(File, bool), UringError> {
    let failed = |cause: io::Error| match Errno::from_io_error(&cause) {
        Some(Errno::BUSY) => UringError::InUse { path: path.to_owned() },
        _ => UringError::Open { path: path.to_owned(), cause },
    };
    let kind = fs::metadata(path).map_err(failed)?.file_type();
    // On a block device O_EXCL keeps out mounts and other exclusive openers; on a file it has no meaning here.
    let exclusive = if kind.is_block_device() { libc::O_EXCL } else { 0 };
    let open = |flags| OpenOptions::new().read(true).write(true).custom_flags(exclusive | flags).open(path);
    if direct {
        match open(libc::O_DIRECT) {
            // The file system knows no direct I/O.
            Err(cause) if Errno::from_io_error(&cause) == Some(Errno::INVAL) => {}
            opened => return opened.map(|file| (file, true)).map_err(failed),
        }
    }
    open(0).map(|file| (file, false)).map_err(failed)
}

/// Keeps every other opener of this crate out while the file is open. The kernel ends the lock with the process.
pub(crate) fn lock(path: &Path, file: &File) -> Result<(), UringError> {
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| match errno {
        Errno::WOULDBLOCK => UringError::InUse { path: path.to_owned() },
        _ => UringError::Open { path: path.to_owned(), cause: errno.into() },
    })
}

/// Ends the lock, even if the kernel holds the file for a while longer.
pub(crate) fn unlock(file: &File) {
    // It ends at the latest with the file.
    let _ = flock(file, FlockOperation::Unlock);
}

/// The disk behind a block device; none behind a file.
fn disk(path: &Path, file: &File) -> Result<Option<Disk>, UringError> {
    let metadata = file.metadata();
    let metadata = metadata.map_err(|cause| UringError::Inspect { path: path.to_owned(), cause })?;
    let kind = metadata.file_type();
    match (kind.is_file(), kind.is_block_device()) {
        (true, _) => Ok(None),
        (_, true) => Ok(Some(Disk::of(metadata.rdev()))),
        _ => Err(UringError::Kind { path: path.to_owned() }),
    }
}

/// The block size that was asked for, if it can be, or the natural one.
fn block_size(path: &Path, file: &File, is_disk: bool, asked: Option<u32>) -> Result<u32, UringError> {
    let own = if is_disk { Some(ioctl_blksszget(file)) } else { None };
    let own = own.transpose();
    let own = own.map_err(|errno| UringError::Inspect { path: path.to_owned(), cause: errno.into() })?;
    let least_bytes = own.unwrap_or(SMALLEST_BLOCK_BYTES).max(SMALLEST_BLOCK_BYTES);
    let block_size = asked.unwrap_or(own.unwrap_or(LARGEST_BLOCK_BYTES));
    if block_size.is_power_of_two() && (least_bytes..=LARGEST_BLOCK_BYTES).contains(&block_size) {
        Ok(block_size)
    } else {
        Err(UringError::BlockSize { path: path.to_owned(), block_size, least_bytes })
    }
}

/// Whether the file system can make holes: tried beyond the end, where it changes nothing.
fn punches(file: &File, size_bytes: u64) -> bool {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let beyond = size_bytes.next_multiple_of(u64::from(LARGEST_BLOCK_BYTES));
    fallocate(file, flags, beyond, u64::from(LARGEST_BLOCK_BYTES)).is_ok()
}

/// Turns direct I/O off for an open file.
fn use_page_cache(file: &File) -> io::Result<()> {
    let flags = fcntl_getfl(file)? - OFlags::DIRECT;
    Ok(fcntl_setfl(file, flags)?)
}

/// Whether direct I/O works in such blocks: a disk with larger sectors, or a file system without direct I/O, refuses
/// them only when asked to. The second block is tried, because the first is aligned to anything.
fn reads_directly(file: &File, block_size: u32, blocks: u64) -> io::Result<bool> {
    let mut page = Arena::new(u64::from(LARGEST_BLOCK_BYTES)).map_err(io::Error::other)?;
    let offset = if blocks > 1 { u64::from(block_size) } else { 0 };
    match rustix::io::pread(file, &mut page[..block_size as usize], offset) {
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(false),
        // Any other error is one of the medium, and will be told to whoever reads that block.
        _ => Ok(true),
    }
}
