//! Max never exceeded, by small I/Os and by long ones, with deep queues and nobody else around.

use super::{FLOOD, excess, max};
use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome, Picture};
use crate::load::{Run, Work};

const SMALL_IOPS: u32 = 5000;
const LONG_IOPS: u32 = 4000;
/// Units of a 128 KiB I/O.
const LONG_UNITS: f64 = 8.0;

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut node = lab.node()?;
    let (small, long) = (node.own("small")?, node.own("long")?);
    node.api.set("small", max(SMALL_IOPS))?;
    node.api.set("long", max(LONG_IOPS))?;
    let jobs = vec![Work::random(70, 4, FLOOD).on(&small), Work::random(50, 128, 32).on(&long)];
    let run = Run::of(&mut node, &jobs, lab.view(10))?;
    let apps = [("small", SMALL_IOPS, 1.0), ("long", LONG_IOPS, LONG_UNITS)];
    let beyond =
        apps.iter().map(|&(app, iops, units)| excess(run.curve(app), iops, units)).fold(0.0, f64::max);
    let per_second =
        |&(app, iops, _): &(&str, u32, f64)| 100.0 * run.curve(app).peak(1_000_000_000) / f64::from(iops);
    let most = apps.iter().map(per_second).fold(0.0, f64::max);
    let used = apps.iter().map(|(app, iops, _)| 100.0 * run.curve(app).rate() / f64::from(*iops));
    let title = format!("Max of {SMALL_IOPS} and {LONG_IOPS} IOPS");
    Ok(Outcome {
        figures: vec![
            Figure::new(
                "Max exceeded, beyond rate x t + burst in any span",
                "I/Os",
                Limit::AtMost(0.0),
                beyond,
            ),
            Figure::new("Max exceeded, most over any second, of Max", "%", Limit::AtMost(101.0), most),
            Figure::new(
                "Max reached, mean, worst application",
                "%",
                Limit::AtLeast(98.0),
                used.fold(f64::INFINITY, f64::min),
            ),
        ],
        pictures: vec![Picture::new(title).with("small", run.curve("small")).with("long", run.curve("long"))],
        waited: run.waited,
        notes: Vec::new(),
    })
}
