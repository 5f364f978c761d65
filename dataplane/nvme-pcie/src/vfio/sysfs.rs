//! What the kernel tells about a PCI function, in files under `/sys/bus/pci/devices`.

use std::fs;
use std::path::PathBuf;

use super::{PciAddress, PciError};

/// Class of NVM Express I/O controllers (PCI Code and ID Assignment).
const NVME_CLASS: &str = "0x010802";

const DRIVER: &str = "vfio-pci";

fn folder(address: PciAddress) -> PathBuf {
    PathBuf::from(format!("/sys/bus/pci/devices/{address}"))
}

/// The last part of what a link points at.
fn link(address: PciAddress, name: &str) -> Option<String> {
    let target = fs::read_link(folder(address).join(name)).ok()?;
    Some(target.file_name()?.to_string_lossy().into_owned())
}

fn read(address: PciAddress, name: &str) -> String {
    fs::read_to_string(folder(address).join(name)).unwrap_or_default().trim().to_owned()
}

/// The function's NUMA node; none on a host with one, where the kernel writes -1.
pub(super) fn numa_node(address: PciAddress) -> Option<u32> {
    read(address, "numa_node").parse().ok()
}

/// Whether the function is an NVMe controller in the hands of vfio-pci.
pub(super) fn check(address: PciAddress) -> Result<(), PciError> {
    if !folder(address).exists() {
        return Err(PciError::Missing { address });
    }
    let class = read(address, "class");
    if class != NVME_CLASS {
        return Err(PciError::Class { address, class });
    }
    match link(address, "driver") {
        Some(driver) if driver == DRIVER => Ok(()),
        driver => Err(PciError::Driver { address, driver: driver.unwrap_or_else(|| "no driver".to_owned()) }),
    }
}

/// The number of the function's IOMMU group.
pub(super) fn group(address: PciAddress) -> Result<String, PciError> {
    link(address, "iommu_group").ok_or(PciError::NoIommu { address })
}
