//! The gates of the table, each with nodes of its own.

mod change;
mod cost;
mod crowd;
mod maximum;
mod minimum;
mod victim;
mod wake;
mod weights;
mod work;

use std::fmt;

use sluice_node_api::v1::AppQos;

use crate::lab::{Lab, Outcome};

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Gate {
    /// Min met, the sum of Mins at what is guaranteed, against 128 KiB and 4 KiB writers at depth 128.
    Min,
    /// Max never exceeded.
    Max,
    /// Shares by weight.
    Weights,
    /// Latency of reads at depth 1 and 4, with antagonists and without.
    Victim,
    /// Work conserved, with QoS against without.
    Work,
    /// An idle application's Min, and a burst's ceiling, are there at once.
    Wake,
    /// 100 volumes of one application beside another.
    Crowd,
    /// CPU time per I/O.
    Cost,
    /// A thousand applications' Min and Max changed under load.
    Change,
}

impl Gate {
    /// Measures.
    pub(crate) fn measure(self, lab: &Lab) -> anyhow::Result<Outcome> {
        match self {
            Self::Min => minimum::measure(lab),
            Self::Max => maximum::measure(lab),
            Self::Weights => weights::measure(lab),
            Self::Victim => victim::measure(lab),
            Self::Work => work::measure(lab),
            Self::Wake => wake::measure(lab),
            Self::Crowd => crowd::measure(lab),
            Self::Cost => cost::measure(),
            Self::Change => change::measure(lab),
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Weights => "weights",
            Self::Victim => "victim",
            Self::Work => "work",
            Self::Wake => "wake",
            Self::Crowd => "crowd",
            Self::Cost => "cost",
            Self::Change => "change",
        })
    }
}

/// Depth of the antagonists.
const FLOOD: u16 = 128;
/// How long a limit saves up: a documented part of its envelope.
const LIMIT_DEPTH_S: f64 = 0.005;

/// A Min.
fn min(iops: u32) -> AppQos {
    AppQos { min_iops: iops, ..AppQos::default() }
}

/// A Max.
fn max(iops: u32) -> AppQos {
    AppQos { max_iops: Some(iops), ..AppQos::default() }
}

/// How many units went beyond `rate * t + burst` in any span; an I/O may be longer than one unit.
fn excess(curve: &crate::curve::Curve, iops: u32, io_units: f64) -> f64 {
    let rate = f64::from(iops);
    (curve.beyond(rate) - rate * LIMIT_DEPTH_S - io_units).max(0.0)
}
