//! The Linux kernel in a VM against the daemon: its NVMe/TCP host, and its drives.
//!
//! The tests in `tests/kernel_host` start `sluiced` on this machine's loopback, boot a Linux guest whose kernel is the
//! NVMe/TCP host, and drive both: [`Node::sluice`] is the command line, [`Machine::sh`] runs scripts in the guest. This
//! library is their harness: [`Lab`] checks what the machine offers and prepares kernel and root file system,
//! [`Machine`] is a guest, [`Capture`] its packets, [`Node`] the daemon. The tests in `tests/drives` run driver and
//! daemon inside the guest, on emulated NVMe drives behind a virtual IOMMU.
//!
//! Invariants: a test that cannot run says so and fails where `SLUICE_REQUIRE_VM` is set; the guest's kernel must not
//! have complained; every process started here ends with the value that stands for it.
#![forbid(unsafe_code)]

mod capture;
mod cpio;
mod drives;
mod initramfs;
mod kernel;
mod lab;
mod machine;
mod modules;
mod node;
mod programs;
mod tool;

pub use capture::{Capture, Dissection};
pub use initramfs::HOST_NQN;
pub use lab::Lab;
pub use machine::{Answer, Machine, MachineConfig};
pub use node::{Backing, Node, Volume};
pub use programs::{drive_tests, node_programs};
