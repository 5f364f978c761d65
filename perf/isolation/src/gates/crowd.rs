//! 100 volumes of one application scan, beside another application that reads: Max and isolation are the application's,
//! however many volumes it has.

use std::slice;

use sluice_node_api::v1::AppQos;
use sluice_perf::workload::Pattern;

use super::{excess, max};
use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome, Picture};
use crate::load::{Run, Tail, Work};

const VOLUMES: usize = 100;
/// Of all volumes together.
const MAX_IOPS: u32 = 20_000;
/// Units of a scan's I/O.
const SCAN_UNITS: f64 = 4.0;
const SCAN: Work = Work { read_percent: 100, size_kib: 64, depth: 4, pattern: Pattern::Sequential };

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut node = lab.node()?;
    let min_iops = node.api.guaranteed_iops()? / 2;
    let reader = node.own("reader")?;
    node.api.set("reader", AppQos { min_iops, low_latency: true, ..AppQos::default() })?;
    node.api.set("crowd", max(MAX_IOPS))?;
    let reads = Work::random(100, 4, 4).on(&reader);
    let mut jobs = vec![reads.clone()];
    for index in 0..VOLUMES {
        jobs.push(SCAN.on(&node.volume(&format!("crowd-{index}"), "crowd", 4)?));
    }
    let mut outcome = Outcome::default();
    for _ in 0..lab.repetitions {
        let alone = Run::of(&mut node, slice::from_ref(&reads), lab.view(100))?;
        let beside = Run::of(&mut node, &jobs, lab.view(20))?;
        let picture =
            Picture::new(format!("{VOLUMES} volumes of one application with a Max of {MAX_IOPS} IOPS"));
        outcome.repeat(Outcome {
            figures: figures(&alone, &beside),
            pictures: vec![
                picture.with("reader", beside.curve("reader")).with("crowd", beside.curve("crowd")),
            ],
            waited: alone.waited.max(beside.waited),
            notes: vec![format!(
                "p50 / p99 / p99.9 at the node: {} alone, {} beside the scans",
                Tail::of(&alone.at_node),
                Tail::of(&beside.at_node)
            )],
        });
    }
    Ok(outcome)
}

fn figures(alone: &Run, beside: &Run) -> Vec<Figure> {
    let (before, after) = (Tail::of(&alone.at_node), Tail::of(&beside.at_node));
    let crowd = beside.curve("crowd");
    let per_second = 100.0 * crowd.peak(1_000_000_000) / f64::from(MAX_IOPS);
    let name = |what| format!("{VOLUMES} volumes of another application scan, {what}");
    vec![
        Figure::new(name("p99 of alone"), "x", Limit::AtMost(1.3), after.p99_us / before.p99_us),
        Figure::new(name("p99.9 of alone"), "x", Limit::AtMost(2.0), after.p999_us / before.p999_us),
        Figure::new(name("beyond its Max"), "I/Os", Limit::AtMost(0.0), excess(crowd, MAX_IOPS, SCAN_UNITS)),
        Figure::new(name("most over any second, of Max"), "%", Limit::AtMost(101.0), per_second),
    ]
}
