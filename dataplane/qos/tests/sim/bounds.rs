//! Bounds that hold in every window of a run, checked in one pass.

use sluice_qos::AppIndex;

use crate::rig::{MS, Rig, S};

/// In every window `t`, at most `rate * t + depth` units were sent: a bucket of that depth never runs dry. This is the
/// check for all windows at once, for the worst window is the one since the bucket was last full.
pub(crate) fn envelope(rig: &Rig, app: AppIndex, rate: u64, depth_units: u64) {
    let depth = i128::from(depth_units) * i128::from(S);
    let (mut level, mut last) = (depth, 0);
    for sent in rig.sent.iter().filter(|sent| sent.app == app) {
        level = depth.min(level + i128::from(sent.at - last) * i128::from(rate));
        last = sent.at;
        level -= i128::from(sent.units) * i128::from(S);
        assert!(level >= 0, "{app:?} sent more than {rate}/s * t + {depth_units} by {} ns", sent.at);
    }
}

/// Max over every second: at most a per cent, or one I/O, too much.
pub(crate) fn max_over_every_second(rig: &Rig, app: AppIndex, max: u64, largest: u64) {
    let sent: Vec<_> = rig.sent.iter().filter(|sent| sent.app == app).collect();
    let (mut first, mut units) = (0, 0);
    for last in &sent {
        units += last.units;
        while last.at - sent[first].at >= S {
            units -= sent[first].units;
            first += 1;
        }
        assert!(units <= max + (max / 100).max(largest + max / 200), "{units} in the second to {}", last.at);
    }
}

/// The shares of 100 ms windows, in thousandths, in which an application got at least 95 % of `min`; and its mean.
pub(crate) fn min_windows(rig: &Rig, app: AppIndex, min: u64, from: u64, to: u64) -> (u64, u64) {
    let windows = (to - from) / (100 * MS);
    let mut units = vec![0; usize::try_from(windows).unwrap()];
    for sent in rig.sent.iter().filter(|sent| sent.app == app && sent.at >= from) {
        if let Some(window) = units.get_mut(usize::try_from((sent.at - from) / (100 * MS)).unwrap()) {
            *window += sent.units;
        }
    }
    let good = units.iter().filter(|units| **units * 10 * 100 >= min * 95).count() as u64;
    (good * 1000 / windows, units.iter().sum::<u64>() * S / (windows * 100 * MS))
}

/// The most that an application with I/O always queued was behind `min`, in units, over all windows after `from`: in no
/// window `t` did it get less than `min * t` less this.
pub(crate) fn lag(rig: &Rig, app: AppIndex, min: u64, from: u64) -> u64 {
    let (mut behind, mut last, mut most) = (0i128, from, 0i128);
    for sent in rig.sent.iter().filter(|sent| sent.app == app && sent.at >= from) {
        behind += i128::from(sent.at - last) * i128::from(min);
        last = sent.at;
        most = most.max(behind);
        behind = (behind - i128::from(sent.units) * i128::from(S)).max(0);
    }
    most = most.max(behind + i128::from(rig.now - last) * i128::from(min));
    u64::try_from(most / i128::from(S)).unwrap()
}
