//! What a machine must offer before a test can run, gathered once for a test process.
//!
//! A developer without qemu still runs `cargo test`: such tests say on standard error why they did not run. Where
//! `SLUICE_REQUIRE_VM=1` is set, as in continuous integration, not running is a failure.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::{initramfs, kernel, tool};

/// A kernel and a root file system to boot.
#[derive(Debug)]
pub struct Lab {
    kernel: PathBuf,
    folder: TempDir,
}

impl Lab {
    /// The lab of this process, made when first asked for. `None`: the test cannot run, and the reason has been
    /// printed.
    ///
    /// # Panics
    ///
    /// When something is missing and `SLUICE_REQUIRE_VM` is set.
    #[must_use]
    pub fn open() -> Option<&'static Self> {
        static LAB: OnceLock<Result<Lab, String>> = OnceLock::new();
        let reason = match LAB.get_or_init(Self::new) {
            Ok(lab) => return Some(lab),
            Err(reason) => reason,
        };
        assert!(env::var_os("SLUICE_REQUIRE_VM").is_none(), "SLUICE_REQUIRE_VM is set, but {reason}");
        // Straight to standard error: the test harness would hide what a passing test prints.
        let _ = writeln!(io::stderr(), "SKIPPED, because {reason}");
        None
    }

    fn new() -> Result<Self, String> {
        let host = ["qemu-system-x86_64", "busybox", "xz", "ldd", "tshark"];
        let missing: Vec<&str> =
            host.into_iter().chain(initramfs::PROGRAMS).filter(|name| tool::find(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(format!(
                "these programs are not installed: {} (see .ci/install)",
                missing.join(", ")
            ));
        }
        Self::build().map_err(|error| format!("the guest could not be prepared: {error}"))
    }

    fn build() -> io::Result<Self> {
        let package = kernel::unpacked()?;
        let folder = tempfile::tempdir()?;
        initramfs::build(&package, &folder.path().join("initramfs"))?;
        Ok(Self { kernel: kernel::image(&package)?, folder })
    }

    pub(crate) fn kernel(&self) -> &Path {
        &self.kernel
    }

    pub(crate) fn initramfs(&self) -> PathBuf {
        self.folder.path().join("initramfs")
    }
}
