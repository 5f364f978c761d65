//! `sluice device list`, `sluice pool list`

use serde::Serialize;
use sluice_node_api::Size;
use sluice_node_api::v1::{Device, DeviceCounts, DeviceEvent, DeviceHealth, DeviceInfo, DeviceState};

use super::{Row, yes};
use crate::units;

/// A device.
#[derive(Debug, Serialize)]
pub(crate) struct DeviceView {
    name: String,
    uri: String,
    state: &'static str,
    /// Why it is idle.
    reason: Option<String>,
    /// Absent while it is idle.
    info: Option<InfoView>,
    /// Present for drives in user space.
    health: Option<HealthView>,
    /// How often since the node began to serve; present for drives in user space.
    counts: Option<CountsView>,
}

/// Something an operator wants to know of a drive.
#[derive(Debug, Serialize)]
pub(crate) struct EventView {
    device: String,
    sequence: u64,
    age_ns: u64,
    text: String,
}

/// How often something became of a drive.
#[derive(Debug, Serialize)]
struct CountsView {
    aborts: u64,
    resets: u64,
    media_errors: u64,
    warnings: u64,
    losses: u64,
}

/// How a drive is.
#[derive(Debug, Serialize)]
pub(crate) struct HealthView {
    /// None: all is well.
    warnings: Vec<String>,
    temperature_celsius: i64,
    spare_percent: u32,
    spare_threshold_percent: u32,
    used_percent: u32,
    media_errors: u64,
}

/// What its driver tells.
#[derive(Debug, Serialize)]
struct InfoView {
    kind: String,
    model: String,
    serial: String,
    size_bytes: u64,
    block_size_bytes: u32,
    volatile_write_cache: bool,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> DeviceView {
        let state = match device.state() {
            DeviceState::Unspecified => "unknown",
            DeviceState::Pool => "pool",
            DeviceState::Idle => "idle",
            DeviceState::Lost => "lost",
            DeviceState::Erasing => "erasing",
        };
        DeviceView {
            state,
            name: device.name,
            uri: device.uri,
            reason: Some(device.reason).filter(|reason| !reason.is_empty()),
            info: device.info.map(InfoView::from),
            health: device.health.map(HealthView::from),
            counts: device.counts.map(CountsView::from),
        }
    }
}

impl EventView {
    /// Those of a device, oldest first.
    pub(crate) fn of(device: Device) -> Vec<EventView> {
        let Device { name, events, .. } = device;
        let view = |DeviceEvent { sequence, age_ns, text }| EventView {
            device: name.clone(),
            sequence,
            age_ns,
            text,
        };
        events.into_iter().map(view).collect()
    }
}

impl Row for EventView {
    const HEADERS: &'static [&'static str] = &["DEVICE", ">AGO", "EVENT"];

    fn cells(&self) -> Vec<String> {
        vec![self.device.clone(), units::long_duration(self.age_ns), self.text.clone()]
    }
}

impl From<DeviceCounts> for CountsView {
    fn from(counts: DeviceCounts) -> CountsView {
        let DeviceCounts { aborts, resets, media_errors, warnings, losses } = counts;
        CountsView { aborts, resets, media_errors, warnings, losses }
    }
}

impl From<DeviceHealth> for HealthView {
    fn from(health: DeviceHealth) -> HealthView {
        HealthView {
            warnings: health.warnings,
            temperature_celsius: i64::from(health.temperature_kelvin) - 273,
            spare_percent: health.spare_percent,
            spare_threshold_percent: health.spare_threshold_percent,
            used_percent: health.used_percent,
            media_errors: health.media_errors,
        }
    }
}

impl HealthView {
    /// In a word or two.
    pub(crate) fn summary(&self) -> String {
        if self.warnings.is_empty() { "good".to_owned() } else { self.warnings.join(", ") }
    }
}

impl From<DeviceInfo> for InfoView {
    fn from(info: DeviceInfo) -> InfoView {
        InfoView {
            kind: info.kind,
            model: info.model,
            serial: info.serial,
            size_bytes: info.size_bytes,
            block_size_bytes: info.block_size,
            volatile_write_cache: info.volatile_write_cache,
        }
    }
}

impl Row for DeviceView {
    const HEADERS: &'static [&'static str] =
        &["DEVICE", "STATE", "KIND", ">SIZE", ">BLOCK", "CACHE", "HEALTH", "URI", "REASON"];

    fn cells(&self) -> Vec<String> {
        let told = |show: fn(&InfoView) -> String| self.info.as_ref().map_or_else(|| "-".to_owned(), show);
        vec![
            self.name.clone(),
            self.state.to_owned(),
            told(|info| info.kind.clone()),
            told(|info| Size(info.size_bytes).rounded()),
            told(|info| info.block_size_bytes.to_string()),
            told(|info| yes(info.volatile_write_cache)),
            self.health.as_ref().map_or_else(|| "-".to_owned(), HealthView::summary),
            self.uri.clone(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

#[cfg(test)]
mod test {
    use sluice_node_api::v1::{Device, DeviceEvent, DeviceHealth, DeviceInfo, DeviceState};

    use super::{DeviceView, EventView};
    use crate::view::{Rows, View};

    #[test]
    fn devices() {
        let served = Device {
            name: "file-0".into(),
            uri: "file:/var/lib/sluice/file-0.img".into(),
            state: DeviceState::Pool.into(),
            reason: String::new(),
            info: Some(DeviceInfo {
                kind: "file".into(),
                model: "file".into(),
                serial: String::new(),
                block_size: 4096,
                size_bytes: 64 << 30,
                volatile_write_cache: true,
            }),
            ..Device::default()
        };
        let idle = Device {
            name: "drive-0".into(),
            uri: "uring:/dev/x".into(),
            state: DeviceState::Idle.into(),
            reason: "no such file".into(),
            info: None,
            ..Device::default()
        };
        let health = DeviceHealth { warnings: vec!["media read only".into()], ..DeviceHealth::default() };
        let lost = Device {
            name: "drive-1".into(),
            uri: "pcie:0000:01:00.0".into(),
            state: DeviceState::Lost.into(),
            reason: "the drive is gone".into(),
            info: served.info.clone(),
            health: Some(health),
            ..Device::default()
        };
        let expected = "\
DEVICE   STATE  KIND    SIZE  BLOCK  CACHE  HEALTH           URI                              REASON
file-0   pool   file  64 GiB   4096  yes    -                file:/var/lib/sluice/file-0.img
drive-0  idle   -          -      -  -      -                uring:/dev/x                     no such file
drive-1  lost   file  64 GiB   4096  yes    media read only  pcie:0000:01:00.0                the drive is gone
";
        assert_eq!(Rows([served, idle, lost].map(DeviceView::from).into()).text(), expected);
    }

    #[test]
    fn events() {
        let event = |sequence, seconds: u64, text: &str| DeviceEvent {
            sequence,
            age_ns: seconds * 1_000_000_000,
            text: text.into(),
        };
        let events = vec![
            event(1, 90, "the controller is reset: a command is stuck"),
            event(2, 89, "the controller is back"),
        ];
        let device = Device { name: "drive-0".into(), events, ..Device::default() };
        let expected = "\
DEVICE      AGO  EVENT
drive-0  1m 30s  the controller is reset: a command is stuck
drive-0  1m 29s  the controller is back
";
        assert_eq!(Rows(EventView::of(device)).text(), expected);
    }
}
