//! `sluice-perf plot`: a result as one SVG page: latency by percentile, throughput and latency over time.
//!
//! The SVG is written by hand: three panels of lines need no library, and the text stays text. Each job has one
//! colour; in the percentile panel reads are solid and writes dashed, in the latency panel the median is solid and
//! the 99th percentile dashed.

mod axis;
mod panel;
mod svg;
mod timeline;

pub use timeline::{Chart, Series, timeline};

use crate::plot::axis::Axis;
use crate::plot::panel::{Line, Panel};
use crate::plot::svg::{Align, Svg};
use crate::report::{JobReport, Latency, Report};
use crate::stats::Rates;
use crate::units::{show_bandwidth, show_count, show_latency};

const WIDTH: f64 = 1180.0;
/// Height of the head above the panels, with one line per job below it.
const HEAD: f64 = 84.0;
const LEGEND_LINE: f64 = 20.0;
/// Left and right of the panels.
const MARGIN: f64 = 76.0;
const UPPER_PANEL: f64 = 300.0;
const LOWER_PANEL: f64 = 210.0;
/// Between panels: axis labels and the next title.
const GAP: f64 = 78.0;

/// Colours that stay apart for colour-blind readers (after Okabe and Ito), darkened for white paper.
const COLOURS: [&str; 8] =
    ["#0b6fb3", "#d1570c", "#0f8a66", "#a83f80", "#8a6d00", "#3aa0d8", "#5a4fcf", "#555555"];

/// Draws a report.
#[must_use]
pub fn render(report: &Report) -> String {
    let panels_top = HEAD + LEGEND_LINE * report.jobs.len() as f64 + 34.0;
    let over_time = report.jobs.iter().any(|job| job.series.len() > 1);
    let height = panels_top + UPPER_PANEL + if over_time { GAP + LOWER_PANEL } else { 0.0 } + 62.0;
    let mut svg = Svg::new(WIDTH, height);
    head(&mut svg, report);
    percentile_panel(report, panels_top).draw(&mut svg);
    if over_time {
        let top = panels_top + UPPER_PANEL + GAP;
        throughput_panel(report, top).draw(&mut svg);
        latency_panel(report, top).draw(&mut svg);
    }
    svg.finish()
}

fn head(svg: &mut Svg, report: &Report) {
    svg.text(MARGIN, 38.0, "title", Align::Left, "Latency and throughput");
    svg.text(MARGIN, 60.0, "note", Align::Left, &format!("{} on {}", report.tool, report.host));
    for (i, job) in report.jobs.iter().enumerate() {
        let y = HEAD + 8.0 + LEGEND_LINE * i as f64;
        svg.swatch(MARGIN, y - 4.0, colour(i));
        svg.text(MARGIN + 30.0, y, "legend", Align::Left, &legend(job));
    }
}

fn legend(job: &JobReport) -> String {
    let settings = &job.settings;
    let mix = match settings.read_percent {
        100 => "reads".to_owned(),
        0 => "writes".to_owned(),
        share => format!("{share} % reads"),
    };
    format!(
        "{} ({}): {} {mix}, {}, depth {} x {}: {} IOPS, {}, p50 {}, p99 {}, p99.9 {}",
        job.name,
        job.app,
        settings.pattern,
        settings.block_size,
        settings.queue_depth,
        settings.connections,
        show_count(job.rates.iops),
        show_bandwidth(job.rates.bytes_per_second),
        show_latency(job.rates.p50_ns),
        show_latency(job.rates.p99_ns),
        show_latency(job.rates.p999_ns),
    )
}

fn colour(job: usize) -> &'static str {
    COLOURS[job % COLOURS.len()]
}

/// How many nines a percentile has: 90 -> 1, 99 -> 2. This spreads the tail, where the news is.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).max(1e-12).log10()
}

