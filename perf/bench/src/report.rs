//! Medians with spread, as a table, as JSON and as Markdown.

use std::fmt;
use std::fs;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};

use crate::case::Case;
use crate::node::Backing;
use crate::run::{Plan, Run};
use crate::spread::Spread;

/// A case's figures.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Row {
    device: String,
    case: String,
    iops: Spread,
    ratio: Spread,
    bare_iops: Spread,
    p50_us: Spread,
    p99_us: Spread,
    bare_p50_us: Spread,
    cpu_ns: Spread,
    syscalls: Spread,
    /// Of the most disturbed run.
    waited: f64,
    runs: Vec<Run>,
}

impl Row {
    /// Sums up runs.
    pub(crate) fn new(backing: Backing, case: &Case, runs: &[Run]) -> Self {
        let of = |get: fn(&Run) -> f64| Spread::of(runs.iter().map(get));
        Self {
            device: backing.to_string(),
            case: case.to_string(),
            iops: of(|run| run.iops),
            ratio: of(|run| run.ratio),
            bare_iops: of(|run| run.bare_iops),
            p50_us: of(|run| run.p50_us),
            p99_us: of(|run| run.p99_us),
            bare_p50_us: of(|run| run.bare_p50_us),
            cpu_ns: of(|run| run.cpu_ns),
            syscalls: of(|run| run.syscalls),
            waited: of(|run| run.waited).max,
            runs: runs.to_vec(),
        }
    }

    fn cells(&self) -> [String; 10] {
        let thousands = |spread: &Spread| format!("{:.1}", spread.median / 1e3);
        [
            self.device.clone(),
            self.case.clone(),
            thousands(&self.iops),
            format!("{:.1}..{:.1}", self.iops.min / 1e3, self.iops.max / 1e3),
            thousands(&self.bare_iops),
            format!("{:.2} ({:.2}..{:.2})", self.ratio.median, self.ratio.min, self.ratio.max),
            format!("{:.0} / {:.0}", self.p50_us.median, self.p99_us.median),
            format!("{:.0}", self.cpu_ns.median),
            format!("{:.3}", self.syscalls.median),
            format!("{:.0} %", self.waited * 100.0),
        ]
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cells().join("  "))
    }
}

const HEADER: [&str; 10] = [
    "device",
    "case",
    "K IOPS",
    "min..max",
    "bare K/s",
    "ratio (min..max)",
    "p50 / p99 us",
    "CPU ns/IO",
    "syscalls/IO",
    "waited",
];

/// All figures, and how they came about.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Report {
    machine: String,
    kernel: String,
    repetitions: usize,
    time_ms: u64,
    /// One for each device and case.
    pub rows: Vec<Row>,
}

impl Report {
    /// Without figures yet.
    pub(crate) fn new(plan: &Plan) -> Self {
        let (repetitions, time_ms) = (plan.repetitions, plan.time_ms);
        Self {
            machine: machine(),
            kernel: line("/proc/sys/kernel/osrelease"),
            repetitions,
            time_ms,
            rows: Vec::new(),
        }
    }

    /// For people.
    pub(crate) fn table(&self) -> Table {
        self.figures(presets::UTF8_FULL_CONDENSED)
    }

    fn figures(&self, preset: &str) -> Table {
        let mut table = Table::new();
        table.load_preset(preset).set_header(HEADER);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        table.column_iter_mut().skip(2).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        table
    }

    /// `NAME.json` and `NAME.md` in a folder.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join(format!("{name}.json")), serde_json::to_vec_pretty(self)?)?;
        Ok(fs::write(folder.join(format!("{name}.md")), self.markdown())?)
    }

    fn markdown(&self) -> String {
        let Self { machine, kernel, repetitions, time_ms, .. } = self;
        let about = format!(
            "# Speed\n\n{machine}, Linux {kernel}. Median of {repetitions} runs of {time_ms} ms, each after a run of \
             the same bytes over a bare socket. BENCHMARKS.md explains the columns.\n"
        );
        format!("{about}\n{}\n", self.figures(presets::ASCII_MARKDOWN))
    }
}

fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    format!("{}, {cores} cores", model.map_or("unknown", |(_, model)| model))
}

fn line(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
