//! The workloads of the table.

use std::fmt;

/// Shares of reads and writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Reads 70, writes 30.
    Mixed,
}

impl Mix {
    /// As `sluice-perf --read-percent` takes it.
    pub(crate) fn read_percent(self) -> &'static str {
        match self {
            Self::Read => "100",
            Self::Write => "0",
            Self::Mixed => "70",
        }
    }

    /// As `sluice-socket-paths baseline --mix` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Mixed => "mixed",
        }
    }
}

/// One workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    /// Shares.
    pub mix: Mix,
    /// Size of an I/O.
    pub size_kib: u32,
    /// As `sluice-perf --pattern` takes it.
    pub pattern: &'static str,
    /// Outstanding I/Os per connection.
    pub depth: u16,
    /// Connections.
    pub connections: u16,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mix, size_kib, depth, connections, .. } = self;
        write!(f, "{} {size_kib}KiB depth {depth} x {connections}", mix.name())
    }
}

/// 4 KiB random read, write and 70:30 at depths 1, 32 and 128, and 128 KiB sequential read and write at depth 16, over
/// 1 and 8 connections.
pub(crate) fn all() -> Vec<Case> {
    let mut all = Vec::new();
    for connections in [1, 8] {
        for mix in [Mix::Read, Mix::Write, Mix::Mixed] {
            for depth in [1, 32, 128] {
                all.push(Case { mix, size_kib: 4, pattern: "random", depth, connections });
            }
        }
        for mix in [Mix::Read, Mix::Write] {
            all.push(Case { mix, size_kib: 128, pattern: "sequential", depth: 16, connections });
        }
    }
    all
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_table_is_complete_and_its_names_differ() {
        let mut names: Vec<_> = all().iter().map(Case::to_string).collect();
        assert_eq!(names.len(), 22);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 22);
    }
}
