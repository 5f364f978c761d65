//! Configuration: TOML as written ([`RawConfig`]) and as the node runs on it ([`Config`]).
//!
//! Each option is declared once, with default and range, in `raw`; the printed default configuration, the range
//! checks and the types come from that declaration. Callers: `main` reads a file, the demo and tests fill a
//! [`RawConfig`] in code, so that both pass the same checks.

mod device;
mod error;
mod print;
mod raw;
mod resolve;
mod section;
#[cfg(test)]
mod test;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sluice_reactor::Polling;
use sluice_target::TargetConfig;

pub use device::{DeviceConfig, Format, Source, Volatile};
pub use error::ConfigError;
pub use print::default_config;
pub use raw::{RawApi, RawConfig, RawDangerZone, RawDevice, RawMetrics, RawNode, RawNvmeTcp, RawReactor};

/// What a node runs on. Made by [`RawConfig::resolve`], or from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Name of the node, 1 to 63 characters.
    pub name: String,
    /// Log filter in the syntax of `tracing_subscriber::EnvFilter`; checked.
    pub log: String,
    /// Where to write the bound addresses.
    pub ready_file: Option<PathBuf>,
    /// Where the API listens.
    pub api: ApiListen,
    /// Where metrics are served, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Where hosts connect: 1 to 8 addresses; port 0 lets the kernel choose.
    pub listen: Vec<SocketAddr>,
    /// Limits and timeouts of the target; checked.
    pub target: TargetConfig,
    /// What idle reactors do.
    pub polling: Polling,
    /// The devices; names are unique.
    pub devices: Vec<DeviceConfig>,
}

/// Where the API listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiListen {
    /// A socket in the file system.
    Unix {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// TCP. Port 0 lets the kernel choose.
    Tcp(SocketAddr),
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path);
        text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?.parse()
    }
}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Config, ConfigError> {
        toml::from_str::<RawConfig>(text)?.resolve()
    }
}

/// Names of devices, volumes and applications: 1 to 63 of a-z, 0-9 and `-`, neither first nor last a `-`.
pub(crate) fn dns_label(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
