//! How a host is, and what it lacks.

use serde::Serialize;

use crate::drive::{Drive, VFIO, drives};
use crate::error::HostError;
use crate::journal::{self, Change};
use crate::pages::{self, PagePool};
use crate::tree::Tree;

/// Less locked memory than this and a process without privileges cannot map a reactor's buffers.
const MEMLOCK_BYTES: u64 = 256 << 20;

/// Everything that matters for drives in user space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Huge pages, by node and size.
    pub pages: Vec<PagePool>,
    /// There is an IOMMU, and it is on.
    pub iommu: bool,
    /// The vfio-pci driver is there.
    pub vfio: bool,
    /// Memory that a process of this user may lock, in bytes; none: any amount.
    pub memlock_bytes: Option<u64>,
    /// Cores that the kernel keeps free of other work, as it writes them; empty if none.
    pub isolated_cores: String,
    /// The NVMe drives.
    pub drives: Vec<Drive>,
    /// What `sluice host prepare` changed and `undo` would put back.
    pub changes: Vec<Change>,
    /// What is missing.
    pub findings: Vec<Finding>,
}

/// Something that is missing, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// In plain words.
    pub what: String,
    /// The command, or the setting, that mends it.
    pub mend: String,
}

/// Looks at the host. `memlock_bytes` is the limit of the calling process.
///
/// # Errors
/// [`HostError::File`] if the journal cannot be read.
pub fn status(tree: &Tree, memlock_bytes: Option<u64>) -> Result<Status, HostError> {
    let mut status = Status {
        pages: pages::pools(tree),
        iommu: !tree.list("/sys/kernel/iommu_groups").is_empty(),
        vfio: tree.exists(&format!("/sys/bus/pci/drivers/{VFIO}")),
        memlock_bytes,
        isolated_cores: tree.read("/sys/devices/system/cpu/isolated"),
        drives: drives(tree),
        changes: journal::read(tree)?,
        findings: Vec::new(),
    };
    status.findings = findings(&status);
    Ok(status)
}

fn findings(status: &Status) -> Vec<Finding> {
    let free: u64 = status.pages.iter().map(|pool| pool.free * pool.page.bytes()).sum();
    let reserved: u64 = status.pages.iter().map(|pool| pool.total).sum();
    let finding = |missing: bool, what: &str, mend: &str| {
        missing.then(|| Finding { what: what.to_owned(), mend: mend.to_owned() })
    };
    [
        finding(
            !status.iommu,
            "no IOMMU is on: drives cannot be driven from user space",
            "turn it on in the firmware, and boot with intel_iommu=on or amd_iommu=on",
        ),
        finding(status.iommu && !status.vfio, "the vfio-pci driver is not loaded", "modprobe vfio-pci"),
        finding(
            reserved == 0,
            "no huge pages are reserved: buffers are on ordinary pages, locked in memory",
            "sluice host prepare --pages 2MiB=128",
        ),
        finding(
            reserved > 0 && free == 0,
            "all huge pages are in use: the next reactor's buffers are on ordinary pages",
            "sluice host prepare --pages 2MiB=COUNT, with a higher count",
        ),
        finding(
            status.memlock_bytes.is_some_and(|limit| limit < MEMLOCK_BYTES),
            "little memory may be locked: buffers cannot be mapped for drives",
            "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit",
        ),
        finding(
            status.isolated_cores.is_empty(),
            "no core is kept free for reactors: other work disturbs them",
            "boot with isolcpus= and nohz_full= for the cores in `device.core`",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
