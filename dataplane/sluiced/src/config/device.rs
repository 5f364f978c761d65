//! `[[device]]`: what a device is made from.

use std::fmt;
use std::path::PathBuf;

use sluice_device::ssd::SsdOptions;
use sluice_node_api::Size;
use sluice_nvme_pcie::vfio::PciAddress;
use uuid::Uuid;

use super::raw::RawDevice;
use super::{ConfigError, dns_label};

/// A device, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Unique; a DNS label.
    pub name: String,
    /// What it is made from.
    pub source: Source,
    /// The core to pin its reactor to, if one is prescribed.
    pub core: Option<u32>,
    /// When to format it.
    pub format: Format,
    /// The UUID of the pool on it, if any other is to be refused.
    pub pool: Option<Uuid>,
}

/// What a device is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A regular file.
    File {
        /// Where.
        path: PathBuf,
        /// Logical block size in bytes.
        block_size: u32,
        /// Size to create it with, if it is missing.
        create_bytes: Option<u64>,
    },
    /// A block device.
    Block {
        /// Where.
        path: PathBuf,
    },
    /// A namespace of an NVMe drive that stays with the kernel's driver.
    Ng {
        /// Its character device.
        path: PathBuf,
    },
    /// An NVMe drive that the kernel handed over.
    Pcie {
        /// Where on the bus.
        address: PciAddress,
        /// Its namespace, if it has several.
        namespace: Option<u32>,
        /// I/O queue pairs.
        queue_pairs: u16,
    },
    /// A file behind a write cache that is gone with this process.
    Cached {
        /// Where.
        path: PathBuf,
        /// Its shape.
        shape: Volatile,
    },
    /// Memory of this process.
    Memory(Volatile),
    /// Memory that takes a flash drive's time.
    Ssd {
        /// Its shape.
        shape: Volatile,
        /// Dies that work at once.
        dies: u32,
        /// How many times as long they take as they might.
        slowdown: u32,
    },
    /// Accepts everything, keeps nothing, reads zeroes.
    Null(Volatile),
}

/// Shape of a device that is made anew at every start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volatile {
    /// Size in bytes, a multiple of 1 MiB.
    pub size_bytes: u64,
    /// Logical block size in bytes: 512 or 4096.
    pub block_size: u32,
}

/// When a device is formatted without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// If it holds no data at all.
    IfBlank,
    /// Not at all.
    Never,
}

/// As configured: the `uri` option.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File { path, .. } => write!(f, "file:{}", path.display()),
            Source::Block { path } => write!(f, "uring:{}", path.display()),
            Source::Ng { path } => write!(f, "ng:{}", path.display()),
            Source::Pcie { address, namespace: None, .. } => write!(f, "pcie:{address}"),
            Source::Pcie { address, namespace: Some(nsid), .. } => write!(f, "pcie:{address}/{nsid}"),
            Source::Cached { path, .. } => write!(f, "cached:{}", path.display()),
            Source::Memory(shape) => write!(f, "memory:{}", Size(shape.size_bytes)),
            Source::Ssd { shape, .. } => write!(f, "ssd:{}", Size(shape.size_bytes)),
            Source::Null(shape) => write!(f, "null:{}", Size(shape.size_bytes)),
        }
    }
}

/// Block size of devices that do not tell their own.
const DEFAULT_BLOCK_SIZE: u32 = 4096;

impl RawDevice {
    /// Checks one device by itself; its ranges are checked before.
    pub(crate) fn resolve(&self) -> Result<DeviceConfig, ConfigError> {
        if !dns_label(&self.name) {
            let rule = "required: 1 to 63 of a-z, 0-9 and `-`, neither first nor last a `-`";
            return Err(ConfigError::value("device.name", &self.name, rule));
        }
        let format = match self.format.as_str() {
            "if-blank" => Format::IfBlank,
            "never" => Format::Never,
            other => return Err(ConfigError::value("device.format", other, "must be `if-blank` or `never`")),
        };
        let pool = match self.pool.as_deref().map(Uuid::try_parse).transpose() {
            Ok(Some(uuid)) if uuid.is_nil() => return Err(self.bad_pool()),
            Ok(pool) => pool,
            Err(_) => return Err(self.bad_pool()),
        };
        Ok(DeviceConfig { name: self.name.clone(), source: self.source()?, core: self.core, format, pool })
    }

    fn bad_pool(&self) -> ConfigError {
        let rule = "must be the UUID of a pool, as `sluice pool list --output json` shows it";
        ConfigError::value("device.pool", self.pool.as_deref().unwrap_or_default(), rule)
    }

