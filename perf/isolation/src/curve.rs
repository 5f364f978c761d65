//! What an application got over time, and what can be said about it: rates, excesses, delays. Pure.

/// A counter at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// On the device's own clock.
    pub at_ns: u64,
    /// I/O units sent to the device until then.
    pub units: u64,
}

/// Points in the order of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Curve(Vec<Point>);

impl Curve {
    /// Adds a point; one at the time of the last tells nothing new.
    pub(crate) fn push(&mut self, point: Point) {
        if self.0.last().is_none_or(|last| last.at_ns < point.at_ns) {
            self.0.push(point);
        }
    }

    /// Units per second from the first to the last point.
    pub(crate) fn rate(&self) -> f64 {
        self.0.first().zip(self.0.last()).map_or(0.0, |(first, last)| rate(*first, *last))
    }

    /// Rates over windows of `window_ns` or a little more, one after the other.
    pub(crate) fn rates(&self, window_ns: u64) -> Vec<f64> {
        let mut rates = Vec::new();
        let mut begin = self.0.first().copied();
        for &point in &self.0 {
            if let Some(from) = begin.filter(|from| point.at_ns - from.at_ns >= window_ns) {
                rates.push(rate(from, point));
                begin = Some(point);
            }
        }
        rates
    }

    /// The greatest rate over any span of `window_ns` or a little more.
    pub(crate) fn peak(&self, window_ns: u64) -> f64 {
        let mut end = 0;
        let mut peak: f64 = 0.0;
        for from in &self.0 {
            while end < self.0.len() && self.0[end].at_ns - from.at_ns < window_ns {
                end += 1;
            }
            peak = self.0.get(end).map_or(peak, |to| peak.max(rate(*from, *to)));
        }
        peak
    }

    /// The most units in any span `t` beyond `rate * t`.
    pub(crate) fn beyond(&self, per_s: f64) -> f64 {
        let mut lowest = f64::INFINITY;
        let mut most: f64 = 0.0;
        for point in &self.0 {
            let ahead = point.units as f64 - per_s * self.seconds(*point);
            lowest = lowest.min(ahead);
            most = most.max(ahead - lowest);
        }
        most
    }

    /// The longest time, in the first `horizon_ns` after its first I/O, by which it was behind one who gets `per_s`
    /// from the beginning: the latency of the service. `None`: it got nothing at all.
    pub(crate) fn behind_ms(&self, per_s: f64, horizon_ns: u64) -> Option<f64> {
        let idle = *self.0.first()?;
        let woken = self.0.iter().position(|point| point.units > idle.units)?;
        // It asked for its first I/O some time after this one.
        let from = self.0[woken.checked_sub(1)?];
        let after = self.0[woken..].iter().take_while(|point| point.at_ns - from.at_ns <= horizon_ns);
        let behind = |point: &Point| {
            let elapsed_ms = (point.at_ns - from.at_ns) as f64 / 1e6;
            elapsed_ms - (point.units - from.units) as f64 * 1e3 / per_s
        };
        Some(after.map(behind).fold(0.0, f64::max))
    }

    fn seconds(&self, point: Point) -> f64 {
        self.0.first().map_or(0.0, |first| (point.at_ns - first.at_ns) as f64 / 1e9)
    }

    /// Rates over windows, in the middle of each: seconds since `origin_ns` and units per second.
    pub(crate) fn drawn(&self, window_ns: u64, origin_ns: u64) -> Vec<(f64, f64)> {
        let mut drawn = Vec::new();
        let mut begin = self.0.first().copied();
        for &point in &self.0 {
            if let Some(from) = begin.filter(|from| point.at_ns - from.at_ns >= window_ns) {
                let middle_ns = u64::midpoint(from.at_ns, point.at_ns).saturating_sub(origin_ns);
                drawn.push((middle_ns as f64 / 1e9, rate(from, point)));
                begin = Some(point);
            }
        }
        drawn
    }

    /// When it begins.
    pub(crate) fn origin_ns(&self) -> Option<u64> {
        self.0.first().map(|point| point.at_ns)
    }
}

fn rate(from: Point, to: Point) -> f64 {
    if to.at_ns == from.at_ns {
        return 0.0;
    }
    (to.units - from.units) as f64 * 1e9 / (to.at_ns - from.at_ns) as f64
}

#[cfg(test)]
mod test {
    use super::{Curve, Point};

    const MS: u64 = 1_000_000;

    fn curve(points: &[(u64, u64)]) -> Curve {
        Curve(points.iter().map(|&(at_ms, units)| Point { at_ns: at_ms * MS, units }).collect())
    }

    #[test]
    fn rates_are_of_windows_and_the_peak_of_any_span() {
        // 1000 a second, but 300 in the 100 ms from 150 ms on.
        let steps: Vec<(u64, u64)> =
            (0..=10).map(|i| (i * 50, i * 50 + if i > 3 { 200 } else { 0 })).collect();
        let curve = curve(&steps);
        assert_eq!(curve.rates(100 * MS)[..3], [1000.0, 3000.0, 1000.0]);
        assert_eq!(curve.peak(100 * MS), 3000.0);
        assert_eq!(curve.peak(50 * MS), 5000.0);
        assert!((curve.rate() - 1400.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_beyond_an_envelope_is_found_in_any_span() {
        let steady = curve(&[(0, 0), (10, 10), (20, 20)]);
        assert_eq!(steady.beyond(1000.0), 0.0);
        let burst = curve(&[(0, 0), (10, 0), (20, 25), (30, 35)]);
        assert_eq!(burst.beyond(1000.0), 15.0);
    }

    #[test]
    fn delay_is_against_a_service_from_the_beginning() {
        // Woken between 10 and 11 ms, served at the full rate from 13 ms on.
        let woken = curve(&[(0, 7), (10, 7), (11, 8), (13, 8), (14, 9), (20, 15), (90, 15)]);
        let behind = woken.behind_ms(1000.0, 20 * MS).expect("it was served");
        assert!((behind - 2.0).abs() < 1e-9, "{behind}");
        assert!(curve(&[(0, 7), (10, 7)]).behind_ms(1000.0, 20 * MS).is_none());
    }
}
