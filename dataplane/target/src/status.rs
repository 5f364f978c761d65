//! What a host is told of an error below: the one place where device errors become NVMe status.

use sluice_device::IoError;
use sluice_nvme::status::Status;

/// The status of a command that failed with `error`.
///
/// Do Not Retry is set where the same command cannot succeed later; it is not where space may come
/// back. A device that is gone does not come back, and there is no other path to it: without Do Not Retry
/// the Linux host, whose multipath sees this path alive, would send a path error's command again for ever.
#[must_use]
pub fn of_io_error(error: IoError) -> Status {
    match error {
        IoError::OutOfRange => Status::LBA_OUT_OF_RANGE.dnr(),
        IoError::Misaligned | IoError::Unsupported => Status::INVALID_FIELD.dnr(),
        IoError::Media => Status::UNRECOVERED_READ.dnr(),
        IoError::WriteFault => Status::WRITE_FAULT.dnr(),
        IoError::NoSpace => Status::CAPACITY_EXCEEDED,
        IoError::WriteProtected => Status::NAMESPACE_WRITE_PROTECTED.dnr(),
        IoError::DeviceGone => Status::INTERNAL_PATH_ERROR.dnr(),
        IoError::Internal => Status::INTERNAL_ERROR,
    }
}
