//! Why a configuration is refused.

use std::io;
use std::path::PathBuf;

use sluice_node_api::{AddressError, SizeError};

/// Why a configuration is refused. The text names the option and what it may be.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type. Spans several lines, with the place.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A value outside its range.
    #[error("{option} = {value}: must be {lowest} to {highest}")]
    Range {
        /// `section.name`
        option: String,
        /// As given.
        value: String,
        /// Lowest allowed.
        lowest: String,
        /// Highest allowed.
        highest: String,
    },
    /// A value that is none of those allowed.
    #[error("{option} = {value:?}: {reason}")]
    Value {
        /// `section.name`
        option: &'static str,
        /// As given.
        value: String,
        /// What is wrong and what it may be.
        reason: &'static str,
    },
    /// A limit that does not fit the others.
    #[error("nvme_tcp.{0}")]
    Target(#[from] sluice_target::ConfigError),
    /// Not an API address.
    #[error("api.listen: {0}")]
    ApiAddress(#[from] AddressError),
    /// Not a size, in a device's URI.
    #[error("device.uri: {0}")]
    DeviceSize(#[from] SizeError),
}

impl ConfigError {
    /// A value that is none of those allowed.
    pub(crate) fn value(option: &'static str, value: impl ToString, reason: &'static str) -> ConfigError {
        ConfigError::Value { option, value: value.to_string(), reason }
    }
}
