//! The table and the pictures.

use std::fs;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use sluice_perf::plot::{Chart, Series, timeline};

use crate::figure::{Figure, number};
use crate::lab::{Outcome, Picture};

/// What is in the table.
const HEADER: [&str; 6] = ["figure", "value", "min..max", "limit", "", "waited"];
/// Block elements from an eighth to the full height.
const RISING: [char; 8] =
    ['\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];

/// For people.
pub(crate) fn table(outcomes: &[Outcome], preset: &str) -> Table {
    let mut table = Table::new();
    table.load_preset(preset).set_header(HEADER);
    for outcome in outcomes {
        for figure in &outcome.figures {
            table.add_row(row(figure, outcome.waited));
        }
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn row(figure: &Figure, waited: f64) -> [String; 6] {
    let unit = figure.unit;
    let spread = figure.spread().map(|(least, most)| format!("{}..{}", number(least), number(most)));
    [
        figure.name.clone(),
        format!("{} {unit}", number(figure.value())),
        spread.unwrap_or_default(),
        format!("{} {unit}", figure.limit),
        figure.word(waited).to_owned(),
        format!("{:.1} %", waited * 100.0),
    ]
}

/// One line for each application: its rate over time.
pub(crate) fn sparklines(pictures: &[Picture]) -> String {
    let mut text = String::new();
    for picture in pictures {
        text.push_str(&format!("\n{}\n", picture.title));
        for trace in &picture.traces {
            let rates: Vec<f64> = trace.points.iter().map(|point| point.1).collect();
            let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
            text.push_str(&format!("  {:<10} {} {mean:.0} a second\n", trace.name, sparkline(&rates)));
        }
    }
    text
}

fn sparkline(rates: &[f64]) -> String {
    let most = rates.iter().copied().fold(1.0, f64::max);
    let mark = |rate: &f64| {
        let reached = RISING.iter().zip(1_u8..).find(|(_, eighth)| *rate <= most * f64::from(*eighth) / 8.0);
        reached.map_or(RISING[7], |(mark, _)| *mark)
    };
    rates.iter().map(mark).collect()
}

/// `NAME.svg` and `NAME.md` in a folder.
pub(crate) fn write(outcomes: &[Outcome], folder: &Path, name: &str, about: &str) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let charts: Vec<Chart> = outcomes.iter().flat_map(|outcome| &outcome.pictures).map(chart).collect();
    fs::write(folder.join(format!("{name}.svg")), timeline("What each application got", about, &charts))?;
    let table = table(outcomes, presets::ASCII_MARKDOWN);
    let notes: String =
        outcomes.iter().flat_map(|outcome| &outcome.notes).map(|note| format!("\n- {note}")).collect();
    let page = format!("# Isolation\n\n{about}\n\n{table}\n{notes}\n");
    Ok(fs::write(folder.join(format!("{name}.md")), page)?)
}

fn chart(picture: &Picture) -> Chart {
    let series =
        picture.traces.iter().map(|trace| Series { name: trace.name.clone(), points: trace.points.clone() });
    Chart { title: picture.title.clone(), series: series.collect() }
}

#[cfg(test)]
mod test {
    use super::sparkline;

    #[test]
    fn a_sparkline_rises_to_the_most() {
        assert_eq!(sparkline(&[0.0, 50.0, 100.0]), "\u{2581}\u{2584}\u{2588}");
    }
}
