//! What is printed.

use std::fmt;

use serde::Serialize;

use crate::even::{Evenness, Figures, Spread};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) drives: u32,
    pub(crate) volumes: u32,
    pub(crate) seed: u64,
    pub(crate) rows: Vec<Row>,
}

/// One case.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    /// On a core, for all volumes; median of the runs.
    pub(crate) cpu_ms: f64,
    /// By the clock, in the same run.
    pub(crate) wall_ms: f64,
    pub(crate) cpu_us_per_volume: f64,
    /// For one explanation of every drive.
    pub(crate) explain_ms: f64,
    /// Volumes that had no place.
    pub(crate) refused: u32,
    pub(crate) even: Evenness,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} volumes on {} drives, seed {}", self.volumes, self.drives, self.seed)?;
        writeln!(
            f,
            "{:<10} {:>8} {:>8} {:>11} {:>11} {:>8}",
            "case", "CPU ms", "wall ms", "us/volume", "explain ms", "refused"
        )?;
        for row in &self.rows {
            let Row { case, cpu_ms, wall_ms, cpu_us_per_volume, explain_ms, refused, .. } = row;
            writeln!(
                f,
                "{case:<10} {cpu_ms:>8.0} {wall_ms:>8.0} {cpu_us_per_volume:>11.1} {explain_ms:>11.2} {refused:>8}"
            )?;
        }
        writeln!(
            f,
            "\n{:<10} {:<6} {:^26} {:^26}",
            "min / median / max", "", "sizes, % of the limit", "Min IOPS, % of guaranteed"
        )?;
        for row in &self.rows {
            let Evenness { drives, nodes, zones } = row.even;
            for (of, Figures { capacity, iops }) in [("drive", drives), ("node", nodes), ("zone", zones)] {
                writeln!(f, "{:<10} {of:<6} {capacity:>26} {iops:>26}", row.case)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { min_percent, median_percent, max_percent } = self;
        f.pad(&format!("{min_percent:.2} / {median_percent:.2} / {max_percent:.2}"))
    }
}
