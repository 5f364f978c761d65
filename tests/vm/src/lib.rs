//! The Linux kernel's NVMe/TCP host in a VM against the daemon.
