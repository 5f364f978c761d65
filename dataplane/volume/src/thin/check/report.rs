//! The result of a check.

use std::fmt;

use uuid::Uuid;

use super::finding::{Complaint, Opening, Remedy};

/// A pool's figures, as opening it would find them; those of its last checkpoint if it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Which pool; none if no superblock is valid.
    pub pool: Option<Uuid>,
    /// Of the superblock that counts.
    pub generation: u64,
    /// Volumes, clones among them.
    pub volumes: usize,
    /// Snapshots.
    pub snapshots: usize,
    /// Applications with records.
    pub apps: usize,
    /// Nodes of all maps on the device.
    pub nodes: usize,
    /// Chunks that the device has.
    pub chunks: u32,
    /// Of them with blocks of volumes.
    pub data_chunks: u32,
    /// Of them with metadata, superblocks and journal.
    pub metadata_chunks: u32,
    /// Journal blocks behind the last checkpoint.
    pub journal_blocks: u64,
    /// Records in them that count.
    pub records: usize,
    /// Writes among these that were never finished: their data are not what the record says.
    pub refuted: usize,
}

impl Summary {
    /// Chunks that nothing is in.
    #[must_use]
    pub fn free_chunks(&self) -> u32 {
        self.chunks.saturating_sub(self.data_chunks).saturating_sub(self.metadata_chunks)
    }
}

/// What was found on a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// The figures.
    pub summary: Summary,
    /// All that is not as it must be, in the order of the layout.
    pub complaints: Vec<Complaint>,
}

impl CheckReport {
    /// Whether the pool would open.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.complaints.iter().all(|complaint| complaint.opening != Opening::Refuses)
    }

    /// Whether a repair would put everything right.
    #[must_use]
    pub fn is_repairable(&self) -> bool {
        self.complaints.iter().all(|complaint| complaint.remedy() != Remedy::Backup)
    }

    /// Whether the pool would open and be whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.complaints.iter().all(|complaint| complaint.opening == Opening::Mends)
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { volumes, snapshots, apps, nodes, .. } = self.summary;
        match self.summary.pool {
            Some(pool) => writeln!(f, "pool {pool}, generation {}", self.summary.generation)?,
            None => writeln!(f, "no pool")?,
        }
        writeln!(f, "{volumes} volumes, {snapshots} snapshots, {apps} applications, {nodes} nodes")?;
        let Summary { chunks, data_chunks, metadata_chunks, .. } = self.summary;
        let free = self.summary.free_chunks();
        writeln!(f, "{chunks} chunks: {data_chunks} data, {metadata_chunks} metadata, {free} free")?;
        let Summary { journal_blocks, records, refuted, .. } = self.summary;
        writeln!(
            f,
            "{journal_blocks} journal blocks to replay: {records} records, {refuted} of them unfinished"
        )?;
        self.complaints.iter().try_for_each(|complaint| writeln!(f, "{complaint}"))
    }
}
