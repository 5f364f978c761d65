//! The driver over the controller in software.

mod faults;
mod opening;
mod requests;
mod rig;
mod suite;
