//! A namespace of an NVMe drive as a block device: its limits, its commands, what its answers mean.
//!
//! Pure, and shared by the two ways to a drive's queues: `nvme-pcie`, which owns the controller, and `uring`, which
//! hands commands to the kernel that owns it.
//!
//! | module | what |
//! |---|---|
//! | `facts` | from Identify data to the limits of a device |
//! | `command` | from a request to a submission queue entry |
//! | `erase` | formatting and sanitizing, as far as a drive offers it |
//! | `verdict` | from a status to done, failed, or once more |
#![forbid(unsafe_code)]

mod command;
mod erase;
mod facts;
mod verdict;

pub use command::{Abilities, Command};
pub use erase::{Erasable, Erase, EraseError, Method};
pub use facts::{Driver, Facts, NamespaceError, PAGE_BYTES};
pub use verdict::{RETRIES, Verdict, judge};
