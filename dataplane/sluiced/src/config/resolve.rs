//! From the configuration as written to the one the node runs on: every check that needs no device.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sluice_node_api::ApiAddress;
use sluice_reactor::Polling;
use sluice_target::{Limits, TargetConfig, Timeouts};

use super::raw::{RawApi, RawConfig, RawMetrics, RawNode, RawNvmeTcp, RawQos, RawReactor};
use super::{ApiListen, Config, ConfigError, DeviceConfig};

/// Listening addresses of the target.
const MAX_LISTENERS: usize = 8;

impl RawConfig {
    /// Checks everything that can be checked without opening a device.
    ///
    /// # Errors
    /// The first option that is wrong.
    pub fn resolve(&self) -> Result<Config, ConfigError> {
        self.check_ranges()?;
        let name = self.node.resolve_name()?;
        let polling = self.reactor.resolve()?;
        let devices = self.device.iter().map(|device| device.resolve()).collect::<Result<Vec<_>, _>>()?;
        refuse_shared(&devices, polling)?;
        Ok(Config {
            name,
            log: self.node.resolve_log()?,
            ready_file: self.node.resolve_ready_file(),
            api: self.api.resolve(self.danger_zone.api_on_network)?,
            metrics: self.metrics.resolve()?,
            listen: self.nvme_tcp.resolve_listen()?,
            target: self.nvme_tcp.resolve(&self.qos)?,
            polling,
            devices,
        })
    }
}

impl RawConfig {
    /// Every option that has a range, against it.
    fn check_ranges(&self) -> Result<(), ConfigError> {
        self.node.check_ranges()?;
        self.api.check_ranges()?;
        self.metrics.check_ranges()?;
        self.nvme_tcp.check_ranges()?;
        self.qos.check_ranges()?;
        self.reactor.check_ranges()?;
        self.danger_zone.check_ranges()?;
        self.device.iter().try_for_each(|device| device.check_ranges())
    }
}

impl RawNode {
    fn resolve_name(&self) -> Result<String, ConfigError> {
        let name = if self.name.is_empty() { host_name() } else { self.name.clone() };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if (1..=63).contains(&name.len()) && name.chars().all(allowed) {
            return Ok(name);
        }
        Err(ConfigError::value("node.name", name, "must be 1 to 63 of a-z, A-Z, 0-9, `-`, `_` and `.`"))
    }

    fn resolve_log(&self) -> Result<String, ConfigError> {
        match tracing_subscriber::EnvFilter::try_new(&self.log) {
            Ok(_) if !self.log.trim().is_empty() => Ok(self.log.clone()),
            _ => Err(ConfigError::value(
                "node.log",
                &self.log,
                "must be a level, or directives TARGET=LEVEL,...",
            )),
        }
    }

    fn resolve_ready_file(&self) -> Option<PathBuf> {
        Some(&self.ready_file).filter(|path| !path.is_empty()).map(PathBuf::from)
    }
}

/// The kernel's word for this machine, cut to what a node name may be.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.chars().take(63).collect()
}

impl RawApi {
    fn resolve(&self, on_network: bool) -> Result<ApiListen, ConfigError> {
        match self.listen.parse()? {
            ApiAddress::Unix(path) => Ok(ApiListen::Unix { path, mode: self.resolve_mode()? }),
            ApiAddress::Tcp { host, port } => {
                let ip: IpAddr =
                    host.parse().map_err(|_| self.bad_listen("the host must be an IP address"))?;
                if !ip.is_loopback() && !on_network {
                    return Err(self.bad_listen(
                        "not a loopback address, and the API has no authentication: use 127.0.0.1, a Unix socket, \
                         or set danger_zone.api_on_network",
                    ));
                }
                Ok(ApiListen::Tcp(SocketAddr::new(ip, port)))
            }
        }
    }

    fn bad_listen(&self, reason: &'static str) -> ConfigError {
        ConfigError::value("api.listen", &self.listen, reason)
    }

