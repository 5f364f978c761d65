//! Instructions in user space per I/O, counted by callgrind.
//!
//! Hardware counters are missing in most virtual machines; callgrind counts exactly, if slowly. Two runs with a
//! bounded number of I/Os differ in nothing but that number, so the difference is what I/Os cost: start, connecting
//! and idling cancel. The depth keeps the target saturated, which is the state that the figure is about.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::node::{Backing, Node, Polling};
use crate::programs::{self, Programs};
use crate::run::Cores;

const FEW: u32 = 20_000;
const MANY: u32 = 120_000;

/// Instructions of one I/O.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Instructions {
    /// The device.
    pub device: String,
    /// What was done, at depth 128 over one connection.
    pub io: &'static str,
    /// Per I/O, in user space.
    pub count: f64,
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, io, count } = self;
        write!(f, "{device}: {io}: {count:.0} instructions in user space per I/O")
    }
}

/// Counts a 4 KiB read and a 4 KiB write.
pub(crate) fn count(
    programs: &Programs,
    backing: Backing,
    cores: Cores,
) -> anyhow::Result<Vec<Instructions>> {
    ensure!(
        programs::exists("valgrind"),
        "valgrind is not installed, and nothing else counts instructions here"
    );
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=callgrind"]).arg(programs.path("sluiced"));
    let node = Node::start_by(programs, valgrind, backing, Polling::Never, cores.target_core)?;
    let kinds = [("read 4KiB", "100"), ("write 4KiB", "0")];
    let mut dump = 0;
    let mut counted = |(io, read_percent): (&'static str, &str)| {
        let mut cost = |ios: u32| -> anyhow::Result<f64> {
            drive(programs, &node, read_percent, ios, cores)?;
            dump += 1;
            take(&node, dump)
        };
        cost(FEW)?;
        let (few, many) = (cost(FEW)?, cost(MANY)?);
        Ok(Instructions { device: backing.to_string(), io, count: (many - few) / f64::from(MANY - FEW) })
    };
    kinds.into_iter().map(&mut counted).collect()
}

fn drive(programs: &Programs, node: &Node, read_percent: &str, ios: u32, cores: Cores) -> anyhow::Result<()> {
    let mut perf = programs.command("sluice-perf");
    perf.args(["run", "--quiet", "--json", "--threads", "1", "--cores", &cores.client_core.to_string()]);
    perf.args(["--address", &node.address, "--nqn", &node.nqn, "--queue-depth", "128"]);
    perf.args(["--read-percent", read_percent, "--count", &ios.to_string()]);
    programs::json(&mut perf).map(drop)
}

/// Lets callgrind write what was counted since the last time, and reads the sum.
fn take(node: &Node, dump: u32) -> anyhow::Result<f64> {
    let status = Command::new("callgrind_control").arg("--dump").arg(node.pid().to_string()).output()?;
    ensure!(status.status.success(), "callgrind_control: {}", String::from_utf8_lossy(&status.stderr));
    sum(&node.folder(), dump)
}

/// One file per dump, and per thread where threads are kept apart.
fn sum(folder: &Path, dump: u32) -> anyhow::Result<f64> {
    let path = folder.join(format!("callgrind.{dump}"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    totals(&text).with_context(|| format!("{} has no totals", path.display()))
}

fn totals(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod test {
    use super::totals;

    #[test]
    fn totals_are_found() {
        assert_eq!(totals("events: Ir\nfn=(1)\n1 2\ntotals: 1234\n"), Some(1234.0));
        assert_eq!(totals("events: Ir\n"), None);
    }
}
