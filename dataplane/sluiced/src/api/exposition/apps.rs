//! Applications against what they are promised, and the schedulers.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use sluice_node_api::v1::{self, AppStats, LatencyHistogram, SchedulerStats, Waited};

use super::{Labels, NO_EXEMPLAR, Scrape, cumulate, gauge};

impl Scrape {
    /// What every application is promised and got.
    pub(super) fn apps(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let qos = |app: &AppStats| app.in_force.unwrap_or_default();
        self.app_gauge(encoder, "app_min_iops", "Guaranteed I/O units per second.", |app| {
            Some(qos(app).min_iops.into())
        })?;
        self.app_gauge(encoder, "app_max_iops", "Most I/O units per second; absent: no limit.", |app| {
            qos(app).max_iops.map(u64::from)
        })?;
        self.app_counter(encoder, ("app_ios", "I/Os sent to the device.", None), |app| app.ios)?;
        self.app_counter(encoder, ("app_units", "I/O units sent to the device.", None), |app| app.units)?;
        let bytes = ("app_io", "Bytes of I/Os sent to the device.", Some(&Unit::Bytes));
        self.app_counter(encoder, bytes, |app| app.bytes)?;
        let reserved = ("app_reserved_units", "I/O units that Min paid for.", None);
        self.app_counter(encoder, reserved, |app| app.reserved_units)?;
        let burst = ("app_burst_units", "I/O units that burst credit paid for.", None);
        self.app_counter(encoder, burst, |app| app.burst_units)?;
        let windows = ("app_min_windows", "Windows of 100 ms in which all of Min was asked for.", None);
        self.app_counter(encoder, windows, |app| app.windows)?;
        let missed = ("app_min_violations", "Those in which less than 95 % of Min was given.", None);
        self.app_counter(encoder, missed, |app| app.violations)?;
        let overdue =
            ("app_overdue_ios", "I/Os sent against a limit because a host's timeout came near.", None);
        self.app_counter(encoder, overdue, |app| app.overdue)?;
        self.waited(encoder)?;
        self.app_latency(encoder, "app_queue_latency", "From arrival to the device.", |app| {
            &app.queue_latency
        })?;
        self.app_latency(encoder, "app_device_latency", "At the device.", |app| &app.device_latency)
    }

    fn app_gauge(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        about: &str,
        value: impl Fn(&AppStats) -> Option<u64>,
    ) -> fmt::Result {
        let mut metric = gauge(encoder, name, about, None)?;
        for app in &self.stats.apps {
            if let Some(value) = value(app) {
                metric.encode_family(&app_labels(app))?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn app_counter(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, about, unit): (&str, &str, Option<&Unit>),
        value: fn(&AppStats) -> u64,
    ) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(name, about, unit, MetricType::Counter)?;
        for app in &self.stats.apps {
            metric.encode_family(&app_labels(app))?.encode_counter(&value(app), NO_EXEMPLAR)?;
        }
        Ok(())
    }

    fn waited(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let about = "Time with I/O queued, by what it waited for.";
        let unit = Some(&Unit::Seconds);
        let mut metric = encoder.encode_descriptor("app_waited", about, unit, MetricType::Counter)?;
        for app in &self.stats.apps {
            for (cause, ns) in causes(&app.waited.unwrap_or_default()) {
                let labels = [("app", app.app.as_str()), ("pool", app.pool.as_str()), ("cause", cause)];
                metric.encode_family(&labels)?.encode_counter(&(ns as f64 / 1e9), NO_EXEMPLAR)?;
            }
        }
        Ok(())
    }

    fn app_latency(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        about: &str,
        latency: fn(&AppStats) -> &Option<LatencyHistogram>,
    ) -> fmt::Result {
        let mut metric =
            encoder.encode_descriptor(name, about, Some(&Unit::Seconds), MetricType::Histogram)?;
        for app in &self.stats.apps {
            let latency = latency(app).clone().unwrap_or_default();
            let (sum, buckets) = cumulate(&latency);
            let labels = app_labels(app);
            let mut metric = metric.encode_family(&labels)?;
            metric.encode_histogram::<NoLabelSet>(sum, latency.total(), &buckets, None)?;
        }
        Ok(())
    }

    /// Every device's scheduler.
    pub(super) fn schedulers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut family = |name, about, value: fn(&SchedulerStats) -> Option<u64>| {
            let mut metric = gauge(encoder, name, about, None)?;
            for scheduler in &self.stats.schedulers {
                if let Some(value) = value(scheduler) {
                    metric.encode_family(&[("pool", scheduler.pool.as_str())])?.encode_gauge(&value)?;
                }
            }
            Ok(())
        };
        let guaranteed =
            "The sum of Mins that can be promised, in I/O units per second; absent: not calibrated.";
        family("scheduler_guaranteed_iops", guaranteed, |scheduler| scheduler.guaranteed_iops)?;
        let promised = "The sum of Mins that is promised, in I/O units per second.";
        family("scheduler_promised_iops", promised, |scheduler| Some(scheduler.promised_iops))?;
        let given = "Thousandths of every Min that are given.";
        family("scheduler_min_given_permille", given, |scheduler| Some(scheduler.scale_permille.into()))?;
        let window = "I/O units that may be at the device.";
        family("scheduler_window_units", window, |scheduler| Some(scheduler.window_units.into()))?;
        let in_flight = "I/O units at the device.";
        family("scheduler_in_flight_units", in_flight, |scheduler| Some(scheduler.in_flight_units.into()))?;
        family("scheduler_queued", "I/Os that wait.", |scheduler| Some(scheduler.queued.into()))
    }
}

fn app_labels(app: &v1::AppStats) -> Labels<'_, 2> {
    [("app", &app.app), ("pool", &app.pool)]
}

fn causes(waited: &Waited) -> [(&'static str, u64); 6] {
    [
        ("device", waited.device_ns),
        ("max", waited.max_ns),
        ("ceiling", waited.ceiling_ns),
        ("burst_cut", waited.burst_cut_ns),
        ("bandwidth", waited.bandwidth_ns),
        ("volume", waited.volume_ns),
    ]
}
