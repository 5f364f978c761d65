//! The health of a drive that stays with the kernel's driver.

use std::fs::File;
use std::path::Path;

use sluice_nvme::identify::active_list::NSID_ALL;
use sluice_nvme::log::smart::SmartLog;
use sluice_nvme::log::{GetLogPage, LogId, LogRange};
use sluice_nvme::sqe::Sqe;

use super::namespace::ask;
use crate::UringError;

/// The SMART log of the controller at `path`, `/dev/nvme0`. Takes an administrator.
///
/// # Errors
/// [`UringError::Open`], [`UringError::Identify`].
pub fn smart_log(path: impl AsRef<Path>) -> Result<SmartLog, UringError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|cause| UringError::Open { path: path.to_owned(), cause })?;
    let range = LogRange { offset: 0, length: size_of::<SmartLog>() as u64 };
    let mut entry = Sqe::default();
    GetLogPage::new(LogId::Smart, NSID_ALL, range, false).write_to(&mut entry);
    ask(&file, &entry).map_err(|cause| UringError::Identify { path: path.to_owned(), cause })
}