    fn source(&self) -> Result<Source, ConfigError> {
        const FORMS: &str = "required: `file:PATH`, `uring:PATH`, `ng:PATH`, `pcie:ADDRESS`, `memory:SIZE`, `ssd:SIZE`, `cached:PATH` or `null:SIZE`";
        let bad = || ConfigError::value("device.uri", &self.uri, FORMS);
        for (option, value) in [("device.dies", self.dies), ("device.slowdown", self.slowdown)] {
            if let Some(value) = value.filter(|_| !self.uri.starts_with("ssd:")) {
                return Err(ConfigError::value(option, value, "only `ssd:` has dies"));
            }
        }
        if let Some(pairs) = self.queue_pairs.filter(|_| !self.uri.starts_with("pcie:")) {
            return Err(ConfigError::value("device.queue_pairs", pairs, "only `pcie:` has queue pairs"));
        }
        let (kind, rest) = self.uri.split_once(':').filter(|(_, rest)| !rest.is_empty()).ok_or_else(bad)?;
        match kind {
            "file" => self.file(rest),
            "uring" => Ok(Source::Block { path: self.own_shape(rest)? }),
            "ng" => Ok(Source::Ng { path: self.own_shape(rest)? }),
            "pcie" => self.pcie(rest),
            "cached" => self.cached(rest),
            "memory" => self.volatile(rest).map(Source::Memory),
            "ssd" => {
                let dies = self.dies.unwrap_or(SsdOptions::default().dies);
                let slowdown = self.slowdown.unwrap_or(1);
                self.volatile(rest).map(|shape| Source::Ssd { shape, dies, slowdown })
            }
            "null" => self.volatile(rest).map(Source::Null),
            _ => Err(bad()),
        }
    }

    fn file(&self, path: &str) -> Result<Source, ConfigError> {
        if self.size.is_some_and(|size| !size.0.is_multiple_of(Size::mib(1).0)) {
            return Err(ConfigError::value(
                "device.size",
                self.size.unwrap_or_default(),
                "must be a multiple of 1MiB",
            ));
        }
        let create_bytes = self.size.map(|size| size.0);
        Ok(Source::File { path: path.into(), block_size: self.known_block_size()?, create_bytes })
    }

    /// The path of a device that has a size and a block size of its own.
    fn own_shape(&self, path: &str) -> Result<PathBuf, ConfigError> {
        self.refuse_size("a block device has its own size")?;
        match self.block_size {
            Some(size) => Err(ConfigError::value("device.block_size", size, "a block device tells its own")),
            None => Ok(path.into()),
        }
    }

    fn pcie(&self, place: &str) -> Result<Source, ConfigError> {
        self.refuse_size("a drive has its own size")?;
        if let Some(size) = self.block_size {
            return Err(ConfigError::value("device.block_size", size, "a drive tells its own"));
        }
        let bad = || {
            let rule = "must be `pcie:ADDRESS` or `pcie:ADDRESS/NAMESPACE`, such as pcie:0000:01:00.0/1";
            ConfigError::value("device.uri", &self.uri, rule)
        };
        let (address, namespace) = match place.split_once('/') {
            Some((address, namespace)) => (address, Some(namespace)),
            None => (place, None),
        };
        let number = |text: &str| text.parse().ok().filter(|nsid| *nsid > 0).ok_or_else(bad);
        let namespace = namespace.map(number).transpose()?;
        let pairs = self.queue_pairs.unwrap_or(1);
        let Some(queue_pairs) = u16::try_from(pairs).ok().filter(|pairs| pairs.is_power_of_two()) else {
            return Err(ConfigError::value("device.queue_pairs", pairs, "must be a power of two"));
        };
        Ok(Source::Pcie { address: address.parse().map_err(|_| bad())?, namespace, queue_pairs })
    }

    fn cached(&self, path: &str) -> Result<Source, ConfigError> {
        let size = self.size.unwrap_or_default();
        if size.0 == 0 || !size.0.is_multiple_of(Size::mib(1).0) {
            return Err(ConfigError::value("device.size", size, "`cached:` needs one, a multiple of 1MiB"));
        }
        let shape = Volatile { size_bytes: size.0, block_size: self.known_block_size()? };
        Ok(Source::Cached { path: path.into(), shape })
    }

    fn volatile(&self, size: &str) -> Result<Volatile, ConfigError> {
        self.refuse_size("the size stands in the URI")?;
        let size: Size = size.parse()?;
        let whole = size.0.is_multiple_of(Size::mib(1).0);
        if !whole || !(Size::mib(16)..=Size(1 << 50)).contains(&size) {
            let rule = "the size must be 16MiB to 1PiB and a multiple of 1MiB";
            return Err(ConfigError::value("device.uri", &self.uri, rule));
        }
        Ok(Volatile { size_bytes: size.0, block_size: self.known_block_size()? })
    }

    fn known_block_size(&self) -> Result<u32, ConfigError> {
        match self.block_size.unwrap_or(DEFAULT_BLOCK_SIZE) {
            size @ (512 | 4096) => Ok(size),
            other => Err(ConfigError::value("device.block_size", other, "must be 512 or 4096")),
        }
    }

    fn refuse_size(&self, reason: &'static str) -> Result<(), ConfigError> {
        match self.size {
            Some(size) => Err(ConfigError::value("device.size", size, reason)),
            None => Ok(()),
        }
    }
}
