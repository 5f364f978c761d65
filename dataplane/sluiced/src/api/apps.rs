//! Calls about applications: what they are promised on a device, and what they got.

use std::time::Duration;

use sluice_node_api::v1;
use sluice_qos::{AppSpec, Burst, Cause, Histogram, LatencyClass, QosSpec};
use sluice_target::handle::{AppFigures, AppStatus, LeaseSpec, NotedEvent, SchedulerFigures};

use super::error::NodeError;
use super::messages::nanos;
use crate::node::NodeState;

/// Longest lease, in seconds: 30 days.
const LONGEST_LEASE_S: u32 = 30 * 86_400;

pub(super) async fn set(state: &NodeState, request: v1::SetAppRequest) -> Result<v1::App, NodeError> {
    let v1::SetAppRequest { name, pool, labels, qos } = request;
    let qos = qos_spec(qos.unwrap_or_default())?;
    let (slot, handle) = state.pool(&pool)?;
    let spec = AppSpec { name, labels: labels.into_iter().collect(), qos };
    Ok(app(&slot.config.name, handle.set_app(spec).await?))
}

pub(super) async fn remove(state: &NodeState, name: &str, pool: &str) -> Result<(), NodeError> {
    Ok(state.pool(pool)?.1.remove_app(name).await?)
}

pub(super) async fn list(state: &NodeState, name: &str) -> Result<Vec<v1::App>, NodeError> {
    let mut all = Vec::new();
    for (slot, handle) in state.serving() {
        let apps =
            handle.apps().await?.into_iter().filter(|status| name.is_empty() || status.app.name == name);
        all.extend(apps.map(|status| app(&slot.config.name, status)));
    }
    Ok(all)
}

pub(super) async fn lease(state: &NodeState, request: v1::LeaseAppRequest) -> Result<v1::App, NodeError> {
    let v1::LeaseAppRequest { name, pool, min_iops, max_iops, seconds } = request;
    if !(1..=LONGEST_LEASE_S).contains(&seconds) {
        return Err(NodeError::LeaseLength(seconds));
    }
    let (slot, handle) = state.pool(&pool)?;
    let lease = LeaseSpec { min_iops, max_iops, length: Duration::from_secs(seconds.into()) };
    Ok(app(&slot.config.name, handle.lease_app(&name, lease).await?))
}

pub(super) async fn end_lease(state: &NodeState, name: &str, pool: &str) -> Result<v1::App, NodeError> {
    let (slot, handle) = state.pool(pool)?;
    Ok(app(&slot.config.name, handle.end_lease(name).await?))
}

/// QoS as asked for; ranges are checked where they are told, in `sluice_qos`.
fn qos_spec(qos: v1::AppQos) -> Result<QosSpec, NodeError> {
    let default = QosSpec::default();
    let burst = match (qos.burst_iops, qos.burst_credit_s) {
        (None, 0) => None,
        (None, _) => return Err(NodeError::CreditWithoutBurst),
        (Some(iops), credit_s) => Some(Burst { iops, credit_s }),
    };
    // A weight beyond what the type holds is beyond its range, too.
    let weight = u16::try_from(qos.weight).unwrap_or(u16::MAX);
    Ok(QosSpec {
        min_iops: qos.min_iops,
        max_iops: qos.max_iops,
        burst,
        weight: if weight == 0 { default.weight } else { weight },
        max_bytes_per_s: qos.max_bytes_per_s,
        latency: if qos.low_latency { LatencyClass::Low } else { LatencyClass::Normal },
    })
}

fn qos_message(qos: &QosSpec) -> v1::AppQos {
    v1::AppQos {
        min_iops: qos.min_iops,
        max_iops: qos.max_iops,
        burst_iops: qos.burst.map(|burst| burst.iops),
        burst_credit_s: qos.burst.map_or(0, |burst| burst.credit_s),
        weight: qos.weight.into(),
        max_bytes_per_s: qos.max_bytes_per_s,
        low_latency: qos.latency == LatencyClass::Low,
    }
}

