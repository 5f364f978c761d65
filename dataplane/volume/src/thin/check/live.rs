//! What the check of an open pool finds.

use std::fmt;

use super::fault::Fault;
use super::finding::{Affects, Structure};

/// Something on the device, or in memory, that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFinding {
    /// Which structure.
    pub structure: Structure,
    /// Where it is, in blocks of 4096 bytes from the device's start; none if it is in memory.
    pub block: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
    /// Whose data it is about.
    pub affects: Affects,
}

impl fmt::Display for LiveFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.structure)?;
        let advice = match self.block {
            Some(block) => {
                write!(f, " at block {block}")?;
                "the pool has it in memory: a check with repair writes it anew"
            }
            None => "stop the pool and check it offline",
        };
        write!(f, ": {}; {}; {advice}", self.fault, self.affects)
    }
}

/// What the check of an open pool has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveReport {
    /// Blocks of metadata and journal that were read and compared.
    pub blocks: u64,
    /// Of them, those that had been written anew meanwhile.
    pub superseded: u64,
    /// Nodes in memory that were looked at.
    pub nodes: u64,
    /// All that is not as it must be.
    pub findings: Vec<LiveFinding>,
    /// What was wrong on the device has been written anew, and that is durable.
    pub rewritten: bool,
}

impl LiveReport {
    /// Whether nothing is wrong, or not any more.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.findings.iter().all(|finding| self.rewritten && finding.block.is_some())
    }
}

impl fmt::Display for LiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blocks, superseded, nodes, .. } = self;
        writeln!(
            f,
            "{blocks} blocks read, {superseded} of them superseded meanwhile; {nodes} nodes in memory"
        )?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        if self.rewritten {
            writeln!(f, "What was wrong on the device has been written anew.")
        } else {
            Ok(())
        }
    }
}
