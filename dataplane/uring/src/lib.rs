//! Files, block devices and NVMe namespaces through io_uring.
//!
//! [`UringDevice`] is a [`BlockDevice`](sluice_device::BlockDevice) over one file or block device, made for one
//! reactor's thread. A batch of requests costs one `io_uring_enter`; completions are read from memory shared with
//! the kernel.
//!
//! ```text
//!  Request --> table slot (owns the buffer) --> SQE ==enter==> kernel
//!                   |  ^                                          |
//!                   |  +-- job: more to transfer, sync <--- CQE <-+
//!                   +----> Completion
//! ```
//!
//! | module | what |
//! |---|---|
//! | `device` | the device: requests in, completions out |
//! | `job` | what one request still needs of the kernel; pure |
//! | `entries` | its steps as entries of the ring |
//! | `ng` | [`NgDevice`]: NVMe commands to a drive that stays with the kernel's driver |
//! | `table` | the slots of the requests in flight |
//! | `syncs` | many flushes, one sync |
//! | `ring` | the rings themselves |
//! | `backing` | opening, creating, locking and measuring the file |
//! | `sysfs` | what the kernel tells about a block device |
//!
//! Invariants:
//! - a buffer whose address the kernel was given is owned by its slot until the kernel answered;
//! - `requests in the kernel <= queue depth <= entries of either ring`, so neither ring can overflow;
//! - one process has a file or block device open at a time.
//!
//! This crate holds unsafe code because the kernel is given addresses that it uses after the call returned; each
//! block names its reason.
#![allow(unsafe_code)]

mod backing;
mod device;
mod entries;
mod error;
mod job;
mod ng;
mod options;
mod ring;
mod syncs;
mod sysfs;
mod table;
#[cfg(test)]
mod test;

pub use device::UringDevice;
pub use error::UringError;
pub use ng::{NgDevice, smart_log};
pub use options::{Modes, TaskRun, UringOptions};
