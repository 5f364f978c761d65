//! What the caller asks for.

use sluice_device::Nanos;
use sluice_nvme::pcie::create_queue::QueuePriority;

/// Seconds as the driver counts time.
pub(crate) const SECOND: Nanos = Nanos(1_000_000_000);

/// Most I/O queue pairs of one device.
pub const MOST_PAIRS: u16 = 16;

/// How to drive a controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What the operator calls the device: its PCI address.
    pub name: String,
    /// The namespace; `None`: the only one there is.
    pub namespace: Option<u32>,
    /// Requests held at once: 1 to 4095, less if the controller's queues are shorter.
    pub queue_depth: u32,
    /// I/O queue pairs that the requests are spread over: a power of two, 1 to [`MOST_PAIRS`]; fewer if the controller
    /// grants fewer.
    pub queue_pairs: u16,
    /// Use SGLs if the controller takes them.
    pub sgl: bool,
    /// Use shadow doorbells if the controller offers them.
    pub shadow_doorbells: bool,
    /// The class of the I/O queues, if the controller arbitrates by weights.
    pub priority: QueuePriority,
    /// Shares of the classes under weighted arbitration, 1 to 256 commands in a turn.
    pub weights: Weights,
    /// How long a command may take before it is aborted; as long again, and the controller is reset.
    pub command_timeout: Nanos,
    /// How often the drive's health is read.
    pub health_interval: Nanos,
}

/// Commands taken in a turn, by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// Of high priority, 1 to 256.
    pub high: u16,
    /// Of medium priority, 1 to 256.
    pub medium: u16,
    /// Of low priority, 1 to 256.
    pub low: u16,
}

impl Default for Options {
    /// All that the controller offers, 255 requests deep; aborted after 8 s, so that a reset and the second attempt
    /// end before the 30 s that a Linux host waits.
    fn default() -> Self {
        Self {
            name: String::new(),
            namespace: None,
            queue_depth: 255,
            queue_pairs: 1,
            sgl: true,
            shadow_doorbells: true,
            priority: QueuePriority::Medium,
            weights: Weights { high: 64, medium: 16, low: 4 },
            command_timeout: Nanos(8 * SECOND.0),
            health_interval: Nanos(60 * SECOND.0),
        }
    }
}
