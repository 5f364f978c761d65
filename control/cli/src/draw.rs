//! Small pictures in text: sparklines and histograms.

use std::collections::VecDeque;
use std::fmt;

use sluice_node_api::v1::LatencyHistogram;

use crate::units;

/// Block elements from an eighth to the full height, or width.
const RISING: [char; 8] =
    ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
const BAR: char = '\u{2588}';
/// Rows of a drawn histogram; more of its buckets share a row.
const MOST_ROWS: usize = 12;
/// Values a trace reaches back.
const REACH: usize = 30;
/// Characters of the longest bar.
const BAR_WIDTH: u64 = 40;

/// One character per value, scaled to the greatest; a blank stands for 0.
fn sparkline(values: impl IntoIterator<Item = u64> + Clone) -> String {
    let greatest = values.clone().into_iter().max().unwrap_or(0).max(1);
    let mark = |value: u64| match value {
        0 => ' ',
        _ => {
            let eighths = (u128::from(value) * 8).div_ceil(u128::from(greatest));
            usize::try_from(eighths - 1).ok().and_then(|index| RISING.get(index)).copied().unwrap_or(BAR)
        }
    };
    values.into_iter().map(mark).collect()
}

/// The last values of something, oldest first; shown as a sparkline.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(VecDeque<u64>);

impl Trace {
    /// Adds a value; the oldest goes once there are [`REACH`].
    pub(crate) fn push(&mut self, value: u64) {
        if self.0.len() == REACH {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sparkline(self.0.iter().copied()))
    }
}

/// A latency histogram, one line per row of powers of two of latency, fewer if neighbours must share:
/// bound, count, bar.
pub(crate) fn histogram(latency: &LatencyHistogram) -> String {
    let rows = rows(latency);
    let greatest = rows.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let line = |(bound, count): &(u64, u64)| {
        let width = (u128::from(*count) * u128::from(BAR_WIDTH)).div_ceil(u128::from(greatest.max(1)));
        let bar: String = (0..width).map(|_| BAR).collect();
        format!("  <= {:>8} {:>8}  {bar}\n", units::duration(*bound), units::count(*count))
    };
    rows.iter().map(line).collect()
}

/// Buckets joined so that each row spans a power of two of nanoseconds, or several if there would be too many.
fn rows(latency: &LatencyHistogram) -> Vec<(u64, u64)> {
    for octaves in 1..=u64::BITS {
        let mut rows: Vec<(u32, u64, u64)> = Vec::new();
        for (bound, count) in latency.buckets() {
            let octave = bound.checked_ilog2().unwrap_or(0) / octaves;
            match rows.last_mut() {
                Some(last) if last.0 == octave => (last.1, last.2) = (bound, last.2.saturating_add(count)),
                _ => rows.push((octave, bound, count)),
            }
        }
        if rows.len() <= MOST_ROWS {
            return rows.into_iter().map(|(_, bound, count)| (bound, count)).collect();
        }
    }
    Vec::new()
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::LatencyHistogram;

    use super::{MOST_ROWS, REACH, Trace, histogram, rows, sparkline};

    #[test]
    fn a_sparkline_reaches_from_blank_to_full() {
        assert_eq!(sparkline([0, 1, 50, 100]), " \u{2581}\u{2584}\u{2588}");
        assert_eq!(sparkline([0, 0]), "  ");
        assert_eq!(sparkline([]), "");
        assert_eq!(sparkline([u64::MAX, 1]), "\u{2588}\u{2581}");
    }

    #[test]
    fn a_trace_is_bounded() {
        let mut trace = Trace::default();
        (0..100).for_each(|value| trace.push(value));
        assert_eq!((trace.0.len(), trace.0.front()), (REACH, Some(&70)));
        assert_eq!(trace.to_string().chars().count(), REACH);
    }

    #[test]
    fn a_histogram_shows_bounds_counts_and_bars() {
        let latency = LatencyHistogram::from_buckets([(9_000, 10), (12_000, 40), (70_000, 1)]);
        let bar = "\u{2588}".repeat(40);
        let expected = format!("  <=  12.0 us       50  {bar}\n  <=  70.0 us        1  {}\n", "\u{2588}");
        assert_eq!(histogram(&latency), expected);
        assert_eq!(histogram(&LatencyHistogram::default()), "");
    }

    #[test]
    fn rows_keep_every_count() {
        let latency = LatencyHistogram::from_buckets((0..40).map(|power| (1 << power, 3)));
        let rows = rows(&latency);
        assert!(rows.len() <= MOST_ROWS, "{rows:?}");
        assert_eq!(rows.iter().map(|(_, count)| count).sum::<u64>(), 120);
        assert_eq!(rows.last().map(|(bound, _)| *bound), Some(1 << 39));
    }
}
