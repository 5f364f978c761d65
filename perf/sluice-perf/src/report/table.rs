//! The report for people.

use std::fmt;

use comfy_table::{Cell, CellAlignment, ContentArrangement, presets::UTF8_FULL_CONDENSED};

use crate::report::{JobReport, OpReport, Outcome, Report};
use crate::units::{show_bandwidth, show_count, show_latency};

/// Prints a report as tables.
pub struct Table<'a>(pub &'a Report);

/// A table in the house style: the first two columns left, figures right.
pub(crate) fn table(header: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().map(Cell::new));
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", speed(self.0))?;
        if let Some(proof) = proof(self.0) {
            writeln!(f, "{proof}")?;
        }
        for job in &self.0.jobs {
            write_trouble(f, job)?;
        }
        write!(f, "{}", self.0.host)
    }
}

fn speed(report: &Report) -> comfy_table::Table {
    let mut table =
        table(&["job", "app", "op", "I/Os", "IOPS", "bandwidth", "mean", "p50", "p99", "p99.9", "max"]);
    for job in &report.jobs {
        for (op, figures) in [("read", &job.reads), ("write", &job.writes), ("clear", &job.clears)] {
            if figures.ios > 0 {
                table.add_row(speed_row(job, op, figures));
            }
        }
    }
    table
}

fn speed_row(job: &JobReport, op: &str, figures: &OpReport) -> Vec<String> {
    let latency = figures.latency.clone().unwrap_or_default();
    let mean = crate::num::floor(latency.mean_ns);
    let mut row = vec![
        job.name.clone(),
        job.app.clone(),
        op.to_owned(),
        figures.ios.to_string(),
        show_count(figures.iops),
        show_bandwidth(figures.bytes_per_second),
    ];
    let times = [mean, latency.p50_ns, latency.p99_ns, latency.p999_ns, latency.max_ns];
    row.extend(times.map(show_latency));
    row
}

/// The table of verification and reconnections; `None` if no job had either.
fn proof(report: &Report) -> Option<comfy_table::Table> {
    let mut table =
        table(&["job", "app", "blocks written", "cleared", "verified", "wrong", "disconnects", "reissued"]);
    for job in report.jobs.iter().filter(|job| job.settings.verify || job.settings.reconnect) {
        let c = &job.counters;
        let counts = [
            c.blocks_written,
            c.blocks_cleared,
            c.blocks_verified,
            c.blocks_wrong,
            c.disconnects,
            c.reissued,
        ];
        let names = [job.name.clone(), job.app.clone()];
        table.add_row(names.into_iter().chain(counts.map(|n| n.to_string())));
    }
    (!table.is_empty()).then_some(table)
}

fn write_trouble(f: &mut fmt::Formatter<'_>, job: &JobReport) -> fmt::Result {
    match &job.outcome {
        Outcome::Completed | Outcome::Stopped => {}
        Outcome::VerifyFailed => writeln!(f, "{}: VERIFICATION FAILED", job.name)?,
        Outcome::Failed(reason) => writeln!(f, "{}: FAILED: {reason}", job.name)?,
    }
    for wrong in &job.wrong_blocks {
        writeln!(f, "  {wrong}")?;
    }
    Ok(())
}
