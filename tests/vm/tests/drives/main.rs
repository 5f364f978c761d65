//! Driver and daemon in the guest, on emulated NVMe drives behind a virtual IOMMU.

mod daemon;
mod driver;
mod kernel;
