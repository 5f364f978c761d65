//! The `sluice-perf` program.
#![forbid(unsafe_code)]
fn main() {}
