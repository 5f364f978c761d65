//! An idle application wakes beside a flood: its Min is there at once, and so is the ceiling of its burst.

use std::thread;
use std::time::Duration;

use sluice_node_api::v1::AppQos;
use sluice_perf::spec::JobSpec;

use super::FLOOD;
use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome};
use crate::load::{Load, Volume, Watch, Work};
use crate::node::Node;
use crate::thread::Look;

/// How often to look.
const EVERY: Duration = Duration::from_micros(500);
/// How long it is looked at; less than its first I/Os need, so that what a slow host adds later does not count.
const HORIZON_NS: u64 = 15_000_000;
/// More than are served in that time.
const DEPTH: u16 = 256;
/// How long credit is saved before a burst.
const SAVING: Duration = Duration::from_millis(1200);
const AWAKE: Duration = Duration::from_millis(60);

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut node = lab.node()?;
    let min_iops = (node.api.guaranteed_iops()? / 4).min(8000);
    let burst_iops = min_iops + 4000;
    let [bulk, storm, sleeper, burster] = ["bulk", "storm", "sleeper", "burster"].map(|app| node.own(app));
    let flood = vec![Work::random(0, 128, FLOOD).on(&bulk?), Work::random(0, 4, FLOOD).on(&storm?)];
    let (sleeper, burster) = (sleeper?, burster?);
    node.api.set("sleeper", AppQos { min_iops, ..AppQos::default() })?;
    let burst = AppQos {
        max_iops: Some(2000),
        burst_iops: Some(burst_iops),
        burst_credit_s: 2,
        // What is left by weight must be enough for the ceiling: this is about the burst, not about the share.
        weight: 1000,
        ..AppQos::default()
    };
    node.api.set("burster", burst)?;
    let look = Look::begin(node.pid());
    let figure = |name: &str, most_ms| Figure {
        values: Vec::new(),
        ..Figure::new(name, "ms behind", Limit::AtMost(most_ms), f64::NAN)
    };
    let mut woken = figure("idle application with a Min wakes", 5.0);
    let mut reached = figure("burst reaches its ceiling", 10.0);
    for _ in 0..lab.repetitions.max(5) {
        let load = Load::start(flood.clone(), lab.load_core);
        thread::sleep(SAVING);
        woken.values.push(behind(lab, &node, &sleeper, min_iops)?);
        load.stop()?;
        reached.values.push(behind(lab, &node, &burster, burst_iops)?);
    }
    Ok(Outcome { figures: vec![woken, reached], waited: look.end(), ..Outcome::default() })
}

/// Wakes an application and sees how far behind its rate it is.
fn behind(lab: &Lab, node: &Node, volume: &Volume, iops: u32) -> anyhow::Result<f64> {
    let watch = Watch::start(node, &volume.name, EVERY)?;
    thread::sleep(Duration::from_millis(10));
    let job = JobSpec { warm_up: Duration::ZERO, ..Work::random(100, 4, DEPTH).on(volume) };
    let load = Load::start(vec![job], lab.load_core);
    thread::sleep(AWAKE);
    load.stop()?;
    let seen = watch.stop()?;
    Ok(seen.curve(&volume.app).behind_ms(f64::from(iops), HORIZON_NS).unwrap_or(f64::NAN))
}
