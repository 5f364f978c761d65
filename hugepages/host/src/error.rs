//! Why a host is not prepared, or not put back.

use std::io;

use crate::pages::PageSize;

/// Why a host is not prepared, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Not the administrator.
    #[error("changing the host takes root: run it again with sudo")]
    NotRoot,
    /// No NVMe drive at the address.
    #[error("there is no NVMe drive {address}; there are: {known}")]
    NoDrive {
        /// What was asked for.
        address: String,
        /// The drives there are.
        known: String,
    },
    /// The drive is in use, or holds something.
    #[error("{address} is not handed over: {uses}; free it first, or use --force to lose what it holds")]
    InUse {
        /// Which.
        address: String,
        /// By what.
        uses: String,
    },
    /// The drive is mounted or part of something that is running; no force helps.
    #[error("{address} is not handed over: {uses}; unmount or stop that first")]
    Busy {
        /// Which.
        address: String,
        /// By what.
        uses: String,
    },
    /// There is no IOMMU.
    #[error(
        "{address} has no IOMMU group: turn the IOMMU on in the firmware, and boot with intel_iommu=on or amd_iommu=on"
    )]
    NoIommu {
        /// Which.
        address: String,
    },
    /// The kernel has no vfio-pci.
    #[error("the vfio-pci driver is not loaded: modprobe vfio-pci")]
    NoVfio,
    /// The node has no such pages.
    #[error("NUMA node {node} has no {page} pages: the processor or the kernel lacks them")]
    NoPages {
        /// Which node.
        node: u32,
        /// Which pages.
        page: PageSize,
    },
    /// The kernel found too little memory in one piece.
    #[error(
        "of {wanted} pages of {page} on node {node} only {got} could be reserved: ask for fewer, or reserve them at boot with hugepagesz= and hugepages="
    )]
    TooFewPages {
        /// Which node.
        node: u32,
        /// Which pages.
        page: PageSize,
        /// How many were asked for.
        wanted: u64,
        /// How many there are now.
        got: u64,
    },
    /// A file of the kernel, or our own.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// The driver did not take the device.
    #[error("{address} is bound to {found} instead of {wanted}: see dmesg")]
    NotBound {
        /// Which.
        address: String,
        /// The driver it should have.
        wanted: String,
        /// The one it has.
        found: String,
    },
}

impl HostError {
    /// For `map_err`.
    pub(crate) fn file(path: &str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::File { path: path.to_owned(), cause }
    }
}
