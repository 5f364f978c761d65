//! What is wrong with a specification, and what to do about it.

use super::{MAX_CREDIT_UNITS, MAX_IOPS, MAX_LABEL_BYTES, MAX_LABELS, MAX_WEIGHT, MIN_OF_MAX_IOPS};

/// A specification that contradicts itself or is out of range on any device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// The application's name is no DNS label.
    #[error(
        "application name {name:?}: use 1 to 63 lower-case letters, digits and hyphens, no hyphen at the ends"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// Too many labels.
    #[error("{count} labels: give at most {MAX_LABELS}")]
    TooManyLabels {
        /// How many were given.
        count: usize,
    },
    /// A label's key or value is malformed.
    #[error(
        "label {key:?}={value:?}: use letters, digits and -_./ only, at most {MAX_LABEL_BYTES} each, the key not empty"
    )]
    Label {
        /// The key given.
        key: String,
        /// The value given.
        value: String,
    },
    /// A weight out of range.
    #[error("weight {weight}: give 1 to {MAX_WEIGHT}")]
    Weight {
        /// What was given.
        weight: u16,
    },
    /// A rate above all devices.
    #[error("{iops} IOPS: give at most {MAX_IOPS}, or no limit at all")]
    TooManyIops {
        /// What was given.
        iops: u32,
    },
    /// A Max so low that a host's queue would time out behind it.
    #[error(
        "Max of {max_iops} IOPS: give at least {MIN_OF_MAX_IOPS}, lest a host's full queue times out behind it"
    )]
    MaxTooLow {
        /// What was given.
        max_iops: u32,
    },
    /// Min above Max.
    #[error("Min of {min_iops} IOPS above Max of {max_iops}: raise Max or lower Min")]
    MinAboveMax {
        /// The Min given.
        min_iops: u32,
        /// The Max given.
        max_iops: u32,
    },
    /// A burst without a Max to burst above.
    #[error("a burst needs a Max to go beyond: give max_iops, or leave the burst out")]
    BurstWithoutMax,
    /// A burst that is none.
    #[error("burst of {burst_iops} IOPS is not above Max of {max_iops}: raise it, or leave the burst out")]
    BurstBelowMax {
        /// The burst's ceiling.
        burst_iops: u32,
        /// The Max given.
        max_iops: u32,
    },
    /// A burst that lasts no time, or whose credits cannot be counted.
    #[error(
        "burst credit of {credit_s} s is {units} I/Os: give 1 s or more, and at most {MAX_CREDIT_UNITS} I/Os"
    )]
    BurstCredit {
        /// How long the burst was to last.
        credit_s: u32,
        /// The I/Os above Max in that time.
        units: u64,
    },
    /// A bandwidth limit that would hold one large I/O for seconds, or above all devices.
    #[error("{bytes_per_s} bytes/s: give 1 MiB/s to 1 TiB/s, or no limit at all")]
    Bandwidth {
        /// What was given.
        bytes_per_s: u64,
    },
    /// A latency class that nothing backs.
    #[error("the latency class speeds up guaranteed I/O only: give a min_iops too")]
    LatencyWithoutMin,
    /// A table whose entry is not a power of two, or out of range.
    #[error("{bytes} bytes per I/O unit: give a power of two from 4096 to 2147483648")]
    UnitBytes {
        /// What was given.
        bytes: u32,
    },
}
