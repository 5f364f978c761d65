//! The three acts: the sensitive application alone; beside the greedy one without a promise; and with one.
//!
//! What it got in each is read from the node: from a command's arrival to its response.

use std::time::Duration;

use serde::Serialize;
use sluice_node_api::latency::PerMillion;
use sluice_node_api::v1::{self, LatencyHistogram};
use sluice_node_api::{ApiAddress, NodeClient, connect};

use super::apps::{APPS, SENSITIVE};
use crate::error::CliError;
use crate::units;
use crate::view::latency;

/// An act's figures of the sensitive application.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Act {
    pub(super) iops: u64,
    pub(super) p50_ns: Option<u64>,
    pub(super) p99_ns: Option<u64>,
    pub(super) p99_9_ns: Option<u64>,
}

impl Act {
    fn between(before: &Look, after: &Look) -> Act {
        let latency = after.latency.since(&before.latency);
        let elapsed_ns = after.at_ns.saturating_sub(before.at_ns);
        Act {
            iops: units::per_second(latency.total(), elapsed_ns),
            p50_ns: latency.value_at(PerMillion::P50),
            p99_ns: latency.value_at(PerMillion::P99),
            p99_9_ns: latency.value_at(PerMillion::P99_9),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let Act { iops, p50_ns, p99_ns, p99_9_ns } = self;
        let [p50, p99, p99_9] = [p50_ns, p99_ns, p99_9_ns].map(|ns| latency(*ns));
        format!("{} IOPS, p50 {p50}, p99 {p99}, p99.9 {p99_9}", units::count(*iops))
    }
}

/// What the play showed. It judges nothing but the promise: latencies on a busy machine are its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Isolation {
    pub(super) app: &'static str,
    /// Guaranteed in the last act, in I/O units per second; absent if the device could not be measured.
    pub(super) min_iops: Option<u32>,
    pub(super) alone: Act,
    pub(super) without_qos: Act,
    pub(super) with_qos: Act,
    /// Windows of 100 ms with I/O waiting throughout.
    pub(super) windows: u64,
    /// Those of them in which it got less than 95 % of its Min.
    pub(super) violations: u64,
    /// The device did not keep up what it had done when it was measured: every Min was cut.
    pub(super) device_fell_short: bool,
}

/// What the node counted until a moment.
#[derive(Debug, Default)]
struct Look {
    at_ns: u64,
    latency: LatencyHistogram,
    windows: u64,
    violations: u64,
    guaranteed_iops: Option<u64>,
    scaled: bool,
}

/// Drives the acts through the node's API.
pub(super) struct Play {
    client: NodeClient,
    length: Duration,
}

impl Play {
    /// With acts of a length.
    pub(super) async fn new(api: &ApiAddress, length: Duration) -> Result<Play, CliError> {
        let client = connect(api).await.map_err(|error| CliError::unreachable(api, &error))?;
        Ok(Play { client, length })
    }

    /// The whole of it, from when the sensitive application runs. `begin_greedy` starts the other one.
    pub(super) async fn run(
        mut self,
        set_phase: impl Fn(&'static str),
        begin_greedy: impl FnOnce(),
    ) -> Result<Isolation, CliError> {
        set_phase("alone");
        let alone = self.act().await?;
        set_phase("beside analytics, no promise");
        begin_greedy();
        let without_qos = self.act().await?;
        let before = self.look().await?;
        let min_iops = self.promise(before.guaranteed_iops).await?;
        set_phase("beside analytics, with its Min");
        let with_qos = self.act().await?;
        let after = self.look().await?;
        set_phase("proof");
        Ok(Isolation {
            app: APPS[SENSITIVE].name,
            min_iops,
            alone,
            without_qos,
            with_qos,
            windows: after.windows - before.windows,
            violations: after.violations - before.violations,
            device_fell_short: after.scaled,
        })
    }

    async fn act(&mut self) -> Result<Act, CliError> {
        let before = self.look().await?;
        tokio::time::sleep(self.length).await;
        Ok(Act::between(&before, &self.look().await?))
    }

    /// Half of what the device can keep, first in line; nothing if it was not to be measured.
    async fn promise(&mut self, guaranteed_iops: Option<u64>) -> Result<Option<u32>, CliError> {
        let min_iops = guaranteed_iops.and_then(|iops| u32::try_from(iops / 2).ok()).filter(|iops| *iops > 0);
        if let Some(min_iops) = min_iops {
            let qos = v1::AppQos { min_iops, low_latency: true, ..v1::AppQos::default() };
            let name = APPS[SENSITIVE].name.to_owned();
            self.client.set_app(v1::SetAppRequest { name, qos: Some(qos), ..Default::default() }).await?;
        }
        Ok(min_iops)
    }

    async fn look(&mut self) -> Result<Look, CliError> {
        let app = &APPS[SENSITIVE];
        let request = v1::GetStatsRequest { volume: app.volume.to_owned() };
        let stats = self.client.get_stats(request).await?.into_inner();
        let io = stats.volumes.into_iter().next().and_then(|volume| volume.io).unwrap_or_default();
        let of = |op: Option<v1::OpStats>| op.and_then(|op| op.latency).unwrap_or_default();
        let counted = stats.apps.into_iter().find(|counted| counted.app == app.name).unwrap_or_default();
        let scheduler = stats.schedulers.into_iter().next().unwrap_or_default();
        Ok(Look {
            at_ns: scheduler.taken_ns,
            latency: of(io.reads).plus(&of(io.writes)),
            windows: counted.windows,
            violations: counted.violations,
            guaranteed_iops: scheduler.guaranteed_iops,
            scaled: scheduler.scale_permille < 1000,
        })
    }
}

impl Isolation {
    /// Whether what was promised was kept, or could not be for a reason that is no fault of the scheduler.
    pub(super) fn is_kept(&self) -> bool {
        self.violations == 0 || self.device_fell_short
    }

