//! Why a drive cannot be taken over.

use std::io;

use sluice_hugepages::{ArenaError, PoolError};

use super::PciAddress;
use crate::StartError;

/// Why a drive cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum PciError {
    /// There is nothing at the address.
    #[error("there is no PCI device {address}: `sluice host status` lists the drives")]
    Missing {
        /// Where.
        address: PciAddress,
    },
    /// It is something else than an NVMe controller.
    #[error("PCI device {address} is of class {class}, no NVMe controller")]
    Class {
        /// Where.
        address: PciAddress,
        /// As the kernel writes it.
        class: String,
    },
    /// The kernel, or nobody, drives it.
    #[error("{address} is bound to {driver}: hand it over with `sluice host prepare --drive {address}`")]
    Driver {
        /// Where.
        address: PciAddress,
        /// The driver's name, or `no driver`.
        driver: String,
    },
    /// The host has no IOMMU, or it is off.
    #[error(
        "{address} has no IOMMU group: turn the IOMMU on in the firmware, and with intel_iommu=on or amd_iommu=on"
    )]
    NoIommu {
        /// Where.
        address: PciAddress,
    },
    /// Another process has it.
    #[error("{address} is in use by another process: stop that first")]
    InUse {
        /// Where.
        address: PciAddress,
    },
    /// Other devices of its IOMMU group have drivers that reach memory.
    #[error(
        "other devices of the IOMMU group of {address} are bound to drivers of the kernel: unbind those, too"
    )]
    NotViable {
        /// Where.
        address: PciAddress,
    },
    /// Memory for the queues.
    #[error(transparent)]
    Memory(#[from] ArenaError),
    /// Memory for a buffer.
    #[error(transparent)]
    Buffers(#[from] PoolError),
    /// The caller did not want to wait any longer.
    #[error(
        "{address} is being erased still: a sanitize goes on by itself, after a format the drive must be formatted again"
    )]
    BrokenOff {
        /// Where.
        address: PciAddress,
    },
    /// The IOMMU takes no more mappings.
    #[error(
        "{length_bytes} bytes cannot be mapped for the drive: {cause}; is the limit on locked memory (memlock) high enough?"
    )]
    Map {
        /// How much.
        length_bytes: u64,
        /// The kernel's answer.
        cause: io::Error,
    },
    /// Any other call to the kernel.
    #[error("{call}: {cause}")]
    Call {
        /// Which.
        call: &'static str,
        /// The kernel's answer.
        cause: io::Error,
    },
    /// The controller itself.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl PciError {
    /// For `map_err`.
    pub(super) fn call(call: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Call { call, cause }
    }
}
