//! `sluice device list`, `sluice pool list`

use serde::Serialize;
use sluice_node_api::Size;
use sluice_node_api::v1::{Device, DeviceHealth, DeviceInfo, DeviceState};

use super::{Row, yes};

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
}

/// How a drive is.
#[derive(Debug, Serialize)]
struct HealthView {
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
        };
        DeviceView {
            state,
            name: device.name,
            uri: device.uri,
            reason: Some(device.reason).filter(|reason| !reason.is_empty()),
            info: device.info.map(InfoView::from),
            health: device.health.map(HealthView::from),
        }
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
    fn summary(&self) -> String {
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
    use sluice_node_api::v1::{Device, DeviceHealth, DeviceInfo, DeviceState};

    use super::DeviceView;
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
            health: None,
        };
        let idle = Device {
            name: "drive-0".into(),
            uri: "uring:/dev/x".into(),
            state: DeviceState::Idle.into(),
            reason: "no such file".into(),
            info: None,
            health: None,
        };
        let health = DeviceHealth { warnings: vec!["media read only".into()], ..DeviceHealth::default() };
        let lost = Device {
            name: "drive-1".into(),
            uri: "pcie:0000:01:00.0".into(),
            state: DeviceState::Lost.into(),
            reason: "the drive is gone".into(),
            info: served.info.clone(),
            health: Some(health),
        };
        let expected = "\
DEVICE   STATE  KIND    SIZE  BLOCK  CACHE  HEALTH           URI                              REASON
file-0   pool   file  64 GiB   4096  yes    -                file:/var/lib/sluice/file-0.img
drive-0  idle   -          -      -  -      -                uring:/dev/x                     no such file
drive-1  lost   file  64 GiB   4096  yes    media read only  pcie:0000:01:00.0                the drive is gone
";
        assert_eq!(Rows([served, idle, lost].map(DeviceView::from).into()).text(), expected);
    }
}
