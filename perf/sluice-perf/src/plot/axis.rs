//! Axes: from values to the unit interval, and where the labels stand.

/// A label at a place of the unit interval.
pub(crate) struct Tick {
    pub(crate) at: f64,
    /// Empty for a grid line without label.
    pub(crate) label: String,
}

/// A scale with its labels.
pub(crate) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    pub(crate) ticks: Vec<Tick>,
}

impl Axis {
    /// From 0 to `high` or a little more, labels at round values.
    pub(crate) fn linear(high: f64, show: fn(f64) -> String) -> Self {
        let step = round_step(high);
        let mut axis = Self { low: 0.0, high: high.max(step), logarithmic: false, ticks: vec![] };
        let values = (0..=20).map(|i| f64::from(i) * step).take_while(|&v| v <= axis.high * 1.0001);
        axis.ticks = values.map(|v| Tick { at: axis.place(v), label: show(v) }).collect();
        axis
    }

    /// Around all `values` (above 0), labels at 1, 2 and 5 times the powers of ten.
    pub(crate) fn logarithmic(values: impl Iterator<Item = f64>, show: fn(f64) -> String) -> Self {
        let (low, high) = values.fold((f64::INFINITY, 0.0), |(l, h), v| (f64::min(l, v), f64::max(h, v)));
        let (low, high) = if low <= high { (low / 1.15, high * 1.15) } else { (1_000.0, 1_000_000.0) };
        let mut axis = Self { low, high, logarithmic: true, ticks: vec![] };
        let decades = (high / low).log10();
        for exponent in 0..13 {
            for digit in [1.0, 2.0, 5.0] {
                let value = digit * 10_f64.powi(exponent);
                if value < low || value > high {
                    continue;
                }
                let labelled = digit == 1.0 || decades < 2.2;
                let label = if labelled { show(value) } else { String::new() };
                axis.ticks.push(Tick { at: axis.place(value), label });
            }
        }
        axis
    }

    /// Percentiles by their number of nines, up to `deepest` nines.
    pub(crate) fn nines(deepest: f64) -> Self {
        let mut axis = Self { low: 0.0, high: deepest, logarithmic: false, ticks: vec![] };
        let labels = [
            (0.0, "0 %"),
            (std::f64::consts::LOG10_2, "50 %"),
            (1.0, "90 %"),
            (2.0, "99 %"),
            (3.0, "99.9 %"),
            (4.0, "99.99 %"),
            (5.0, "99.999 %"),
            (6.0, "99.9999 %"),
            (7.0, "99.99999 %"),
            (8.0, "99.999999 %"),
        ];
        let inside = labels.iter().filter(|(nines, _)| *nines <= deepest);
        axis.ticks = inside.map(|(n, text)| Tick { at: axis.place(*n), label: (*text).to_owned() }).collect();
        axis
    }

    /// Where `value` stands, 0 at the low end and 1 at the high one; values outside are moved to the end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let at = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        at.clamp(0.0, 1.0)
    }
}

/// A step of 1, 2 or 5 times a power of ten that cuts `0..high` into at most six.
fn round_step(high: f64) -> f64 {
    let rough = (high / 6.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].iter().map(|m| m * power).find(|step| *step >= rough * 0.9999);
    step.unwrap_or(power * 10.0)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn linear_ticks_are_round() {
        let axis = Axis::linear(635_000.0, |v| v.to_string());
        let labels: Vec<&str> = axis.ticks.iter().map(|t| t.label.as_str()).collect();
        assert_eq!(labels, ["0", "200000", "400000", "600000"]);
        assert!((axis.place(317_500.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn logarithmic_axis_spans_its_values() {
        let axis = Axis::logarithmic([10.0, 100_000.0].into_iter(), |v| v.to_string());
        assert!(axis.place(10.0) > 0.0 && axis.place(100_000.0) < 1.0);
        assert!(
            axis.ticks.iter().any(|t| t.label == "1000") && axis.ticks.iter().any(|t| t.label.is_empty())
        );
        let empty = Axis::logarithmic(std::iter::empty(), |v| v.to_string());
        assert!(!empty.ticks.is_empty());
    }
}
