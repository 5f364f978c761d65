//! Where a job's I/O goes.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

/// Who the host says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostIdentity {
    /// Host NQN, at most 223 bytes.
    pub nqn: String,
    /// Host identifier.
    pub id: Uuid,
}

impl HostIdentity {
    /// A new identity: a random UUID, and the NQN made of it.
    #[must_use]
    pub fn generate() -> Self {
        let id = Uuid::new_v4();
        Self { nqn: format!("nqn.2014-08.org.nvmexpress:uuid:{id}"), id }
    }
}

/// A namespace behind NVMe/TCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpTarget {
    /// `host:port`.
    pub address: String,
    /// Subsystem NQN.
    pub nqn: String,
    /// Namespace; `None` for the first active one.
    pub nsid: Option<u32>,
    /// Who connects.
    pub host: HostIdentity,
    /// Ask for header digests.
    pub header_digest: bool,
    /// Ask for data digests.
    pub data_digest: bool,
    /// Leave submission queue flow control on: responses then never ride on the last data PDU.
    pub sq_flow_control: bool,
    /// Keep alive timeout asked for; zero for none.
    pub keep_alive: Duration,
    /// Longest wait for a connection, an answer or an I/O before the connection counts as lost.
    pub timeout: Duration,
}

impl TcpTarget {
    /// No digests, 15 s keep alive, 30 s time-out, an identity of its own.
    #[must_use]
    pub fn new(address: impl Into<String>, nqn: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            nqn: nqn.into(),
            nsid: None,
            host: HostIdentity::generate(),
            header_digest: false,
            data_digest: false,
            sq_flow_control: false,
            keep_alive: Duration::from_secs(15),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Where a job's I/O goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// NVMe/TCP.
    Tcp(TcpTarget),
    /// A file or block device through io_uring.
    Path(PathBuf),
    /// Memory of this process, for trying workloads and verification without a device.
    Memory {
        /// Size in bytes.
        bytes: u64,
    },
    /// A device that completes everything at once: measures the engine itself.
    Null {
        /// Size in bytes.
        bytes: u64,
    },
}

impl Target {
    /// Reads a local device as the command line writes it: `memory:SIZE`, `null:SIZE` or a path.
    ///
    /// # Errors
    /// If the size cannot be read.
    pub fn parse_local(text: &str) -> Result<Self, crate::units::UnitError> {
        use crate::units::parse_size;
        match text.split_once(':') {
            Some(("memory", size)) => Ok(Self::Memory { bytes: parse_size(size)? }),
            Some(("null", size)) => Ok(Self::Null { bytes: parse_size(size)? }),
            _ => Ok(Self::Path(PathBuf::from(text))),
        }
    }

    /// Whether the target is a device of this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        !matches!(self, Self::Tcp(_))
    }

    /// Whether two targets may hold the same blocks. Memory devices are never shared between jobs.
    #[must_use]
    pub fn same_blocks(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(a), Self::Tcp(b)) => a.nqn == b.nqn && a.address == b.address && a.nsid == b.nsid,
            (Self::Path(a), Self::Path(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes| crate::units::show_size(bytes).replace(' ', "");
        match self {
            Self::Tcp(tcp) => write!(f, "tcp://{}/{}", tcp.address, tcp.nqn),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Memory { bytes } => write!(f, "memory:{}", size(*bytes)),
            Self::Null { bytes } => write!(f, "null:{}", size(*bytes)),
        }
    }
}
