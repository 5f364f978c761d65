//! Load generator and benchmark harness (work in progress order: pure modules first).
#![forbid(unsafe_code)]

pub mod compare;
pub mod expect;
pub mod fingerprint;
mod num;
pub mod plot;
pub mod report;
pub mod rng;
pub mod spec;
pub mod stamp;
pub mod stats;
pub mod units;
pub mod workload;
