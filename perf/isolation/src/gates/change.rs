//! Min and Max of a thousand applications changed under load.

use std::thread;
use std::time::{Duration, Instant};

use sluice_node_api::v1::AppQos;

use super::excess;
use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome};
use crate::load::{Load, Watch, Work};
use crate::node::Node;
use crate::thread::Look;

/// All applications, less the system's.
const APPS: u32 = 1000;
/// Those that have load.
const BUSY: u32 = 8;
const BEFORE_IOPS: u32 = 4000;
const AFTER_IOPS: u32 = 1500;
/// By when a change is in force.
const IN_FORCE: Duration = Duration::from_millis(10);

fn name(index: u32) -> String {
    format!("app-{index}")
}

fn qos(max_iops: u32) -> AppQos {
    AppQos { min_iops: 10, max_iops: Some(max_iops), ..AppQos::default() }
}

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut node = lab.node()?;
    let mut jobs = Vec::new();
    for index in 0..BUSY {
        jobs.push(Work::random(70, 4, 32).on(&node.own(&name(index))?));
    }
    for index in 0..APPS {
        node.api.set(&name(index), qos(BEFORE_IOPS))?;
    }
    let load = Load::start(jobs, lab.load_core);
    thread::sleep(Duration::from_millis(700));
    let look = Look::begin(node.pid());
    let mut times_ms = change_all(&mut node)?;
    let waited = look.end();
    thread::sleep(IN_FORCE);
    let watch = Watch::start(&node, &name(0), Duration::from_millis(100))?;
    thread::sleep(Duration::from_secs(1));
    let seen = watch.stop()?;
    let busy = (0..BUSY).map(|index| excess(seen.curve(&name(index)), AFTER_IOPS, 1.0));
    let beyond = busy.fold(0.0, f64::max);
    // An I/O error ends this with an error.
    load.stop()?;
    times_ms.sort_by(f64::total_cmp);
    let at = |permille: usize| times_ms.get(times_ms.len() * permille / 1000).copied().unwrap_or(f64::NAN);
    Ok(Outcome {
        figures: vec![
            Figure::new(
                "change of Max under load, call to answer, median of 1000",
                "ms",
                Limit::AtMost(10.0),
                at(500),
            ),
            Figure::new(
                "change of Max under load, call to answer, p99 of 1000",
                "ms",
                Limit::AtMost(10.0),
                at(990),
            ),
            Figure::new(
                "beyond the new Max, from 10 ms after the answer",
                "I/Os",
                Limit::AtMost(0.0),
                beyond,
            ),
        ],
        waited,
        ..Outcome::default()
    })
}

/// Changes one after the other; how long each took, in milliseconds.
fn change_all(node: &mut Node) -> anyhow::Result<Vec<f64>> {
    let change = |index: u32| {
        let begun = Instant::now();
        node.api.set(&name(index), qos(AFTER_IOPS))?;
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    };
    (0..APPS).map(change).collect()
}
