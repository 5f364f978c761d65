//! What is shown, apart from how it came: each view serializes to the command's JSON and renders as a table.
//!
//! The JSON is a contract with scripts, so it is declared here and not taken from the protocol's messages: sizes and
//! times are integers with their unit in the name, states are words.

mod app;
mod check;
mod connection;
mod device;
mod drive;
mod host;
mod node;
mod pool;
mod snapshot;
mod stats;
mod top;
mod volume;

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

pub(crate) use app::{AppCards, AppView, QosView};
pub(crate) use check::CheckView;
pub(crate) use connection::ConnectionView;
pub(crate) use device::{DeviceView, EventView};
pub(crate) use drive::DriveView;
pub(crate) use host::{HostView, UndoneView};
pub(crate) use node::NodeView;
pub(crate) use pool::PoolView;
pub(crate) use snapshot::{ChangeView, SnapshotView};
pub(crate) use stats::{StatsView, VolumeStatsView, latency};
pub(crate) use top::{AppRates, SchedulerView, TopView};
pub(crate) use volume::{Deleted, Published, UsageView, VolumeView};

use crate::args::Output;

/// Something to show.
pub(crate) trait View: Serialize {
    /// For people; ends with a line feed unless empty.
    fn text(&self) -> String;
}

/// Shows a view on stdout.
pub(crate) fn show(output: Output, view: &impl View) -> io::Result<()> {
    match output {
        Output::Table => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(view.text().as_bytes())?;
            stdout.flush()
        }
        Output::Json => show_json(view),
    }
}

/// Shows something on stdout as one line of JSON.
pub(crate) fn show_json(view: &impl Serialize) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, view)?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// One line of a table.
pub(crate) trait Row: Serialize {
    /// Column heads; one that begins with `>` is aligned to the right.
    const HEADERS: &'static [&'static str];
    /// As many cells as heads.
    fn cells(&self) -> Vec<String>;
}

/// A list: a table for people, an array in JSON.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Rows<T>(pub(crate) Vec<T>);

impl<T: Row> View for Rows<T> {
    fn text(&self) -> String {
        table(T::HEADERS, self.0.iter().map(Row::cells))
    }
}

/// Aligned columns without lines.
pub(crate) fn table(headers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers.iter().map(|head| head.trim_start_matches('>')));
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        let right = headers.get(index).is_some_and(|head| head.starts_with('>'));
        column.set_padding((0, 2));
        column.set_cell_alignment(if right { CellAlignment::Right } else { CellAlignment::Left });
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Label and value, one pair per line.
pub(crate) fn card(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    pairs.iter().map(|(label, value)| format!("{label:width$}  {value}\n")).collect()
}

/// `yes` or `no`.
pub(crate) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod test {
    use super::{card, table};

    #[test]
    fn columns_are_aligned_as_their_heads_say() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["long".to_owned(), "1000".to_owned()]];
        assert_eq!(table(&["NAME", ">SIZE"], rows), "NAME  SIZE\na        1\nlong  1000\n");
        assert_eq!(table(&["NAME", ">SIZE"], []), "NAME  SIZE\n");
    }

    #[test]
    fn a_card_lines_up_its_values() {
        let pairs = [("name", "a".to_owned()), ("block size", "512".to_owned())];
        assert_eq!(card(&pairs), "name        a\nblock size  512\n");
    }
}
