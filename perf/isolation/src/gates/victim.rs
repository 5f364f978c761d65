//! An application that reads 4 KiB at depth 1 and 4, alone and beside 128 KiB and 4 KiB writers at depth 128.

use std::slice;

use sluice_node_api::v1::AppQos;

use super::FLOOD;
use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome, Picture};
use crate::load::{Run, Tail, Volume, Work};
use crate::node::Node;

/// Most times longer than alone.
const P99: Limit = Limit::AtMost(1.3);
const P99_9: Limit = Limit::AtMost(2.0);

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut node = lab.node()?;
    // Enough for depth 4 at a flash drive's latency, so that Min pays for every read.
    let min_iops = node.api.guaranteed_iops()? / 2;
    let volumes = ["victim", "bulk", "storm"].map(|app| node.own(app));
    let [victim, bulk, storm] = volumes;
    let (victim, antagonists) = (victim?, [bulk?, storm?]);
    node.api.set("victim", AppQos { min_iops, low_latency: true, ..AppQos::default() })?;
    let mut outcome = Outcome::default();
    for _ in 0..lab.repetitions {
        let mut round = Outcome::default();
        for depth in [1, 4] {
            pair(lab, &mut node, &victim, &antagonists, depth, &mut round)?;
        }
        outcome.repeat(round);
    }
    Ok(outcome)
}

/// Alone, then not.
fn pair(
    lab: &Lab,
    node: &mut Node,
    victim: &Volume,
    antagonists: &[Volume; 2],
    depth: u16,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let reads = Work::random(100, 4, depth).on(victim);
    let [bulk, storm] = antagonists;
    let (bulk, storm) = (Work::random(0, 128, FLOOD).on(bulk), Work::random(0, 4, FLOOD).on(storm));
    let alone = Run::of(node, slice::from_ref(&reads), lab.view(100))?;
    let beside = Run::of(node, &[reads, bulk, storm], lab.view(100))?;
    let tails = [&alone, &beside].map(|run| [Tail::of(&run.at_node), Tail::of_reads(run.job(&victim.name))]);
    for (place, side) in ["node", "host"].iter().enumerate() {
        let [alone, beside] = tails.map(|tails| tails[place]);
        outcome.notes.push(format!(
            "depth {depth} at the {side}, p50 / p99 / p99.9: {alone} alone, {beside} beside the writers"
        ));
        let name = |what| format!("victim at depth {depth}, {what} at the {side}, of alone");
        outcome.figures.push(Figure::new(name("p99"), "x", P99, beside.p99_us / alone.p99_us));
        outcome.figures.push(Figure::new(name("p99.9"), "x", P99_9, beside.p999_us / alone.p999_us));
    }
    outcome.waited = outcome.waited.max(alone.waited).max(beside.waited);
    if outcome.pictures.is_empty() {
        let picture = Picture::new(format!("A victim at depth {depth} beside writers at depth 128"));
        let picture =
            ["victim", "bulk", "storm"].iter().fold(picture, |p, app| p.with(*app, beside.curve(app)));
        outcome.pictures.push(picture);
    }
    Ok(())
}
