//! The Linux kernel's NVMe/TCP host against the daemon, one behaviour a test.

mod access;
mod admin;
mod commands;
mod connect;
mod filesystem;
mod harness;
mod isolation;
mod packets;
mod restart;
mod thin;
