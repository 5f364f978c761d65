//! `sluice app ...`

use std::collections::BTreeMap;

use serde::Serialize;
use sluice_node_api::Size;
use sluice_node_api::v1::{App, AppQos};

use super::{Row, View, card};
use crate::units;

/// What an application is promised.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct QosView {
    pub(crate) min_iops: u32,
    pub(crate) max_iops: Option<u32>,
    burst_iops: Option<u32>,
    burst_credit_s: u32,
    weight: u32,
    max_bytes_per_s: Option<u64>,
    low_latency: bool,
}

impl From<AppQos> for QosView {
    fn from(qos: AppQos) -> QosView {
        QosView {
            min_iops: qos.min_iops,
            max_iops: qos.max_iops,
            burst_iops: qos.burst_iops,
            burst_credit_s: qos.burst_credit_s,
            weight: qos.weight,
            max_bytes_per_s: qos.max_bytes_per_s,
            low_latency: qos.low_latency,
        }
    }
}

impl QosView {
    fn burst(&self) -> String {
        let burst = self
            .burst_iops
            .map(|iops| format!("{} for {} s", units::count(iops.into()), self.burst_credit_s));
        burst.unwrap_or_else(|| "none".to_owned())
    }

    fn bandwidth(&self) -> String {
        self.max_bytes_per_s.map_or_else(none, |bytes| format!("{}/s", Size(bytes).rounded()))
    }
}

/// An application on a pool.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AppView {
    name: String,
    pool: String,
    labels: BTreeMap<String, String>,
    /// As set.
    qos: QosView,
    set: bool,
    /// With its lease.
    in_force: QosView,
    lease_remaining_ns: Option<u64>,
    min_iops_now: u64,
    queued: u32,
    volumes: u32,
}

impl From<App> for AppView {
    fn from(app: App) -> AppView {
        let qos = QosView::from(app.qos.unwrap_or_default());
        AppView {
            in_force: app.in_force.map_or_else(|| qos.clone(), QosView::from),
            name: app.name,
            pool: app.pool,
            labels: app.labels.into_iter().collect(),
            qos,
            set: app.set,
            lease_remaining_ns: app.lease_remaining_ns,
            min_iops_now: app.min_iops_now,
            queued: app.queued,
            volumes: app.volumes,
        }
    }
}

impl AppView {
    fn lease(&self) -> String {
        self.lease_remaining_ns.map_or_else(none, |ns| format!("{} left", units::long_duration(ns)))
    }
}

impl Row for AppView {
    const HEADERS: &'static [&'static str] =
        &["APP", "POOL", ">MIN", ">MAX", "BURST", ">WEIGHT", ">BANDWIDTH", "LEASE", ">VOLUMES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.pool.clone(),
            self.in_force.min_iops.to_string(),
            self.in_force.max_iops.map_or_else(none, |iops| iops.to_string()),
            self.in_force.burst(),
            self.in_force.weight.to_string(),
            self.in_force.bandwidth(),
            self.lease(),
            self.volumes.to_string(),
        ]
    }
}

impl View for AppView {
    fn text(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let qos = &self.in_force;
        card(&[
            ("app", self.name.clone()),
            ("pool", self.pool.clone()),
            ("labels", if labels.is_empty() { none() } else { labels.join(" ") }),
            ("set", super::yes(self.set)),
            ("min", format!("{} IOPS", qos.min_iops)),
            ("min now", format!("{} IOPS", self.min_iops_now)),
            ("max", qos.max_iops.map_or_else(none, |iops| format!("{iops} IOPS"))),
            ("burst", qos.burst()),
            ("weight", qos.weight.to_string()),
            ("bandwidth", qos.bandwidth()),
            ("low latency", super::yes(qos.low_latency)),
            ("lease", self.lease()),
            ("queued", self.queued.to_string()),
            ("volumes", self.volumes.to_string()),
        ])
    }
}

/// An application on each pool it is on.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct AppCards(pub(crate) Vec<AppView>);

impl View for AppCards {
    fn text(&self) -> String {
        self.0.iter().map(View::text).collect::<Vec<_>>().join("\n")
    }
}

fn none() -> String {
    "none".to_owned()
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{App, AppQos};

    use super::{AppCards, AppView};
    use crate::view::{Rows, View};

    fn shop() -> App {
        let qos = AppQos { min_iops: 1000, max_iops: Some(5000), weight: 100, ..AppQos::default() };
        App {
            name: "shop".into(),
            pool: "disk".into(),
            labels: [("team".to_owned(), "web".to_owned())].into(),
            set: true,
            in_force: Some(AppQos {
                min_iops: 2000,
                burst_iops: Some(9000),
                burst_credit_s: 30,
                max_bytes_per_s: Some(500 << 20),
                ..qos
            }),
            qos: Some(qos),
            lease_remaining_ns: Some(90_000_000_000),
            min_iops_now: 1500,
            queued: 7,
            volumes: 3,
        }
    }

    #[test]
    fn list() {
        let plain = App { name: "logs".into(), pool: "disk".into(), volumes: 1, ..App::default() };
        let expected = "\
APP   POOL   MIN   MAX  BURST            WEIGHT  BANDWIDTH  LEASE        VOLUMES
shop  disk  2000  5000  9.00 K for 30 s     100  500 MiB/s  1m 30s left        3
logs  disk     0  none  none                  0       none  none               1
";
        assert_eq!(Rows(vec![AppView::from(shop()), AppView::from(plain)]).text(), expected);
    }

    #[test]
    fn what_is_in_force_is_shown_and_what_was_set_is_told() {
        let view = AppView::from(shop());
        let text = AppCards(vec![view.clone()]).text();
        for line in [
            "labels       team=web",
            "min          2000 IOPS",
            "min now      1500 IOPS",
            "lease        1m 30s left",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let json = serde_json::to_value(&view).expect("JSON");
        assert_eq!((&json["qos"]["min_iops"], &json["in_force"]["min_iops"]), (&1000.into(), &2000.into()));
    }
}
