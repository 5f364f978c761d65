//! The live line: redrawn in place on a terminal, a line per ten seconds elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use crate::engine::{JobProgress, Phase, Progress};
use crate::units::{show_bandwidth, show_count, show_latency};

/// Away from a terminal, every so many calls make a line.
const LINE_EVERY: u32 = 10;
/// Back to the start of the line, and clear it.
const REWIND: &str = "\r\x1b[2K";

/// Shows progress on standard error.
pub(super) struct ProgressLine {
    quiet: bool,
    terminal: bool,
    calls: u32,
}

impl ProgressLine {
    pub(super) fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), calls: 0 }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        self.calls += 1;
        if self.quiet {
        } else if self.terminal {
            print(&format!("{REWIND}{}", line(progress)));
        } else if self.calls.is_multiple_of(LINE_EVERY) {
            print(&format!("{}\n", line(progress)));
        }
    }

    pub(super) fn clear(&self) {
        if !self.quiet && self.terminal {
            print(REWIND);
        }
    }
}

/// A progress line that cannot be shown is not worth the run.
fn print(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

fn line(progress: &Progress) -> String {
    let mut line = format!("{:>4} s", progress.elapsed.as_secs());
    for job in &progress.jobs {
        write_job(&mut line, job).expect("a string takes everything");
    }
    line
}

fn write_job(line: &mut String, job: &JobProgress) -> std::fmt::Result {
    let JobProgress { name, phase, rates, counters, .. } = job;
    write!(line, "  {name}: ")?;
    if *phase != Phase::Measuring {
        write!(line, "{}, ", phase.as_str())?;
    }
    let (iops, bandwidth) = (show_count(rates.iops), show_bandwidth(rates.bytes_per_second));
    let [p50, p99, p999] = [rates.p50_ns, rates.p99_ns, rates.p999_ns].map(show_latency);
    write!(line, "{iops} IOPS, {bandwidth}, p50 {p50}, p99 {p99}, p99.9 {p999}")?;
    if counters.blocks_verified > 0 {
        write!(line, ", {} verified", counters.blocks_verified)?;
    }
    if counters.blocks_wrong > 0 {
        write!(line, ", {} WRONG", counters.blocks_wrong)?;
    }
    Ok(())
}

#[cfg(test)]
mod test {
    use std::time::Duration;

    use super::*;
    use crate::stats::{Counters, Rates};

    #[test]
    fn a_line_has_what_matters() {
        let rates = Rates { iops: 1234.0, p50_ns: 20_000, p99_ns: 90_000, ..Rates::default() };
        let counters = Counters { blocks_verified: 7, blocks_wrong: 1, ..Counters::default() };
        let (name, app) = ("db".to_owned(), "db".to_owned());
        let job = JobProgress { name, app, phase: Phase::WarmingUp, rates, counters };
        let line = line(&Progress { elapsed: Duration::from_secs(3), jobs: vec![job] });
        assert!(line.starts_with("   3 s  db: warming up, "), "{line}");
        assert!(line.ends_with(", 7 verified, 1 WRONG"), "{line}");
    }
}