fn percentile_panel(report: &Report, top: f64) -> Panel {
    let mut lines = Vec::new();
    for (i, job) in report.jobs.iter().enumerate() {
        for (op, dashed) in [(&job.reads, false), (&job.writes, true)] {
            if let Some(latency) = &op.latency {
                lines.push(Line { colour: colour(i), dashed, points: percentile_points(latency) });
            }
        }
    }
    let deepest = lines.iter().filter_map(|line| line.points.last()).map(|p| p.0).fold(2.0, f64::max);
    let y = Axis::logarithmic(lines.iter().flat_map(|line| line.points.iter().map(|p| p.1)), show_ns);
    Panel {
        title: "Latency by percentile (reads solid, writes dashed)".to_owned(),
        frame: [MARGIN, top, WIDTH - MARGIN, top + UPPER_PANEL],
        x: Axis::nines(deepest),
        y,
        lines,
    }
}

fn percentile_points(latency: &Latency) -> Vec<(f64, f64)> {
    let total = latency.distribution.last().map_or(1, |p| p.count.max(1)) as f64;
    // Beyond the last I/O there is nothing to draw: the longest one sits at one half I/O from the end.
    let end = nines(100.0 * (1.0 - 0.5 / total));
    let points = latency.distribution.iter();
    points.map(|p| (nines(p.percentile).min(end), p.latency_ns.max(1) as f64)).collect()
}

fn half(left: bool, top: f64) -> [f64; 4] {
    let middle = WIDTH / 2.0;
    let (from, to) = if left { (MARGIN, middle - 20.0) } else { (middle + 62.0, WIDTH - MARGIN) };
    [from, top, to, top + LOWER_PANEL]
}

/// One line of a figure per second, drawn at the middle of the second.
fn over_time(job: &JobReport, figure: fn(&Rates) -> f64) -> Vec<(f64, f64)> {
    job.series.iter().enumerate().map(|(second, rates)| (second as f64 + 0.5, figure(rates))).collect()
}

fn time_axis(report: &Report) -> Axis {
    let longest = report.jobs.iter().map(|job| job.series.len()).max().unwrap_or(1);
    Axis::linear(longest as f64, |s| format!("{s} s"))
}

fn throughput_panel(report: &Report, top: f64) -> Panel {
    let lines: Vec<Line> = (report.jobs.iter().enumerate())
        .map(|(i, job)| Line { colour: colour(i), dashed: false, points: over_time(job, |r| r.iops) })
        .collect();
    let most = lines.iter().flat_map(|line| line.points.iter().map(|p| p.1)).fold(1.0, f64::max);
    Panel {
        title: "I/Os per second".to_owned(),
        frame: half(true, top),
        x: time_axis(report),
        y: Axis::linear(most * 1.05, show_count),
        lines,
    }
}

fn latency_panel(report: &Report, top: f64) -> Panel {
    let mut lines = Vec::new();
    for (i, job) in report.jobs.iter().enumerate() {
        let median = over_time(job, |r| r.p50_ns.max(1) as f64);
        let tail = over_time(job, |r| r.p99_ns.max(1) as f64);
        lines.push(Line { colour: colour(i), dashed: false, points: median });
        lines.push(Line { colour: colour(i), dashed: true, points: tail });
    }
    let y = Axis::logarithmic(lines.iter().flat_map(|line| line.points.iter().map(|p| p.1)), show_ns);
    Panel {
        title: "Latency over time (median solid, 99th percentile dashed)".to_owned(),
        frame: half(false, top),
        x: time_axis(report),
        y,
        lines,
    }
}

fn show_ns(nanoseconds: f64) -> String {
    show_latency(crate::num::floor(nanoseconds + 0.5))
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::report::sample;

    #[test]
    fn draws_every_job_and_panel() {
        let mut report = sample(3);
        report.jobs[0].name = "a<b>&\"c\"".to_owned();
        let svg = render(&report);
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("a&lt;b&gt;&amp;&quot;c&quot;"));
        assert_eq!(svg.matches("<polyline").count(), 2 + 1 + 2, "two kinds, throughput, two percentiles");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn an_empty_result_draws_frames() {
        let mut report = sample(3);
        report.jobs.clear();
        let svg = render(&report);
        assert!(svg.contains("Latency by percentile") && !svg.contains("NaN"));
    }

    #[test]
    fn nines_count_nines() {
        for (percentile, expected) in [(0.0, 0.0), (90.0, 1.0), (99.0, 2.0), (99.9, 3.0)] {
            assert!((nines(percentile) - expected).abs() < 1e-9);
        }
        assert!(nines(100.0).is_finite());
    }
}
