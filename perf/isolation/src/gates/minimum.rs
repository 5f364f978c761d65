//! Min met while 128 KiB and 4 KiB writers press: four applications that share all that may be promised.

use super::{FLOOD, min};
use crate::figure::{Figure, Limit};
use crate::lab::{Lab, Outcome, Picture};
use crate::load::{Run, Work};

/// Percent of what may be promised, each application's.
const SHARES: [u32; 4] = [40, 30, 20, 10];
const WINDOW_NS: u64 = 100_000_000;

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Outcome> {
    let mut node = lab.node()?;
    let guaranteed = node.api.guaranteed_iops()?;
    let (mut jobs, mut apps) = (Vec::new(), Vec::new());
    for (index, share) in SHARES.iter().enumerate() {
        let (name, iops) =
            (format!("min-{index}"), u32::try_from(u64::from(guaranteed) * u64::from(*share) / 100)?);
        jobs.push(Work::random(70, 4, FLOOD).on(&node.own(&name)?));
        node.api.set(&name, min(iops))?;
        apps.push((name, f64::from(iops)));
    }
    for (name, size_kib) in [("bulk", 128), ("storm", 4)] {
        jobs.push(Work::random(0, size_kib, FLOOD).on(&node.own(name)?));
    }
    let run = Run::of(&mut node, &jobs, lab.view(100))?;
    let of_min =
        |(name, iops): &(String, f64)| 100.0 * mean(&run.seen.undisturbed_rates(name, WINDOW_NS)) / iops;
    let worst = apps.iter().map(of_min).min_by(f64::total_cmp).unwrap_or(f64::NAN);
    let mut picture =
        Picture::new(format!("Mins of {guaranteed} IOPS together, against writers at depth 128"));
    for name in run.seen.curves.keys().filter(|name| *name != "system") {
        picture = picture.with(name, run.curve(name));
    }
    Ok(Outcome {
        figures: vec![
            Figure::new("Min met, mean, worst application", "%", Limit::AtLeast(99.0), worst),
            Figure::new(
                "Min met, 100 ms windows with 95 % of it",
                "%",
                Limit::AtLeast(99.9),
                windows(&run, &apps),
            ),
        ],
        pictures: vec![picture],
        waited: run.waited,
        notes: [cut(run.seen.min_given_permille), left_out(&run)].into_iter().flatten().collect(),
    })
}

fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len() as f64
}

/// Percent of all windows of all applications.
fn windows(run: &Run, apps: &[(String, f64)]) -> f64 {
    let (mut all, mut met) = (0_u32, 0_u32);
    for (name, iops) in apps {
        for rate in run.seen.undisturbed_rates(name, WINDOW_NS) {
            all += 1;
            met += u32::from(rate >= 0.95 * iops);
        }
    }
    100.0 * f64::from(met) / f64::from(all)
}

/// What the daemon itself says about Mins that it could not keep.
fn cut(given_permille: u32) -> Option<String> {
    let percent = f64::from(given_permille) / 10.0;
    (given_permille < 1000)
        .then(|| format!("the scheduler found the device too slow and cut every Min to {percent} %"))
}

/// Windows that say nothing about the scheduler.
fn left_out(run: &Run) -> Option<String> {
    let (undisturbed, all) = run.seen.undisturbed(WINDOW_NS);
    let out = all - undisturbed;
    (out > 0).then(|| format!("{out} of {all} windows are left out: a thread waited for its core in them"))
}
