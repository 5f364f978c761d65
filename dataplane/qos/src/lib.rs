//! QoS per application on one device: scheduler, governor, admission.
//!
//! The target asks three things of a [`Scheduler`] on an I/O's way, all on the reactor that owns the device:
//!
//! ```text
//!   request ──enqueue──► Go: submit it now
//!                   └──► Held ─ ─ ─ ─► dispatch fills a batch, in the order that is due
//!   device completion ──complete──► the slot is free, the governor has learned
//! ```
//!
//! Between them it holds every I/O that waits, by volume and application. What it decides:
//!
//! 1. *Reserved* service first: applications that Min pays for, a millisecond of Min per turn.
//! 2. *Weighted* service with what is left: the application whose weighted cost so far is least.
//! 3. *Limits* always: Max, burst ceiling, bandwidth, volumes' own caps hold back both.
//!
//! That is mClock (Gulati, Merchant, Varman: OSDI 2010) with token buckets in place of reservation and limit tags.
//! docs/qos.md has the reasons, the bounds and the figures.
//!
//! Everything here is a value: no clock (`now` is a parameter and never goes back), no I/O, no floating point, and
//! once applications and volumes are there, no allocation.
//!
//! Invariants, for any span of time `t`:
//! - an application passes at most `Max * t + 5 ms of Max + one I/O`, and its burst credit and one I/O more;
//! - one with I/O queued throughout passes at least `Min * t - one visit's worth`, if the device keeps up the Mins;
//! - nothing waits longer than the hold limit and a round of the device, whatever the limits say;
//! - if there is room in the device and I/O that no limit holds back, some goes.
#![forbid(unsafe_code)]

mod admission;
mod calibrate;
mod event;
mod governor;
mod model;
mod scheduler;
mod stats;
mod structure;

pub use admission::{Admission, AdmissionError};
pub use calibrate::{Calibration, CalibrationIo, CalibrationStep};
pub use event::Event;
pub use governor::{DeviceProfile, GovernorView, ProfileError};
pub use model::{
    App, AppSpec, Burst, Cost, CostTable, Kind, LatencyClass, MAX_CREDIT_UNITS, MAX_IOPS, MAX_LABEL_BYTES,
    MAX_LABELS, MAX_NAME_BYTES, MAX_WEIGHT, MIN_OF_MAX_IOPS, Qos, QosSpec, READ_4K, SpecError, UnitTable,
    VolumeQos, VolumeQosSpec, WriteFactor,
};
pub use scheduler::{
    AppIndex, AppView, Change, Config, ControlError, DeviceView, Io, Lease, Placement, Scheduler, Tag,
};
pub use sluice_device::Nanos;
pub use stats::{AppStats, Cause, Histogram};
