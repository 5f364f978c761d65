//! What the scheduler costs per I/O over a device that costs nothing: its own benchmark's figures.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::figure::{Figure, Limit, number};
use crate::lab::Outcome;
use crate::node::program;

/// Applications and nanoseconds.
const LIMITS: [(u32, f64); 3] = [(64, 20.0), (256, 50.0), (1024, 100.0)];
const PROGRAM: &str = "sluice-qos-cost";
/// The benchmark's own loop, which is none of the scheduler's cost.
const LOOP: &str = "loop";
/// On a null device nothing waits.
const CASES: [(&str, &str); 2] = [("pass", ""), ("pass-limits", ", each with Min and Max")];
/// What the gates are not about.
const QUEUED: [&str; 3] = ["weights", "mins", "throttled"];

pub(super) fn measure() -> anyhow::Result<Outcome> {
    let Ok(path) = program(PROGRAM) else {
        let note = format!("not measured, for {PROGRAM} is not built beside this program");
        return Ok(Outcome { notes: vec![note], ..Outcome::default() });
    };
    let apps = LIMITS.map(|(apps, _)| apps.to_string()).join(",");
    let output = Command::new(path).args(["--apps", &apps]).output()?;
    ensure!(output.status.success(), "{PROGRAM}: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let mut outcome = Outcome::default();
    for (apps, limit) in LIMITS {
        let of =
            |case| median(&text, case, apps).with_context(|| format!("{PROGRAM} says nothing of {case}"));
        let around = of(LOOP)?;
        for (case, what) in CASES {
            let name = format!("cost per I/O on a null device, {apps} applications{what}");
            outcome.figures.push(Figure::new(name, "ns", Limit::AtMost(limit), of(case)? - around));
        }
        let queued = QUEUED.map(|case| of(case).map(|cost| number(cost - around)));
        let queued = queued.into_iter().collect::<anyhow::Result<Vec<String>>>()?.join(" / ");
        outcome
            .notes
            .push(format!("{apps} applications, all with I/O queued, {}: {queued} ns", QUEUED.join(" / ")));
    }
    Ok(outcome)
}

/// A case's median; a line is `CASE APPS MEDIAN (MIN..MAX)`.
fn median(text: &str, case: &str, apps: u32) -> Option<f64> {
    let cost = |line: &str| {
        let mut words = line.split_whitespace();
        let same = words.next()? == case && words.next()?.parse() == Ok(apps);
        words.next()?.parse::<f64>().ok().filter(|_| same)
    };
    text.lines().find_map(cost)
}

#[cfg(test)]
mod test {
    use super::median;

    #[test]
    fn a_cases_line_is_found() {
        let text = "case        apps     ns per I/O (min..max)\n\
                    pass          64      14.2 (13.9..15.0)\npass-limits   64      18.8 (17.0..20.1)\n\
                    pass         256      40.0 (39.0..41.0)\n";
        assert_eq!((median(text, "pass", 64), median(text, "pass-limits", 64)), (Some(14.2), Some(18.8)));
        assert_eq!((median(text, "pass", 256), median(text, "pass", 1024)), (Some(40.0), None));
    }
}
