//! Why a device cannot be opened, and what the kernel's errors mean for an I/O.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;
use sluice_device::IoError;
use sluice_nvme_block::NamespaceError;

/// Why a file or block device could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum UringError {
    /// The kernel refuses to open it: it is missing, or permissions forbid it.
    #[error("{path} cannot be opened: {cause}")]
    Open {
        /// What was to be opened.
        path: PathBuf,
        /// The kernel's answer.
        cause: io::Error,
    },
    /// It could not be created; nothing is left behind.
    #[error("{path} cannot be created with {size_bytes} bytes: {cause}")]
    Create {
        /// What was to be created.
        path: PathBuf,
        /// How long it was to be.
        size_bytes: u64,
        /// The kernel's answer.
        cause: io::Error,
    },
    /// Another process, or another device of this one, has it open; or it is mounted.
    ///
    /// This passes by itself just after its owner was killed: the kernel takes a killed process' rings, and the files
    /// registered with them, down in the background.
    #[error("{path} is in use by another process or mounted: stop that first")]
    InUse {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A directory, character device or the like.
    #[error("{path} is neither a regular file nor a block device")]
    Kind {
        /// What was to be opened.
        path: PathBuf,
    },
    /// Its size or block size cannot be found out.
    #[error("the size of {path} cannot be read: {cause}")]
    Inspect {
        /// What was to be opened.
        path: PathBuf,
        /// The kernel's answer.
        cause: io::Error,
    },
    /// The block size that was asked for, or the device's own, cannot be used.
    #[error(
        "{path}: blocks of {block_size} bytes: the size must be a power of two from {least_bytes} to 4096"
    )]
    BlockSize {
        /// What was to be opened.
        path: PathBuf,
        /// What was asked for.
        block_size: u32,
        /// The smallest that would do.
        least_bytes: u32,
    },
    /// Not one whole block.
    #[error("{path} has {size_bytes} bytes, less than one block of {block_size}")]
    TooSmall {
        /// What was to be opened.
        path: PathBuf,
        /// How long it is.
        size_bytes: u64,
        /// Bytes per block.
        block_size: u32,
    },
    /// Not a namespace's character device.
    #[error("{path} is no NVMe namespace: name one as in `ng:/dev/ng0n1`, a block device as `uring:`")]
    NoNamespace {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The controller did not tell what, or how, it is.
    #[error("the controller behind {path} refused to be asked: {cause}")]
    Identify {
        /// What was to be opened.
        path: PathBuf,
        /// The kernel's or the controller's answer.
        cause: io::Error,
    },
    /// The namespace cannot be used as it is.
    #[error("{path}: {cause}")]
    Namespace {
        /// What was to be opened.
        path: PathBuf,
        /// Why.
        cause: NamespaceError,
    },
    /// The kernel passes no commands to the drive: it is older than 5.19, or forbids it to this process.
    #[error("{path} takes no commands through io_uring ({cause}): name the drive as `uring:` instead")]
    Passthrough {
        /// What was to be opened.
        path: PathBuf,
        /// The kernel's answer.
        cause: io::Error,
    },
    /// The kernel gives no io_uring: too old, forbidden by its `io_uring_disabled` or a seccomp filter, or out of
    /// memory or file descriptors.
    #[error("io_uring is not available (see sysctl kernel.io_uring_disabled): {0}")]
    Ring(#[source] io::Error),
}

/// What an I/O was to do, as far as the meaning of its error depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// The I/O error that the kernel's answer stands for.
///
/// The block layer tells an unreadable sector apart from a broken transport in its own codes, but both reach a file
/// system's reader as EIO.
pub(crate) fn io_error(errno: Errno, direction: Direction) -> IoError {
    match (errno, direction) {
        (Errno::NOSPC | Errno::DQUOT | Errno::FBIG, _) => IoError::NoSpace,
        (Errno::NODATA | Errno::ILSEQ, _) => IoError::Media,
        (Errno::IO | Errno::REMOTEIO | Errno::TIMEDOUT, Direction::Read) => IoError::Media,
        (Errno::IO | Errno::REMOTEIO | Errno::TIMEDOUT, Direction::Write) => IoError::WriteFault,
        (Errno::ROFS | Errno::PERM, Direction::Write) => IoError::WriteFault,
        (Errno::NODEV | Errno::NXIO, _) => IoError::DeviceGone,
        (Errno::OPNOTSUPP | Errno::NOSYS, _) => IoError::Unsupported,
        _ => IoError::Internal,
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn errors_of_the_kernel_keep_their_meaning() {
        use Direction::{Read, Write};
        let table = [
            (Errno::NOSPC, Write, IoError::NoSpace),
            (Errno::DQUOT, Write, IoError::NoSpace),
            (Errno::IO, Read, IoError::Media),
            (Errno::IO, Write, IoError::WriteFault),
            (Errno::NODATA, Read, IoError::Media),
            (Errno::NODATA, Write, IoError::Media),
            (Errno::ILSEQ, Read, IoError::Media),
            (Errno::ROFS, Write, IoError::WriteFault),
            (Errno::NODEV, Read, IoError::DeviceGone),
            (Errno::NXIO, Write, IoError::DeviceGone),
            (Errno::OPNOTSUPP, Write, IoError::Unsupported),
            (Errno::INVAL, Read, IoError::Internal),
            (Errno::FAULT, Write, IoError::Internal),
        ];
        for (errno, direction, expected) in table {
            assert_eq!(io_error(errno, direction), expected, "{errno:?} of a {direction:?}");
        }
    }
}
