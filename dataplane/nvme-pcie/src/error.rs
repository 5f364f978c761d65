//! Why a controller does not start, and why it is given up.

use sluice_nvme::status::Status;
use sluice_nvme_block::{EraseError, NamespaceError};

/// Why a controller does not come to serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It does not become ready or idle in the time it says it needs.
    #[error("the controller did not {doing} within {waited_ms} ms: power-cycle the drive, or replace it")]
    Timeout {
        /// What it was to do.
        doing: &'static str,
        /// How long it had.
        waited_ms: u64,
    },
    /// It reports a fatal status.
    #[error("the controller reports a fatal error (CSTS.CFS): power-cycle the drive, or replace it")]
    Fatal,
    /// It does not answer: it has been removed, or its power has failed.
    #[error("the controller does not answer: the drive is gone")]
    Gone,
    /// The host's administrator or its hotplug controller asks for the device.
    #[error("the host asks for the device back")]
    RemovalRequested,
    /// It cannot be driven: no NVM Command Set, or its smallest page is larger than 4 KiB.
    #[error("the controller {lacks}: this driver cannot use it; name it as `uring:` or `ng:` instead")]
    Unsupported {
        /// What it lacks.
        lacks: &'static str,
    },
    /// A command without which there is no I/O failed.
    #[error("{command} failed: {status}")]
    Command {
        /// Which.
        command: &'static str,
        /// The controller's answer.
        status: Status,
    },
    /// It has no active namespace, or not the one asked for.
    #[error(
        "the controller has no such active namespace: create and attach one (`nvme create-ns`, `nvme attach-ns`)"
    )]
    NoNamespace,
    /// It has several namespaces.
    #[error("the controller has several namespaces ({count}): name one, as in `pcie:ADDRESS/1`")]
    WhichNamespace {
        /// How many.
        count: usize,
    },
    /// The namespace cannot be used as it is.
    #[error(transparent)]
    Namespace(#[from] NamespaceError),
    /// It cannot be erased as was asked; nothing was done to it.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// A Sanitize failed; until one succeeds, the drive reads and writes nothing.
    #[error(
        "the drive reports that its sanitize failed: sanitize it again, by another method, or replace it"
    )]
    Sanitize,
    /// After a reset it was another device: another serial number, size or block size.
    #[error("the controller came back from its reset as another device")]
    Changed,
    /// It had to be reset again and again without any I/O in between.
    #[error("the controller had to be reset {resets} times in a row: replace the drive")]
    Resets {
        /// How often.
        resets: u32,
    },
}
