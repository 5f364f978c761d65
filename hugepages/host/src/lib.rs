//! Preparing a host for drives in user space: huge pages, the IOMMU, handing drives over and back.
//!
//! Everything is in files of the kernel, below a root that tests replace. [`status()`] looks and changes nothing;
//! [`prepare()`] changes what it is told to, refuses drives that hold something, and writes down each change before it
//! makes it; [`undo`] puts back what was written down, latest first.
//!
//! | module | what |
//! |---|---|
//! | `tree` | reading and writing the kernel's files |
//! | `drive` | the NVMe drives there are, and who uses them |
//! | `content` | what a drive holds, by its first bytes |
//! | `pages` | huge pages per NUMA node |
//! | `status` | all of that, and what is missing with the command that mends it |
//! | `journal` | what was changed |
//! | `prepare` | changing and undoing |
#![forbid(unsafe_code)]

mod content;
mod drive;
mod error;
mod journal;
mod pages;
mod prepare;
mod status;
#[cfg(test)]
mod test;
mod tree;

pub use content::{LOOK_BYTES, holds};
pub use drive::{Drive, drives};
pub use error::HostError;
pub use journal::Change;
pub use pages::{PagePool, PageSize};
pub use prepare::{Plan, prepare, undo};
pub use status::{Finding, Status, status};
pub use tree::Tree;
