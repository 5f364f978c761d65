//! One chart: a title, a frame with a grid and labels, and lines.

use crate::plot::axis::Axis;
use crate::plot::svg::{Align, Svg};

/// One line of a chart.
pub(crate) struct Line {
    pub(crate) colour: &'static str,
    pub(crate) dashed: bool,
    /// In the units of the axes, from left to right.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A chart.
pub(crate) struct Panel {
    pub(crate) title: String,
    /// Left, top, right, bottom of the plotting area.
    pub(crate) frame: [f64; 4],
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
}

impl Panel {
    fn x_at(&self, place: f64) -> f64 {
        let [left, _, right, _] = self.frame;
        left + place * (right - left)
    }

    fn y_at(&self, place: f64) -> f64 {
        let [_, top, _, bottom] = self.frame;
        bottom - place * (bottom - top)
    }

    /// Draws everything.
    pub(crate) fn draw(&self, svg: &mut Svg) {
        let [left, top, _, _] = self.frame;
        svg.text(left, top - 14.0, "panel", Align::Left, &self.title);
        self.grid(svg);
        svg.frame(self.frame);
        for line in &self.lines {
            let place = |&(x, y): &(f64, f64)| (self.x_at(self.x.place(x)), self.y_at(self.y.place(y)));
            let points: Vec<(f64, f64)> = line.points.iter().map(place).collect();
            svg.polyline(&points, line.colour, line.dashed);
        }
    }

    fn grid(&self, svg: &mut Svg) {
        let [left, top, right, bottom] = self.frame;
        for tick in &self.x.ticks {
            let x = self.x_at(tick.at);
            svg.grid(x, top, x, bottom);
            svg.text(x, bottom + 18.0, "tick", Align::Middle, &tick.label);
        }
        for tick in &self.y.ticks {
            let y = self.y_at(tick.at);
            svg.grid(left, y, right, y);
            svg.text(left - 8.0, y + 4.0, "tick", Align::Right, &tick.label);
        }
    }
}
