//! The scheduler and governor over simulated devices, in virtual time.
//!
//! The gates of docs/qos.md, each as a test. Every run is repeated by its seed: `SLUICE_SEED=7 cargo test`.

mod bounds;
mod device;
mod fleet;
mod gates;
mod governor;
mod known;
mod rig;
