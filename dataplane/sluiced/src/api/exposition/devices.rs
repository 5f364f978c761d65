//! Devices: whether they serve, and how drives are.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use sluice_node_api::v1::{Device, DeviceCounts, DeviceHealth, DeviceState};

use super::{NO_EXEMPLAR, Scrape, gauge};

impl Scrape {
    /// What devices are and drives tell.
    pub(super) fn devices(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = gauge(encoder, "device_up", "1 while a pool is served from the device.", None)?;
        for device in &self.devices {
            let up = u64::from(device.state() == DeviceState::Pool);
            metric.encode_family(&labels(device))?.encode_gauge(&up)?;
        }
        self.warnings(encoder)?;
        let celsius = Some(Unit::Celsius);
        self.health(encoder, ("device_temperature", "Composite temperature.", celsius), |health| {
            f64::from(health.temperature_kelvin) - 273.0
        })?;
        self.health(encoder, ("device_spare_ratio", "Spare blocks left.", None), |health| {
            ratio(health.spare_percent)
        })?;
        self.health(encoder, ("device_spare_threshold_ratio", "Less spare is critical.", None), |health| {
            ratio(health.spare_threshold_percent)
        })?;
        self.health(encoder, ("device_used_ratio", "Life used; may exceed 1.", None), |health| {
            ratio(health.used_percent)
        })?;
        self.health(
            encoder,
            ("device_media_errors", "Unrecovered errors since manufacture.", None),
            |health| health.media_errors as f64,
        )?;
        self.count(encoder, "device_aborts", "Commands aborted because they took too long.", |counts| {
            counts.aborts
        })?;
        self.count(encoder, "device_resets", "Resets of the drive's controller.", |counts| counts.resets)?;
        self.count(encoder, "device_losses", "Times that the drive was lost.", |counts| counts.losses)
    }

    /// Only those that are critical now.
    fn warnings(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let about = "Critical warnings of the drive's SMART log.";
        let mut metric = gauge(encoder, "device_critical_warning", about, None)?;
        for device in &self.devices {
            for warning in device.health.iter().flat_map(|health| &health.warnings) {
                let labels = [("device", device.name.as_str()), ("warning", warning.as_str())];
                metric.encode_family(&labels)?.encode_gauge(&1u64)?;
            }
        }
        Ok(())
    }

    fn health(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        (name, about, unit): (&str, &str, Option<Unit>),
        value: fn(&DeviceHealth) -> f64,
    ) -> fmt::Result {
        let mut metric = gauge(encoder, name, about, unit.as_ref())?;
        for device in &self.devices {
            if let Some(health) = &device.health {
                metric.encode_family(&labels(device))?.encode_gauge(&value(health))?;
            }
        }
        Ok(())
    }

    fn count(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        about: &str,
        value: fn(&DeviceCounts) -> u64,
    ) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(name, about, None, MetricType::Counter)?;
        for device in &self.devices {
            if let Some(counts) = &device.counts {
                metric.encode_family(&labels(device))?.encode_counter(&value(counts), NO_EXEMPLAR)?;
            }
        }
        Ok(())
    }
}

fn ratio(percent: u32) -> f64 {
    f64::from(percent) / 100.0
}

fn labels(device: &Device) -> [(&'static str, &str); 1] {
    [("device", &device.name)]
}
