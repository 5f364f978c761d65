//! A figure, and the bound it should keep.

use std::fmt;

/// What a figure must not pass.
#[derive(Clone, Copy, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// One line of the result.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Figure {
    /// On what it was measured.
    pub(crate) part: String,
    pub(crate) name: String,
    /// Of several, the median.
    pub(crate) value: f64,
    /// Of several, the smallest and the largest.
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) unit: &'static str,
    pub(crate) bound: Option<Bound>,
    /// Whether it keeps its bound, if it has one.
    pub(crate) kept: Option<bool>,
}

impl Figure {
    /// A single number.
    pub(crate) fn one(part: &str, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        let (part, name) = (part.to_owned(), name.into());
        Self { part, name, value, range: None, unit, bound: None, kept: None }
    }

    /// The median of several.
    pub(crate) fn median(
        part: &str,
        name: impl Into<String>,
        mut values: Vec<f64>,
        unit: &'static str,
    ) -> Self {
        values.sort_by(f64::total_cmp);
        let range = values.first().copied().zip(values.last().copied());
        let value = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
        Self { range, ..Self::one(part, name, value, unit) }
    }

    /// With the bound that it should keep.
    pub(crate) fn bounded(self, bound: Bound) -> Self {
        let kept = match bound {
            Bound::AtLeast(least) => self.value >= least,
            Bound::AtMost(most) => self.value <= most,
        };
        Self { bound: Some(bound), kept: Some(kept), ..self }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { part, name, value, range, unit, bound, kept } = self;
        write!(f, "{part:<7} {name:<58} {value:>11.2} {unit:<4}")?;
        if let Some((least, most)) = range {
            write!(f, " ({least:.2}..{most:.2})")?;
        }
        match bound {
            Some(Bound::AtLeast(least)) => write!(f, "  at least {least}: ")?,
            Some(Bound::AtMost(most)) => write!(f, "  at most {most}: ")?,
            None => return Ok(()),
        }
        f.write_str(if *kept == Some(true) { "kept" } else { "MISSED" })
    }
}
