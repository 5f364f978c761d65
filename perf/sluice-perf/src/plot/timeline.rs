//! Any figures over time, one panel below the other on one page.

use crate::plot::axis::Axis;
use crate::plot::panel::{Line, Panel};
use crate::plot::svg::{Align, Svg};
use crate::plot::{GAP, LEGEND_LINE, LOWER_PANEL, MARGIN, WIDTH, colour};
use crate::units::show_count;

/// Height of the page's head.
const HEAD: f64 = 84.0;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Seconds, and rate per second.
    pub points: Vec<(f64, f64)>,
}

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Above it.
    pub title: String,
    /// Its lines.
    pub series: Vec<Series>,
}

/// Draws charts as one SVG page.
#[must_use]
pub fn timeline(title: &str, note: &str, charts: &[Chart]) -> String {
    let legends: usize = charts.iter().map(|chart| chart.series.len()).sum();
    let height = HEAD + charts.len() as f64 * (LOWER_PANEL + GAP) + legends as f64 * LEGEND_LINE;
    let mut svg = Svg::new(WIDTH, height);
    svg.text(MARGIN, 38.0, "title", Align::Left, title);
    svg.text(MARGIN, 60.0, "note", Align::Left, note);
    let mut top = HEAD + 24.0;
    for chart in charts {
        panel(chart, top).draw(&mut svg);
        top += LOWER_PANEL + 40.0;
        for (index, series) in chart.series.iter().enumerate() {
            svg.swatch(MARGIN, top - 4.0, colour(index));
            svg.text(MARGIN + 30.0, top, "legend", Align::Left, &series.name);
            top += LEGEND_LINE;
        }
        top += GAP - 40.0;
    }
    svg.finish()
}

fn panel(chart: &Chart, top: f64) -> Panel {
    let points = || chart.series.iter().flat_map(|series| &series.points);
    let longest = points().map(|point| point.0).fold(1.0, f64::max);
    let most = points().map(|point| point.1).fold(1.0, f64::max);
    let lines = chart.series.iter().enumerate().map(|(index, series)| Line {
        colour: colour(index),
        dashed: false,
        points: series.points.clone(),
    });
    Panel {
        title: chart.title.clone(),
        frame: [MARGIN, top, WIDTH - MARGIN, top + LOWER_PANEL],
        x: Axis::linear(longest, |s| format!("{s} s")),
        y: Axis::linear(most * 1.05, show_count),
        lines: lines.collect(),
    }
}

#[cfg(test)]
mod test {
    use super::{Chart, Series, timeline};

    #[test]
    fn draws_every_line_and_its_name() {
        let series = |name: &str| Series { name: name.to_owned(), points: vec![(0.0, 1.0), (1.0, 2.0)] };
        let charts = [
            Chart { title: "one".to_owned(), series: vec![series("a"), series("b<c")] },
            Chart { title: "two".to_owned(), series: vec![] },
        ];
        let svg = timeline("t", "n", &charts);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("b&lt;c") && svg.contains("two") && !svg.contains("NaN"));
    }
}
