//! Work conserved: what the device does with the scheduler against what it does without, in turn.

use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome};
use crate::load::{Run, Volume, Work};
use crate::node::Node;

/// A node and its volumes: with the scheduler, or without. Stopped while the other one runs.
struct Side {
    node: Node,
    volumes: [Volume; 3],
}

impl Side {
    fn new(mut node: Node) -> anyhow::Result<Self> {
        let [small, scan, bulk] = ["small", "scan", "bulk"].map(|app| node.own(app));
        node.pause()?;
        Ok(Self { volumes: [small?, scan?, bulk?], node })
    }

    /// What the device does for some work, and how long threads waited.
    fn run(&mut self, lab: &Lab, works: &[Work]) -> anyhow::Result<(f64, f64)> {
        let jobs: Vec<_> = works.iter().zip(&self.volumes).map(|(work, volume)| work.on(volume)).collect();
        self.node.resume()?;
        let run = Run::of(&mut self.node, &jobs, lab.view(250))?;
        self.node.pause()?;
        Ok((run.cost_per_s(lab.backing.write_cost()), run.waited))
    }
}

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut with = Side::new(lab.node()?)?;
    let mut without = Side::new(lab.node_without_qos()?)?;
    let alone = vec![Work::random(70, 4, 128)];
    let mixed = vec![Work::random(70, 4, 64), Work::random(100, 64, 16), Work::random(0, 128, 16)];
    let cases = [("mixed", 95.0, mixed), ("one application alone", 98.0, alone)];
    let mut outcome = Outcome::default();
    for _ in 0..lab.repetitions {
        let mut round = Outcome::default();
        for (name, least, works) in &cases {
            let (off, waited_off) = without.run(lab, works)?;
            let (on, waited_on) = with.run(lab, works)?;
            let name = format!("work conserved, {name}, with QoS of without");
            round.figures.push(Figure::new(name, "%", Limit::AtLeast(*least), 100.0 * on / off));
            round.waited = round.waited.max(waited_on).max(waited_off);
        }
        outcome.repeat(round);
    }
    Ok(outcome)
}
