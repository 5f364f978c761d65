//! Load generator and benchmark harness: an NVMe/TCP host in user space and a local-device driver behind one workload
//! engine that can prove every block it reads.
//!
//! Programs build [`spec::JobSpec`]s and call [`run`]; the command line does the same. The parts, from the bottom up:
//! `workload` draws accesses, `stamp` and `expect` say what blocks hold and must hold, `host` and the local driver move
//! I/O, the engine drives jobs, `stats` counts, `report`, `compare` and `plot` show results.

#![forbid(unsafe_code)]

pub mod cli;
pub mod compare;
mod engine;
pub mod expect;
pub mod fingerprint;
pub mod geometry;
mod host;
mod local;
mod num;
pub mod plot;
pub mod report;
pub mod rng;
pub mod spec;
pub mod stamp;
pub mod stats;
pub mod units;
pub mod workload;

pub use engine::{JobProgress, Phase, Progress, RunError, RunOptions, run};
