//! `sluice top`: applications against what they are promised, in a span of time, and the devices' schedulers.

use serde::Serialize;
use sluice_node_api::latency::PerMillion;
use sluice_node_api::v1::{AppStats, GetStatsResponse, LatencyHistogram, SchedulerStats, Waited};

use super::QosView;
use crate::units;

/// What happened between two looks.
#[derive(Debug, Serialize)]
pub(crate) struct TopView {
    /// How long the span was, in nanoseconds.
    pub(crate) span_ns: u64,
    pub(crate) apps: Vec<AppRates>,
    pub(crate) schedulers: Vec<SchedulerView>,
}

/// What one application got on one device.
#[derive(Debug, Serialize)]
pub(crate) struct AppRates {
    pub(crate) app: String,
    pub(crate) pool: String,
    pub(crate) in_force: QosView,
    /// I/O units per second: what compares with Min and Max.
    pub(crate) units_per_s: u64,
    pub(crate) ios_per_s: u64,
    pub(crate) bytes_per_s: u64,
    /// Part of the span with I/O queued, in thousandths, and what it waited for.
    pub(crate) waited: WaitedView,
    pub(crate) queue_p99_ns: Option<u64>,
    pub(crate) device_p99_ns: Option<u64>,
    /// Windows of 100 ms below 95 % of Min, of those in which it asked for it throughout.
    pub(crate) violations: u64,
    pub(crate) windows: u64,
}

/// Thousandths of the span, by cause.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct WaitedView {
    device: u64,
    max: u64,
    ceiling: u64,
    burst_cut: u64,
    bandwidth: u64,
    volume: u64,
}

/// A device's scheduler now.
#[derive(Debug, Serialize)]
pub(crate) struct SchedulerView {
    pub(crate) pool: String,
    pub(crate) guaranteed_iops: Option<u64>,
    pub(crate) promised_iops: u64,
    pub(crate) scale_permille: u32,
    pub(crate) window_units: u32,
    pub(crate) in_flight_units: u32,
    pub(crate) queued: u32,
    write_factor_permille: u32,
    /// Those that the earlier look did not show.
    pub(crate) events: Vec<EventView>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(crate) struct EventView {
    pub(crate) age_ns: u64,
    pub(crate) text: String,
    pub(crate) app: String,
}

impl TopView {
    /// From two answers of the node. After a restart in between, the later one counts from the node's start.
    pub(crate) fn between(earlier: &GetStatsResponse, later: &GetStatsResponse) -> TopView {
        let restarted = later.uptime_ns < earlier.uptime_ns;
        let none = GetStatsResponse::default();
        let earlier = if restarted { &none } else { earlier };
        let span_ns = (later.uptime_ns - earlier.uptime_ns).max(1);
        let apps = later.apps.iter().map(|app| {
            let before =
                earlier.apps.iter().find(|before| (&before.app, &before.pool) == (&app.app, &app.pool));
            AppRates::between(&before.cloned().unwrap_or_default(), app, span_ns)
        });
        let schedulers = later.schedulers.iter().map(|scheduler| {
            let before = earlier.schedulers.iter().find(|before| before.pool == scheduler.pool);
            let seen = before.and_then(|before| before.events.last()).map_or(0, |event| event.sequence);
            SchedulerView::new(scheduler, seen)
        });
        TopView { span_ns, apps: apps.collect(), schedulers: schedulers.collect() }
    }
}

impl AppRates {
    fn between(before: &AppStats, now: &AppStats, span_ns: u64) -> AppRates {
        // An application that was removed and came again counts from its coming.
        let before = if now.ios < before.ios { &AppStats::default() } else { before };
        let rate = |now: u64, before: u64| units::per_second(now.saturating_sub(before), span_ns);
        let p99 = |now: &Option<LatencyHistogram>, before: &Option<LatencyHistogram>| {
            let now = now.as_ref()?;
            before.as_ref().map_or_else(|| now.clone(), |before| now.since(before)).value_at(PerMillion::P99)
        };
        AppRates {
            app: now.app.clone(),
            pool: now.pool.clone(),
            in_force: QosView::from(now.in_force.unwrap_or_default()),
            units_per_s: rate(now.units, before.units),
            ios_per_s: rate(now.ios, before.ios),
            bytes_per_s: rate(now.bytes, before.bytes),
            waited: WaitedView::between(
                &before.waited.unwrap_or_default(),
                &now.waited.unwrap_or_default(),
                span_ns,
            ),
            queue_p99_ns: p99(&now.queue_latency, &before.queue_latency),
            device_p99_ns: p99(&now.device_latency, &before.device_latency),
            violations: now.violations.saturating_sub(before.violations),
            windows: now.windows.saturating_sub(before.windows),
        }
    }

