//! Driver and daemon in the guest, on emulated NVMe drives behind a virtual IOMMU.

mod cost;
mod daemon;
mod driver;
mod erase;
mod kernel;
mod pages;
