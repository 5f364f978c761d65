//! The Linux kernel's NVMe/TCP host against the daemon, one behaviour a test.

mod harness;
