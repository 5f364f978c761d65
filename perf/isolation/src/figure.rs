//! A gate: a figure, its limit, and whether it holds.

use std::fmt;

use serde::Serialize;

use crate::thread::DISTURBED;

/// What a figure may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    /// The number alone.
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::AtLeast(limit) | Self::AtMost(limit) => limit,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if matches!(self, Self::AtLeast(_)) { ">=" } else { "<=" };
        write!(f, "{sign} {}", number(self.value()))
    }
}

/// A number with the digits that matter.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        whole if whole.fract() == 0.0 && whole < 1e6 => format!("{value:.0}"),
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// One figure, measured once or several times.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// What it is, in words.
    pub name: String,
    pub unit: &'static str,
    pub limit: Limit,
    /// One for each repetition; NaN was not measured.
    pub values: Vec<f64>,
}

impl Figure {
    /// A figure measured once.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, limit: Limit, value: f64) -> Self {
        Self { name: name.into(), unit, limit, values: vec![value] }
    }

    /// The middle of all repetitions; of an even number, the upper one. NaN if none could be measured.
    pub(crate) fn value(&self) -> f64 {
        let sorted = self.sorted();
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values: Vec<f64> = self.values.iter().copied().filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// Smallest and largest.
    pub(crate) fn spread(&self) -> Option<(f64, f64)> {
        let sorted = self.sorted();
        sorted.first().copied().zip(sorted.last().copied()).filter(|_| self.values.len() > 1)
    }

    /// Whether the middle is within the limit. What was not measured is not.
    pub(crate) fn passes(&self) -> bool {
        self.limit.holds(self.value())
    }
}

/// A figure as machines read it.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict<'a> {
    pub name: &'a str,
    pub value: f64,
    pub unit: &'a str,
    pub limit: f64,
    /// `at least` or `at most`.
    pub bound: &'static str,
    pub pass: bool,
    /// Each repetition.
    pub values: &'a [f64],
    /// Longest part of the time that the reactor or the load waited for a core.
    pub waited: f64,
    /// They waited for so long that a failure says little.
    pub disturbed: bool,
}

impl Figure {
    /// For people.
    pub(crate) fn word(&self, waited: f64) -> &'static str {
        match (self.passes(), waited > DISTURBED) {
            (true, _) => "pass",
            (false, false) => "FAIL",
            (false, true) => "FAIL, disturbed",
        }
    }

    /// For machines.
    pub(crate) fn verdict(&self, waited: f64) -> Verdict<'_> {
        let bound = if matches!(self.limit, Limit::AtLeast(_)) { "at least" } else { "at most" };
        Verdict {
            name: &self.name,
            value: self.value(),
            unit: self.unit,
            limit: self.limit.value(),
            bound,
            pass: self.passes(),
            values: &self.values,
            waited,
            disturbed: waited > DISTURBED,
        }
    }
}

#[cfg(test)]
mod test {
    use super::{Figure, Limit};

    #[test]
    fn the_middle_counts_and_what_was_not_measured_fails() {
        let mut figure = Figure::new("p99", "x", Limit::AtMost(1.3), 1.2);
        assert!(figure.passes() && figure.spread().is_none());
        figure.values.extend([9.0, f64::NAN, 1.3]);
        assert_eq!((figure.value(), figure.spread()), (1.3, Some((1.2, 9.0))));
        assert!(figure.passes());
        assert!(!Figure::new("p99", "x", Limit::AtMost(1.3), f64::NAN).passes());
        assert!(!Figure::new("share", "%", Limit::AtLeast(99.0), 98.9).passes());
    }
}
