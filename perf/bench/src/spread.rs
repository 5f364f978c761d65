//! Median with spread.

/// Median and extremes.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Spread {
    /// The middle; of an even number, the upper one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// Of figures; those that could not be measured (NaN) do not count, unless none could.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.into_iter().filter(|figure| !figure.is_nan()).collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { median: at(figures.len() / 2), min: at(0), max: at(figures.len().saturating_sub(1)) }
    }
}

#[cfg(test)]
mod test {
    use super::Spread;

    #[test]
    fn what_was_not_measured_does_not_count() {
        let Spread { median, min, max } = Spread::of([3.0, f64::NAN, 1.0, 2.0]);
        assert_eq!((median, min, max), (2.0, 1.0, 3.0));
        assert!(Spread::of([f64::NAN]).median.is_nan());
    }
}