    /// The last word.
    pub(super) fn verdict(&self) -> String {
        let Some(min_iops) = self.min_iops else {
            return "nothing was promised: the device could not be measured on this machine".to_owned();
        };
        let Isolation { app, windows, violations, .. } = self;
        let min = units::count(min_iops.into());
        match (violations, self.device_fell_short) {
            // At its depth it seldom has I/O waiting for that long; then what it felt is what there is to tell.
            (0, _) if *windows == 0 => {
                let [with, without, alone] =
                    [&self.with_qos, &self.without_qos, &self.alone].map(|act| latency(act.p50_ns));
                format!(
                    "{app} never had I/O waiting for 100 ms: its median took {with} with its Min, {without} without, {alone} alone"
                )
            }
            (0, _) => format!("{app} had its Min of {min} IOPS in every window in which it asked for it"),
            (_, true) => format!(
                "the device fell below what it did when it was measured: {app}'s Min of {min} IOPS was cut"
            ),
            _ => format!(
                "{app}'s Min of {min} IOPS was MISSED in {violations} of {windows} windows of 100 ms: was the machine busy?"
            ),
        }
    }

    /// Lines for the summary.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("app", format!("{}, as the node saw it", self.app))];
        pairs.push(("alone", self.alone.text()));
        pairs.push(("no promise", self.without_qos.text()));
        pairs.push(("its Min", self.with_qos.text()));
        pairs.push(("verdict", self.verdict()));
        pairs
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::LatencyHistogram;

    use super::{Act, Isolation, Look};

    #[test]
    fn an_act_is_what_came_between() {
        let at = |at_ns, counts: &[(u64, u64)]| Look {
            at_ns,
            latency: LatencyHistogram::from_buckets(counts.iter().copied()),
            ..Look::default()
        };
        let act = Act::between(&at(1_000_000_000, &[(100, 7)]), &at(3_000_000_000, &[(100, 7), (200, 100)]));
        assert_eq!((act.iops, act.p50_ns, act.p99_9_ns), (50, Some(200), Some(200)));
        assert_eq!(Act::between(&at(1, &[]), &at(1, &[])).p99_ns, None);
    }

    #[test]
    fn a_missed_min_needs_an_excuse() {
        let kept = Isolation { app: "shop", min_iops: Some(500), windows: 9, ..Isolation::default() };
        assert!(kept.is_kept() && kept.verdict().contains("in every window"));
        let missed = Isolation { violations: 2, ..kept.clone() };
        assert!(!missed.is_kept() && missed.verdict().contains("MISSED in 2 of 9"));
        let excused = Isolation { device_fell_short: true, ..missed };
        assert!(excused.is_kept() && excused.verdict().contains("device fell"));
        let act = |us: u64| Act { p50_ns: Some(us * 1000), ..Act::default() };
        let (alone, without_qos, with_qos) = (act(120), act(670), act(240));
        let prompt = Isolation { windows: 0, alone, without_qos, with_qos, ..kept.clone() };
        assert!(prompt.is_kept());
        let told = prompt.verdict();
        assert!(told.contains("took 240 us with its Min, 670 us without, 120 us alone"), "{told}");
        let nothing = Isolation { min_iops: None, ..kept };
        assert!(nothing.verdict().contains("nothing was promised"));
    }
}
