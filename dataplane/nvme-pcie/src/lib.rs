//! A polled user-space driver for NVMe over PCIe.
//!
//! [`NvmeDevice`] is a [`BlockDevice`](sluice_device::BlockDevice) over one namespace of a controller that belongs to
//! this process alone. A batch of requests costs one doorbell; completions are read from memory. The driver is a
//! machine without I/O of its own over a small seam, [`Hardware`], so that the software controller in `model` can
//! take a real one's place, with every fault a real one has.
//!
//! ```text
//!  Request ─► slot (owns the buffer) ─► SQE in the ring ══doorbell══► controller ══DMA══ buffer
//!                    ▲   └──────────────── Completion ◄─ phase tag ◄──────┘
//!  reset: everything in flight waits in its slot ─► enable, start ─► sent again
//! ```
//!
//! | module | what |
//! |---|---|
//! | `device` | requests in, completions out, timeouts |
//! | `controller` | reset, enable, start, health, events |
//! | `queue` | the rings and doorbells |
//! | `pointer` | PRP and SGL; pure. Commands, statuses and limits are in `sluice-nvme-block` |
//! | `hardware` | the seam to the bus |
//! | [`vfio`] | the edge: a real controller through VFIO |
//! | `model` | a controller in software |
//!
//! Invariants:
//! - a buffer whose address the controller was given is owned by its slot until the command has completed, or until
//!   the controller is disabled or cut off from memory;
//! - `requests in flight <= queue depth <= entries of either ring - 1`, so neither ring can overflow;
//! - no reference ever points into memory that the controller writes: it is read word by word, by value.
//!
//! This crate holds unsafe code because a controller is given addresses that it uses after the call returned; each
//! block names its reason.
#![allow(unsafe_code)]

mod controller;
mod device;
mod error;
mod hardware;
mod health;
mod layout;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod options;
mod pointer;
mod queue;
mod table;
#[cfg(test)]
mod test;
pub mod vfio;

pub use device::{Memory, NvmeDevice, Observer, Opening, memory_bytes};
pub use error::StartError;
pub use hardware::Hardware;
pub use health::{Event, Health, ResetCause};
pub use options::{MOST_PAIRS, Options, Weights};
pub use sluice_nvme_block::{Erase, EraseError, Facts, Method, NamespaceError};
