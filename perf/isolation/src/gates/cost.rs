//! What the scheduler costs per I/O over a device that costs nothing: its own benchmark's figures.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::figure::{Figure, Limit};
use crate::lab::Outcome;
use crate::node::program;

/// Applications and nanoseconds.
const LIMITS: [(u32, f64); 3] = [(64, 20.0), (256, 50.0), (1024, 100.0)];
const PROGRAM: &str = "sluice-qos-cost";

pub(super) fn measure() -> anyhow::Result<Outcome> {
    let Ok(path) = program(PROGRAM) else {
        let note = Some(format!("cost: not measured, for {PROGRAM} is not built beside this program"));
        return Ok(Outcome { note, ..Outcome::default() });
    };
    let apps = LIMITS.map(|(apps, _)| apps.to_string()).join(",");
    let output = Command::new(path).args(["--apps", &apps]).output()?;
    ensure!(output.status.success(), "{PROGRAM}: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let mut figures = Vec::new();
    for (apps, limit) in LIMITS {
        let cost =
            dearest(&text, apps).with_context(|| format!("{PROGRAM} says nothing of {apps} applications"))?;
        let name = format!("cost per I/O with {apps} applications, dearest case");
        figures.push(Figure::new(name, "ns", Limit::AtMost(limit), cost));
    }
    Ok(Outcome { figures, ..Outcome::default() })
}

/// The greatest median of all cases; a line is `CASE APPS MEDIAN (MIN..MAX)`.
fn dearest(text: &str, apps: u32) -> Option<f64> {
    let cost = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let same = words.next()?.parse() == Ok(apps);
        words.next()?.parse::<f64>().ok().filter(|_| same)
    };
    text.lines().filter_map(cost).max_by(f64::total_cmp)
}

#[cfg(test)]
mod test {
    use super::dearest;

    #[test]
    fn the_dearest_case_counts() {
        let text = "case        apps     ns per I/O (min..max)\n\
                    direct        64      14.2 (13.9..15.0)\nbacklog       64      18.8 (17.0..20.1)\n\
                    direct       256      40.0 (39.0..41.0)\n";
        assert_eq!(
            (dearest(text, 64), dearest(text, 256), dearest(text, 1024)),
            (Some(18.8), Some(40.0), None)
        );
    }
}
