//! The few SVG elements a chart needs.

use std::fmt::Write;

/// Which end of a text stands at its coordinates.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    Left,
    Middle,
    Right,
}

/// A page being written. Coordinates are pixels from the upper left corner.
pub(crate) struct Svg {
    text: String,
}

const STYLE: &str = "text{font-family:'Inter','Helvetica Neue',Arial,'DejaVu Sans',sans-serif;fill:#20262d}\
.title{font-size:21px;font-weight:600}.note{font-size:12px;fill:#66707a}.legend{font-size:13px}\
.panel{font-size:14px;font-weight:600}.tick{font-size:11px;fill:#66707a}\
.grid{stroke:#e6e9ec;stroke-width:1}.frame{fill:none;stroke:#9aa4ad;stroke-width:1}\
polyline{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self { text: String::new() };
        svg.line(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\"><style>{STYLE}</style>\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
        ));
        svg
    }

    fn line(&mut self, element: &str) {
        self.text.push_str(element);
        self.text.push('\n');
    }

    pub(crate) fn finish(mut self) -> String {
        self.line("</svg>");
        self.text
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, class: &str, align: Align, text: &str) {
        let anchor = match align {
            Align::Left => "start",
            Align::Middle => "middle",
            Align::Right => "end",
        };
        self.line(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        ));
    }

    /// A short piece of line for the legend.
    pub(crate) fn swatch(&mut self, x: f64, y: f64, colour: &str) {
        let end = x + 20.0;
        self.line(&format!(
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{end:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" \
             stroke-width=\"4\" stroke-linecap=\"round\"/>"
        ));
    }

    pub(crate) fn grid(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.line(&format!(
            "<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    pub(crate) fn frame(&mut self, [left, top, right, bottom]: [f64; 4]) {
        let (width, height) = (right - left, bottom - top);
        self.line(&format!(
            "<rect class=\"frame\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        ));
    }

    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], colour: &str, dashed: bool) {
        let mut list = String::new();
        for (x, y) in points {
            write!(list, "{x:.1},{y:.1} ").expect("a string takes everything");
        }
        let dash = if dashed { " stroke-dasharray=\"7 5\"" } else { "" };
        self.line(&format!("<polyline points=\"{}\" stroke=\"{colour}\"{dash}/>", list.trim_end()));
    }
}