    /// Whether it got at least 95 % of its Min whenever it asked for it.
    pub(crate) fn verdict(&self) -> &'static str {
        match (self.in_force.min_iops, self.violations) {
            (0, _) => "-",
            (_, 0) => "kept",
            _ => "MISSED",
        }
    }
}

impl WaitedView {
    fn between(before: &Waited, now: &Waited, span_ns: u64) -> WaitedView {
        let part = |now: u64, before: u64| now.saturating_sub(before).saturating_mul(1000) / span_ns;
        WaitedView {
            device: part(now.device_ns, before.device_ns),
            max: part(now.max_ns, before.max_ns),
            ceiling: part(now.ceiling_ns, before.ceiling_ns),
            burst_cut: part(now.burst_cut_ns, before.burst_cut_ns),
            bandwidth: part(now.bandwidth_ns, before.bandwidth_ns),
            volume: part(now.volume_ns, before.volume_ns),
        }
    }

    /// The limit that held it back most, with the part of the time; its turn at the device is none.
    pub(crate) fn throttled(&self) -> Option<(&'static str, u64)> {
        let limits = [
            ("max", self.max),
            ("ceiling", self.ceiling),
            ("burst cut", self.burst_cut),
            ("bandwidth", self.bandwidth),
            ("volume", self.volume),
        ];
        limits.into_iter().filter(|(_, part)| *part > 0).max_by_key(|(_, part)| *part)
    }
}

impl SchedulerView {
    fn new(scheduler: &SchedulerStats, seen: u64) -> SchedulerView {
        let fresh = scheduler.events.iter().filter(|event| event.sequence > seen);
        SchedulerView {
            pool: scheduler.pool.clone(),
            guaranteed_iops: scheduler.guaranteed_iops,
            promised_iops: scheduler.promised_iops,
            scale_permille: scheduler.scale_permille,
            window_units: scheduler.window_units,
            in_flight_units: scheduler.in_flight_units,
            queued: scheduler.queued,
            write_factor_permille: scheduler.write_factor_permille,
            events: fresh
                .map(|event| EventView {
                    age_ns: event.age_ns,
                    text: event.text.clone(),
                    app: event.app.clone(),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{AppQos, AppStats, GetStatsResponse, SchedulerEvent, SchedulerStats, Waited};

    use super::TopView;

    fn stats(uptime_ns: u64, units: u64, violations: u64, max_ns: u64, sequence: u64) -> GetStatsResponse {
        let event =
            |sequence| SchedulerEvent { sequence, text: format!("event {sequence}"), ..Default::default() };
        let app = AppStats {
            app: "shop".into(),
            pool: "disk".into(),
            in_force: Some(AppQos { min_iops: 100, ..AppQos::default() }),
            ios: units,
            units,
            violations,
            windows: 10 + violations,
            waited: Some(Waited { max_ns, device_ns: 7, ..Waited::default() }),
            ..AppStats::default()
        };
        let scheduler = SchedulerStats {
            pool: "disk".into(),
            events: (1..=sequence).map(event).collect(),
            ..SchedulerStats::default()
        };
        GetStatsResponse {
            uptime_ns,
            apps: vec![app],
            schedulers: vec![scheduler],
            ..GetStatsResponse::default()
        }
    }

    #[test]
    fn rates_and_parts_are_of_the_span() {
        let view = TopView::between(
            &stats(1_000_000_000, 500, 2, 0, 1),
            &stats(3_000_000_000, 2500, 2, 500_000_000, 3),
        );
        let app = &view.apps[0];
        assert_eq!((app.units_per_s, app.violations, app.verdict()), (1000, 0, "kept"));
        assert_eq!(app.waited.throttled(), Some(("max", 250)));
        let texts: Vec<&str> = view.schedulers[0].events.iter().map(|event| event.text.as_str()).collect();
        assert_eq!(texts, ["event 2", "event 3"]);
    }

    #[test]
    fn a_min_that_was_missed_is_told() {
        let view = TopView::between(&stats(1, 0, 2, 0, 0), &stats(2, 0, 3, 0, 0));
        assert_eq!((view.apps[0].verdict(), view.apps[0].waited.throttled()), ("MISSED", None));
    }

    #[test]
    fn a_restart_counts_from_the_start() {
        let view = TopView::between(&stats(9_000_000_000, 900, 0, 0, 5), &stats(1_000_000_000, 50, 0, 0, 1));
        assert_eq!((view.span_ns, view.apps[0].units_per_s), (1_000_000_000, 50));
        assert_eq!(view.schedulers[0].events.len(), 1);
    }
}
