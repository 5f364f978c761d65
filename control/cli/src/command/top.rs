//! `sluice top`

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sluice_node_api::v1::{GetStatsRequest, GetStatsResponse};
use sluice_node_api::{NodeClient, Size};

use super::Context;
use crate::args::{Output, TopArgs};
use crate::draw::Trace;
use crate::error::CliError;
use crate::live::Live;
use crate::units;
use crate::view::{AppRates, SchedulerView, TopView, latency, show_json, table};

/// Events that stay on the screen.
const EVENTS: usize = 5;

/// What earlier looks leave on the screen.
#[derive(Debug, Default)]
struct Past {
    /// I/O units per second, by pool and application.
    traces: BTreeMap<(String, String), Trace>,
    /// Newest last.
    events: VecDeque<String>,
}

pub(super) async fn run(context: &Context, args: TopArgs) -> Result<(), CliError> {
    let mut client = context.client().await?;
    let mut earlier = fetch(&mut client).await?;
    let (mut live, mut past) = (Live::stdout(), Past::default());
    let mut ticks = tokio::time::interval(Duration::from_secs(args.interval.into()));
    ticks.tick().await;
    for look in 1u32.. {
        ticks.tick().await;
        let later = fetch(&mut client).await?;
        let view = TopView::between(&earlier, &later);
        earlier = later;
        match context.output {
            Output::Json => show_json(&view)?,
            Output::Table => live.draw(&past.frame(&view))?,
        }
        if args.count == Some(look) {
            break;
        }
    }
    Ok(())
}

async fn fetch(client: &mut NodeClient) -> Result<GetStatsResponse, CliError> {
    Ok(client.get_stats(GetStatsRequest { volume: String::new() }).await?.into_inner())
}

const DEVICE_HEADERS: [&str; 7] =
    ["POOL", ">GUARANTEED", ">PROMISED", ">MIN GIVEN", ">WINDOW", ">IN FLIGHT", ">QUEUED"];

const APP_HEADERS: [&str; 11] = [
    "APP",
    "POOL",
    ">MIN",
    ">MAX",
    ">UNITS/S",
    ">BANDWIDTH",
    ">QUEUE P99",
    ">DEVICE P99",
    "THROTTLED BY",
    "MIN IS",
    "UNITS/S SO FAR",
];

impl Past {
    fn frame(&mut self, view: &TopView) -> String {
        let apps: Vec<Vec<String>> = view.apps.iter().map(|app| self.row(app)).collect();
        self.note_events(view);
        let mut frame = format!("{}\n{}", devices(view), table(&APP_HEADERS, apps));
        for event in &self.events {
            frame.push_str(event);
        }
        frame
    }

    fn row(&mut self, app: &AppRates) -> Vec<String> {
        let trace = self.traces.entry((app.pool.clone(), app.app.clone())).or_default();
        trace.push(app.units_per_s);
        let iops = |iops: u32| units::count(iops.into());
        vec![
            app.app.clone(),
            app.pool.clone(),
            iops(app.in_force.min_iops),
            app.in_force.max_iops.map_or_else(|| "-".to_owned(), iops),
            units::count(app.units_per_s),
            format!("{}/s", Size(app.bytes_per_s).rounded()),
            latency(app.queue_p99_ns),
            latency(app.device_p99_ns),
            app.waited
                .throttled()
                .map_or_else(|| "-".to_owned(), |(by, part)| format!("{by} {} %", part / 10)),
            app.verdict().to_owned(),
            trace.to_string(),
        ]
    }

    fn note_events(&mut self, view: &TopView) {
        for scheduler in &view.schedulers {
            for event in &scheduler.events {
                let about = if event.app.is_empty() { &scheduler.pool } else { &event.app };
                let age = units::long_duration(event.age_ns);
                self.events.push_back(format!("{about}: {} ({age} ago)\n", event.text));
            }
        }
        while self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }
}

fn devices(view: &TopView) -> String {
    let row = |scheduler: &SchedulerView| {
        vec![
            scheduler.pool.clone(),
            scheduler.guaranteed_iops.map_or_else(|| "not known".to_owned(), units::count),
            units::count(scheduler.promised_iops),
            format!("{} %", f64::from(scheduler.scale_permille) / 10.0),
            scheduler.window_units.to_string(),
            scheduler.in_flight_units.to_string(),
            scheduler.queued.to_string(),
        ]
    };
    table(&DEVICE_HEADERS, view.schedulers.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{AppQos, AppStats, GetStatsResponse, SchedulerEvent, SchedulerStats};

    use super::Past;
    use crate::view::TopView;

    fn stats(uptime_s: u64, units: u64) -> GetStatsResponse {
        let app = AppStats {
            app: "shop".into(),
            pool: "disk".into(),
            in_force: Some(AppQos { min_iops: 1000, max_iops: Some(5000), ..AppQos::default() }),
            ios: units,
            units,
            bytes: units << 12,
            ..AppStats::default()
        };
        let event = SchedulerEvent {
            sequence: uptime_s,
            text: "a lease ended".into(),
            app: "shop".into(),
            ..Default::default()
        };
        let scheduler = SchedulerStats {
            pool: "disk".into(),
            guaranteed_iops: Some(40_000),
            promised_iops: 1000,
            scale_permille: 985,
            window_units: 64,
            events: vec![event],
            ..SchedulerStats::default()
        };
        GetStatsResponse {
            uptime_ns: uptime_s * 1_000_000_000,
            apps: vec![app],
            schedulers: vec![scheduler],
            ..GetStatsResponse::default()
        }
    }

    #[test]
    fn a_frame_has_devices_applications_and_events() {
        let mut past = Past::default();
        past.frame(&TopView::between(&stats(1, 0), &stats(2, 4096)));
        let frame = past.frame(&TopView::between(&stats(2, 4096), &stats(3, 6144)));
        let lines: Vec<&str> = frame.lines().collect();
        assert_eq!(lines[1], "disk      40.0 K    1.00 K     98.5 %      64          0       0");
        assert!(lines[4].starts_with("shop  disk  1.00 K  5.00 K   2.05 K    8 MiB/s"), "{frame}");
        assert!(lines[4].ends_with("kept    \u{2588}\u{2584}"), "{frame}");
        assert_eq!(lines[5..], ["shop: a lease ended (0s ago)"; 2]);
    }
}
