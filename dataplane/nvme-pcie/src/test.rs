//! The driver over the controller in software.

mod erasing;
mod faults;
mod opening;
mod pairs;
mod requests;
mod rig;
mod suite;
