//! A device without a node: for tools that look at a pool that nobody serves.
//!
//! The device is opened as the daemon opens it, and owned as exclusively: while either has it, the other is refused.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use sluice_device::{BlockDevice, Pool};
use sluice_hugepages::{Class, PoolConfig, PoolError};
use sluice_uring::UringError;

use crate::config::{ConfigError, RawDevice, Source};
use crate::node::{DriveWatch, OpenError, backing, open};

/// Buffers for a tool: as large as a chunk, and single blocks for a pool that is opened besides.
const CLASSES: [Class; 2] =
    [Class { buffer_bytes: 4096, count: 64 }, Class { buffer_bytes: 128 << 10, count: 16 }];

/// Why a device cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// It is no device's name.
    #[error(transparent)]
    Uri(#[from] ConfigError),
    /// It has nothing when it is opened.
    #[error("{uri} keeps nothing: name the device that has the pool")]
    Volatile {
        /// What was given.
        uri: String,
    },
    /// A daemon has it, or something else.
    #[error("{uri} is in use: stop the daemon that serves it, or ask that to check it while it serves")]
    InUse {
        /// What was given.
        uri: String,
    },
    /// It cannot be opened.
    #[error("cannot open {uri}: {cause}")]
    Open {
        /// What was given.
        uri: String,
        /// Why.
        cause: String,
    },
    /// No memory for buffers.
    #[error(transparent)]
    Buffers(#[from] PoolError),
}

/// A device and its buffers.
pub type Offline = (Box<dyn BlockDevice>, Pool);

/// Opens a device by its URI as in the daemon's configuration, or by its path; `block_size` for a file, if it is not
/// the usual.
///
/// # Errors
/// See [`OfflineError`].
pub fn open_offline(uri: &str, block_size: Option<u32>) -> Result<Offline, OfflineError> {
    let uri = with_scheme(uri);
    let raw = RawDevice { name: "offline".to_owned(), uri: uri.clone(), block_size, ..RawDevice::default() };
    let config = raw.resolve()?;
    if matches!(config.source, Source::Memory(_) | Source::Ssd { .. } | Source::Null(_)) {
        return Err(OfflineError::Volatile { uri });
    }
    let classes = PoolConfig { classes: CLASSES.to_vec() };
    let buffers = match backing(&config.source) {
        Some(backing) => Pool::resident(&classes, &backing)?,
        None => Pool::new(&classes)?,
    };
    match open(&config, &buffers, &DriveWatch::default()) {
        Ok(device) => Ok((device, buffers)),
        Err(OpenError::Uring(UringError::InUse { .. })) => Err(OfflineError::InUse { uri }),
        Err(error) => Err(OfflineError::Open { uri, cause: error.to_string() }),
    }
}

/// A path becomes the URI of what it leads to.
fn with_scheme(uri: &str) -> String {
    let is_block = || fs::metadata(uri).is_ok_and(|found| found.file_type().is_block_device());
    let has_scheme = uri.split_once(':').is_some_and(|(scheme, _)| !scheme.contains('/'));
    match has_scheme {
        true => uri.to_owned(),
        false if is_block() => format!("uring:{uri}"),
        false => format!("file:{uri}"),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn paths_are_taken_for_what_they_lead_to() {
        let cases = [
            ("uring:/dev/nvme0n1", "uring:/dev/nvme0n1"),
            ("pcie:0000:01:00.0", "pcie:0000:01:00.0"),
            ("/srv/pool:1", "file:/srv/pool:1"),
            ("pool.img", "file:pool.img"),
        ];
        for (given, expected) in cases {
            assert_eq!(with_scheme(given), expected);
        }
    }

    #[test]
    fn what_is_no_pools_device_is_refused() {
        assert!(matches!(open_offline("memory:16MiB", None), Err(OfflineError::Volatile { .. })));
        assert!(matches!(open_offline("tape:0", None), Err(OfflineError::Uri(_))));
        assert!(matches!(open_offline("/nowhere/at/all", None), Err(OfflineError::Open { .. })));
    }

    #[test]
    fn a_device_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pool");
        fs::File::create(&path).unwrap().set_len(16 << 20).unwrap();
        let uri = path.to_str().unwrap();
        let (device, _buffers) = open_offline(uri, Some(512)).unwrap();
        assert_eq!(device.info().block_size, 512);
        assert!(matches!(open_offline(uri, None), Err(OfflineError::InUse { .. })));
        drop(device);
        assert!(open_offline(uri, None).is_ok());
    }
}
