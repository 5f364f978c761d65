//! A figure and how it is taken.

use std::fmt;
use std::time::Instant;

/// One line of the result.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub name: String,
    /// Its value: of several, the median.
    pub value: f64,
    /// Of several, the 99th percentile and the largest.
    pub tail: Option<(f64, f64)>,
    /// Of all numbers.
    pub unit: &'static str,
}

impl Figure {
    /// A single number.
    pub(crate) fn one(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, tail: None, unit }
    }

    /// The distribution of nanoseconds.
    pub(crate) fn distribution(name: impl Into<String>, mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
        Self { name: name.into(), value: at(50), tail: Some((at(99), at(100))), unit: "ns" }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, tail, unit } = self;
        write!(f, "{name:<52} {value:>12.1} {unit}")?;
        match tail {
            Some((p99, most)) => write!(f, "   p99 {p99:.0}, largest {most:.0}"),
            None => Ok(()),
        }
    }
}

/// Nanoseconds that `work` takes, and its result.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let result = work();
    (begun.elapsed().as_secs_f64() * 1e9, result)
}

/// Nanoseconds per call of `work` over `count` calls, told apart by their number.
pub(crate) fn per_call(count: u32, mut work: impl FnMut(u32)) -> f64 {
    timed(|| (0..count).for_each(&mut work)).0 / f64::from(count)
}

/// Bytes of memory that the process has.
pub(crate) fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or(f64::NAN) * 4096.0
}
