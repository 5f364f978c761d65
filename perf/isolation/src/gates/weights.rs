//! Weights 1:2:4:8, everybody backlogged.

use sluice_node_api::v1::AppQos;

use super::FLOOD;
use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome, Picture};
use crate::load::{Run, Work};

const WEIGHTS: [u32; 4] = [1, 2, 4, 8];

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut node = lab.node()?;
    let mut jobs = Vec::new();
    for weight in WEIGHTS {
        let app = format!("weight-{weight}");
        jobs.push(Work::random(70, 4, FLOOD).on(&node.own(&app)?));
        node.api.set(&app, AppQos { weight: 100 * weight, ..AppQos::default() })?;
    }
    let run = Run::of(&mut node, &jobs, lab.view(100))?;
    let rates = WEIGHTS.map(|weight| run.curve(&format!("weight-{weight}")).rate());
    let (all, weights) = (rates.iter().sum::<f64>(), f64::from(WEIGHTS.iter().sum::<u32>()));
    let off =
        |(rate, weight): (&f64, &u32)| (rate / all / (f64::from(*weight) / weights) - 1.0).abs() * 100.0;
    let furthest = rates.iter().zip(&WEIGHTS).map(off).fold(0.0, f64::max);
    let mut picture = Picture::new("Weights 1:2:4:8, all backlogged");
    for weight in WEIGHTS {
        let app = format!("weight-{weight}");
        picture = picture.with(&app, run.curve(&app));
    }
    Ok(Outcome {
        figures: vec![Figure::new("weights 1:2:4:8, share furthest off", "%", Limit::AtMost(3.0), furthest)],
        pictures: vec![picture],
        waited: run.waited,
        notes: Vec::new(),
    })
}
