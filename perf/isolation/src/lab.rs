//! What gates measure with, and what they hand back.

use std::time::Duration;

use crate::curve::Curve;
use crate::figure::Figure;
use crate::load::View;
use crate::node::{Backing, Node, Setup};

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lab {
    pub backing: Backing,
    /// Of a flash drive: how many of its dies work at once.
    pub dies: u32,
    pub target_core: usize,
    pub load_core: usize,
    /// Measured time of one run.
    pub time: Duration,
    /// Repetitions of what is noisy.
    pub repetitions: usize,
    /// How often a run that was disturbed is made at most.
    pub tries: usize,
    /// Whether reactors never sleep.
    pub always_polls: bool,
}

impl Lab {
    /// A fresh node.
    pub(crate) fn node(&self) -> anyhow::Result<Node> {
        self.setup(true)
    }

    /// One that does not schedule.
    pub(crate) fn node_without_qos(&self) -> anyhow::Result<Node> {
        self.setup(false)
    }

    fn setup(&self, qos: bool) -> anyhow::Result<Node> {
        let Self { backing, dies, target_core: core, always_polls, .. } = *self;
        Node::start(Setup { backing, dies, core, qos, always_polls })
    }

    /// Looks every so often, for the measured time.
    pub(crate) fn view(&self, every_ms: u64) -> View {
        let Self { load_core: core, time, tries, .. } = *self;
        View { core, time, every: Duration::from_millis(every_ms), tries }
    }
}

/// One application's line in a picture.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub name: String,
    /// Seconds and I/O units per second.
    pub points: Vec<(f64, f64)>,
}

/// What was seen over time.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub title: String,
    pub traces: Vec<Trace>,
}

/// How long each point of a picture is.
const POINT_NS: u64 = 100_000_000;

impl Picture {
    /// Without lines yet.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), traces: Vec::new() }
    }

    /// With one more line. All curves of a picture begin together.
    pub(crate) fn with(mut self, name: impl Into<String>, curve: &Curve) -> Self {
        let points = curve.drawn(POINT_NS, curve.origin_ns().unwrap_or(0));
        self.traces.push(Trace { name: name.into(), points });
        self
    }
}

/// What came of a gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub figures: Vec<Figure>,
    pub pictures: Vec<Picture>,
    /// Largest part of the time that the reactor or the load waited for a core.
    pub waited: f64,
    /// What is to be said about it.
    pub notes: Vec<String>,
}

impl Outcome {
    /// Takes another repetition's figures beside its own. Pictures are the first one's.
    pub(crate) fn repeat(&mut self, other: Self) {
        if self.figures.is_empty() {
            *self = other;
            return;
        }
        for (figure, again) in self.figures.iter_mut().zip(other.figures) {
            figure.values.extend(again.values);
        }
        self.waited = self.waited.max(other.waited);
        self.notes.extend(other.notes);
    }
}
