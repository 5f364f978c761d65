//! What a check found.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use sluice_volume::thin::{Affects, CheckReport, Complaint, Opening, Remedy, Summary};

use super::View;

/// A report, and the one after a repair.
pub(crate) struct CheckView<'r> {
    pub(crate) before: &'r CheckReport,
    pub(crate) after: Option<&'r CheckReport>,
}

impl View for CheckView<'_> {
    fn text(&self) -> String {
        let Some(after) = self.after else { return self.before.to_string() + verdict(self.before) };
        let found: String = self.before.complaints.iter().map(|one| format!("{one}\n")).collect();
        format!("{found}\nAfter the repair:\n{after}{}", verdict(after))
    }
}

fn verdict(report: &CheckReport) -> &'static str {
    if report.summary.pool.is_none() {
        return "There is no pool here that could be opened.\n";
    }
    match (report.complaints.is_empty(), report.is_whole(), report.is_repairable()) {
        (true, ..) => "The pool is whole.\n",
        (_, true, _) => "The pool is whole: what was found, opening it mends.\n",
        (_, _, true) => "No block of any volume is lost: `--repair` puts it right.\n",
        _ => "Volumes may have lost blocks: nothing was changed.\n",
    }
}

impl Serialize for CheckView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("check", 2)?;
        view.serialize_field("found", &Report::from(self.before))?;
        view.serialize_field("repaired", &self.after.map(Report::from))?;
        view.end()
    }
}

#[derive(Serialize)]
struct Report<'r> {
    pool: Option<String>,
    generation: u64,
    whole: bool,
    opens: bool,
    repairable: bool,
    volumes: usize,
    snapshots: usize,
    applications: usize,
    nodes: usize,
    chunks: u32,
    data_chunks: u32,
    metadata_chunks: u32,
    free_chunks: u32,
    journal_blocks: u64,
    records: usize,
    unfinished_writes: usize,
    findings: Vec<Finding<'r>>,
}

impl<'r> From<&'r CheckReport> for Report<'r> {
    fn from(report: &'r CheckReport) -> Self {
        let summary @ Summary { generation, volumes, snapshots, apps, nodes, chunks, .. } = report.summary;
        let Summary { data_chunks, metadata_chunks, journal_blocks, records, refuted, .. } = summary;
        Self {
            pool: summary.pool.map(|pool| pool.to_string()),
            generation,
            whole: report.is_whole(),
            opens: report.opens(),
            repairable: report.is_repairable(),
            volumes,
            snapshots,
            applications: apps,
            nodes,
            chunks,
            data_chunks,
            metadata_chunks,
            free_chunks: summary.free_chunks(),
            journal_blocks,
            records,
            unfinished_writes: refuted,
            findings: report.complaints.iter().map(Finding::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct Finding<'r> {
    structure: String,
    /// In blocks of 4096 bytes.
    block: Option<u64>,
    fault: String,
    /// Whose data depend on it, as far as their names are known.
    volumes: Vec<&'r str>,
    opening: &'static str,
    remedy: &'static str,
    text: String,
}

impl<'r> From<&'r Complaint> for Finding<'r> {
    fn from(complaint: &'r Complaint) -> Self {
        let volumes = match &complaint.affects {
            Affects::Volumes(volumes) => volumes.iter().map(|volume| volume.name.as_str()).collect(),
            Affects::Nobody | Affects::Unnamed(_) | Affects::Pool => Vec::new(),
        };
        Self {
            structure: complaint.structure.to_string(),
            block: complaint.block,
            fault: complaint.fault.to_string(),
            volumes,
            opening: match complaint.opening {
                Opening::Mends => "mends",
                Opening::Overlooks => "overlooks",
                Opening::Refuses => "refuses",
            },
            remedy: match complaint.remedy() {
                Remedy::Opening => "opening",
                Remedy::Repair { .. } => "repair",
                Remedy::Backup => "backup",
            },
            text: complaint.to_string(),
        }
    }
}
