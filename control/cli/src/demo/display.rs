//! What is seen while the load runs: on a terminal a table that is redrawn, elsewhere a line every few seconds.

use std::io;
use std::time::Duration;

use sluice_node_api::Size;
use sluice_perf::stats::{Counters, Rates};

use super::apps::{APPS, App};
use crate::draw::Trace;
use crate::live::Live;
use crate::units;
use crate::view::{latency, table};

/// Away from a terminal, every so many samples make a line.
const LINE_EVERY: u32 = 4;

/// What both applications do at a moment; in the order of [`APPS`].
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// Since the load began.
    pub(super) elapsed: Duration,
    /// What goes on, for people.
    pub(super) phase: &'static str,
    pub(super) apps: Vec<AppSample>,
}

/// What one application does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct AppSample {
    /// Since the last sample.
    pub(super) rates: Rates,
    /// Since the load began.
    pub(super) counters: Counters,
}

/// An application's figures at the last samples.
#[derive(Clone, Debug, Default)]
struct History {
    iops: Trace,
    p99: Trace,
}

/// The display and what it remembers.
pub(super) struct Display {
    live: Live,
    history: Vec<History>,
    samples: u32,
}

impl Display {
    /// On stderr: stdout is for the result.
    pub(super) fn new() -> Display {
        Display { live: Live::stderr(), history: vec![History::default(); APPS.len()], samples: 0 }
    }

    /// Shows a sample.
    pub(super) fn show(&mut self, sample: &Sample) -> io::Result<()> {
        for (app, history) in sample.apps.iter().zip(&mut self.history) {
            history.iops.push(whole(app.rates.iops));
            history.p99.push(app.rates.p99_ns);
        }
        self.samples += 1;
        if self.live.is_terminal() {
            self.live.draw(&frame(sample, &self.history))
        } else if self.samples % LINE_EVERY == 1 {
            self.live.draw(&line(sample))
        } else {
            Ok(())
        }
    }
}

/// A rate as a whole number: it is shown with three digits.
pub(super) fn whole(rate: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and rates are finite"
    )]
    let whole = rate.round() as u64;
    whole
}

fn frame(sample: &Sample, history: &[History]) -> String {
    let headers =
        ["APP", ">IOPS", ">BANDWIDTH", ">P50", ">P99", ">VERIFIED", ">WRONG", "IOPS SO FAR", "P99 SO FAR"];
    let apps = sample.apps.iter().zip(&APPS).zip(history);
    let rows: Vec<_> = apps.map(|((sample, app), history)| row(app, sample, history)).collect();
    format!("{:>3} s  {}\n{}", sample.elapsed.as_secs(), sample.phase, table(&headers, rows))
}

fn row(app: &App, sample: &AppSample, history: &History) -> Vec<String> {
    let idle = sample.rates.iops == 0.0;
    let percentile = |ns: u64| latency(Some(ns).filter(|_| !idle));
    vec![
        app.name.to_owned(),
        units::count(whole(sample.rates.iops)),
        format!("{}/s", Size(whole(sample.rates.bytes_per_second)).rounded()),
        percentile(sample.rates.p50_ns),
        percentile(sample.rates.p99_ns),
        units::count(sample.counters.blocks_verified),
        sample.counters.blocks_wrong.to_string(),
        history.iops.to_string(),
        history.p99.to_string(),
    ]
}

fn line(sample: &Sample) -> String {
    let app = |(sample, app): (&AppSample, &App)| {
        format!(
            "{} {} IOPS, p99 {}, {} blocks verified",
            app.name,
            units::count(whole(sample.rates.iops)),
            units::duration(sample.rates.p99_ns),
            units::count(sample.counters.blocks_verified),
        )
    };
    let apps: Vec<String> = sample.apps.iter().zip(&APPS).map(app).collect();
    format!("{:>3} s  {}: {}\n", sample.elapsed.as_secs(), sample.phase, apps.join("; "))
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use sluice_perf::stats::{Counters, Rates};

    use super::{AppSample, History, Sample, frame, line, whole};

    fn sample() -> Sample {
        let rates = Rates {
            iops: 42_000.4,
            bytes_per_second: 4e6,
            p50_ns: 80_000,
            p99_ns: 250_000,
            ..Rates::default()
        };
        let counters = Counters { blocks_verified: 1_234_567, ..Counters::default() };
        let apps = vec![AppSample { rates, counters }, AppSample::default()];
        Sample { elapsed: Duration::from_millis(7_600), phase: "load", apps }
    }

    #[test]
    fn a_line_says_what_matters() {
        let expected = "  7 s  load: shop 42.0 K IOPS, p99 250 us, 1.23 M blocks verified; \
                        analytics 0 IOPS, p99 0 ns, 0 blocks verified\n";
        assert_eq!(line(&sample()), expected);
    }

    #[test]
    fn a_frame_is_a_table_with_sparklines() {
        let mut history = [History::default(), History::default()];
        [1, 2].into_iter().for_each(|value| history[0].iops.push(value));
        [8, 4].into_iter().for_each(|value| history[0].p99.push(value));
        let text = frame(&sample(), &history);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  7 s  load");
        assert!(lines[2].starts_with("shop       42.0 K  3.8 MiB/s  80.0 us  250 us    1.23 M"), "{text}");
        assert!(lines[2].contains("\u{2584}\u{2588}") && lines[2].ends_with("\u{2588}\u{2584}"), "{text}");
        assert!(lines[3].starts_with("analytics       0      0 B/s        -       -"), "{text}");
    }

    #[test]
    fn rates_become_whole() {
        assert_eq!(
            [whole(0.4), whole(0.5), whole(-1.0), whole(f64::NAN), whole(1e30)],
            [0, 1, 0, 0, u64::MAX]
        );
    }
}
