//! What an application is promised, and the two currencies in which I/O is counted.
//!
//! A `*Spec` is what somebody asked for; the checked type of the same name without `Spec` exists only if it can be
//! carried out. Whether a device can keep it is another question: [`Admission`](crate::Admission).

mod app;
mod cost;
mod error;
mod qos;
mod unit;
mod volume;

pub use app::{App, AppSpec, MAX_LABEL_BYTES, MAX_LABELS, MAX_NAME_BYTES};
pub use cost::{Cost, CostTable, READ_4K, WriteFactor};
pub use error::SpecError;
pub use qos::{Burst, LatencyClass, MAX_CREDIT_UNITS, MAX_IOPS, MAX_WEIGHT, MIN_OF_MAX_IOPS, Qos, QosSpec};
pub use unit::{Kind, UnitTable};
pub use volume::{VolumeQos, VolumeQosSpec};
