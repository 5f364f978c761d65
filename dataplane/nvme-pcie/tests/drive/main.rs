//! The driver on a real drive, or an emulated one: `SLUICE_DRIVE` names it by its PCI address. It must be bound to
//! vfio-pci, and EVERYTHING ON IT IS OVERWRITTEN. Without the variable these tests pass and say that they did nothing.
//!
//! `SLUICE_DRIVE=0000:01:00.0 cargo test -p sluice-nvme-pcie --test drive -- --test-threads=1`
#![allow(unsafe_code)]

mod cost;
mod idle;
mod kept;
mod kernel;
mod recovery;
mod removal;
mod rig;
mod stray;
mod suite;
mod verify;