    fn resolve_mode(&self) -> Result<u32, ConfigError> {
        let digits =
            self.socket_mode.len() == 3 && self.socket_mode.bytes().all(|digit| digit.is_ascii_digit());
        let mode = u32::from_str_radix(&self.socket_mode, 8).ok().filter(|_| digits);
        mode.ok_or_else(|| {
            ConfigError::value("api.socket_mode", &self.socket_mode, "must be three octal digits")
        })
    }
}

impl RawMetrics {
    fn resolve(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.listen.is_empty() {
            return Ok(None);
        }
        let form = "must be ADDRESS:PORT, such as 127.0.0.1:9464, or empty";
        self.listen.parse().map(Some).map_err(|_| ConfigError::value("metrics.listen", &self.listen, form))
    }
}

impl RawNvmeTcp {
    fn resolve(&self, qos: &RawQos) -> Result<TargetConfig, ConfigError> {
        let limits = Limits {
            max_transfer_bytes: in_u32(self.max_transfer_bytes.0),
            in_capsule_bytes: in_u32(self.in_capsule_bytes.0),
            queue_entries: in_u16(self.queue_entries),
            io_queues: in_u16(self.io_queues),
            connections: self.connections,
            buffer_bytes: self.buffer_bytes.0,
        };
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let timeouts = Timeouts {
            handshake: ms(self.handshake_timeout_ms),
            keep_alive_max: ms(self.keep_alive_max_ms),
            drain: ms(self.drain_timeout_ms),
        };
        let target = TargetConfig {
            limits,
            timeouts,
            header_digest: self.header_digest,
            data_digest: self.data_digest,
            pending_handshakes: self.pending_handshakes,
            qos: qos.enabled,
            calibration: ms(qos.calibration_ms),
            unit_bytes: in_u32(qos.unit.0),
            promised_percent: qos.promised_percent,
        };
        target.check()?;
        Ok(target)
    }

    fn resolve_listen(&self) -> Result<Vec<SocketAddr>, ConfigError> {
        if !(1..=MAX_LISTENERS).contains(&self.listen.len()) {
            let count = format!("{} addresses", self.listen.len());
            return Err(ConfigError::value("nvme_tcp.listen", count, "must be 1 to 8 addresses"));
        }
        let parse = |text: &String| {
            text.parse().map_err(|_| {
                let form = "must be ADDRESS:PORT, such as 127.0.0.1:4420 or [::]:4420";
                ConfigError::value("nvme_tcp.listen", text, form)
            })
        };
        self.listen.iter().map(parse).collect()
    }
}

impl RawReactor {
    fn resolve(&self) -> Result<Polling, ConfigError> {
        match self.polling.as_str() {
            "adaptive" => Ok(Polling::Adaptive { spin: Duration::from_micros(self.spin_us.into()) }),
            "always" => Ok(Polling::Always),
            other => Err(ConfigError::value("reactor.polling", other, "must be `adaptive` or `always`")),
        }
    }
}

/// Names are unique, and spinning reactors do not share a core.
fn refuse_shared(devices: &[DeviceConfig], polling: Polling) -> Result<(), ConfigError> {
    let mut names = BTreeSet::new();
    if let Some(twice) = devices.iter().find(|device| !names.insert(&device.name)) {
        return Err(ConfigError::value("device.name", &twice.name, "two devices have this name"));
    }
    let mut cores = BTreeSet::new();
    let twice = devices.iter().filter_map(|device| device.core).find(|core| !cores.insert(*core));
    match (polling, twice) {
        (Polling::Always, Some(core)) => {
            Err(ConfigError::value("device.core", core, "two reactors that always poll cannot share a core"))
        }
        _ => Ok(()),
    }
}

/// For values whose range was checked.
fn in_u32(value: u64) -> u32 {
    u32::try_from(value).expect("the option's range ends below 2^32")
}

/// For values whose range was checked.
fn in_u16(value: u32) -> u16 {
    u16::try_from(value).expect("the option's range ends below 2^16")
}