fn app(pool: &str, status: AppStatus) -> v1::App {
    v1::App {
        name: status.app.name,
        pool: pool.to_owned(),
        labels: status.app.labels.into_iter().collect(),
        qos: Some(qos_message(&status.app.qos)),
        set: status.set,
        in_force: Some(qos_message(&status.now)),
        lease_remaining_ns: status.lease_remaining.map(nanos),
        min_iops_now: status.min_iops_now,
        queued: status.queued,
        volumes: status.volumes,
    }
}

/// An application's counters.
pub(super) fn app_stats(pool: &str, figures: AppFigures) -> v1::AppStats {
    let AppFigures { name, qos, stats } = figures;
    v1::AppStats {
        app: name,
        pool: pool.to_owned(),
        in_force: Some(qos_message(&qos)),
        ios: stats.ios,
        units: stats.units,
        bytes: stats.bytes,
        reserved_units: stats.reserved_units,
        burst_units: stats.burst_units,
        waited: Some(v1::Waited {
            device_ns: stats.waited_for(Cause::Device),
            max_ns: stats.waited_for(Cause::Max),
            ceiling_ns: stats.waited_for(Cause::Ceiling),
            burst_cut_ns: stats.waited_for(Cause::BurstCut),
            bandwidth_ns: stats.waited_for(Cause::Bandwidth),
            volume_ns: stats.waited_for(Cause::Volume),
        }),
        queue_latency: Some(histogram(&stats.queue_latency)),
        device_latency: Some(histogram(&stats.device_latency)),
        windows: stats.windows,
        violations: stats.violations,
        overdue: stats.overdue,
    }
}

fn histogram(latency: &Histogram) -> v1::LatencyHistogram {
    let buckets = latency.buckets().filter(|(_, count)| *count > 0);
    v1::LatencyHistogram::from_buckets(buckets.map(|(upper, count)| (upper.0, count)))
}

/// A device's scheduler.
pub(super) fn scheduler_stats(pool: &str, figures: SchedulerFigures) -> v1::SchedulerStats {
    let SchedulerFigures { at, view, events } = figures;
    v1::SchedulerStats {
        pool: pool.to_owned(),
        guaranteed_iops: view.admission.guaranteed_iops(),
        promised_iops: view.admission.promised_iops(),
        scale_permille: view.scale_permille,
        window_units: view.governor.window_units,
        in_flight_units: view.governor.in_flight_units,
        queued: view.queued,
        write_factor_permille: u32::from(view.governor.write_factor.sixteenths()) * 1000 / 16,
        events: events.into_iter().map(event).collect(),
        taken_ns: at.0,
    }
}

fn event(event: NotedEvent) -> v1::SchedulerEvent {
    let NotedEvent { sequence, age, app, text } = event;
    v1::SchedulerEvent { sequence, age_ns: nanos(age), text, app }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1;

    use super::{qos_message, qos_spec};

    #[test]
    fn qos_there_and_back() {
        let full = v1::AppQos {
            min_iops: 10,
            max_iops: Some(20),
            burst_iops: Some(30),
            burst_credit_s: 4,
            weight: 500,
            max_bytes_per_s: Some(1 << 20),
            low_latency: true,
        };
        assert_eq!(qos_message(&qos_spec(full).expect("whole")), full);
    }

    #[test]
    fn nothing_asked_for_is_the_default() {
        let qos = qos_spec(v1::AppQos::default()).expect("the default");
        assert_eq!(qos, sluice_qos::QosSpec::default());
        assert!(qos_spec(v1::AppQos { burst_credit_s: 1, ..v1::AppQos::default() }).is_err());
        let heavy =
            qos_spec(v1::AppQos { weight: u32::MAX, ..v1::AppQos::default() }).expect("checked later");
        assert_eq!(heavy.weight, u16::MAX);
    }
}
