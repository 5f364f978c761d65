//! What a call can fail with, and the one function that gives each failure its gRPC code.

use sluice_target::ControlError;
use sluice_volume::VolumeError;
use tonic::{Code, Status};

use crate::node::{EraseError, ReactorError};

/// Why a call failed. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum NodeError {
    #[error("no device {name:?}: this node has {}", listed(.known))]
    NoDevice { name: String, known: Vec<String> },
    #[error("no pool {name:?}: this node has {}", listed(.known))]
    NoPool { name: String, known: Vec<String> },
    #[error("device {name:?} is not in use as a pool: {reason}")]
    Idle { name: String, reason: String },
    #[error("the node has no pool: configure a device, or format one with `sluice pool create DEVICE`")]
    NoPools,
    #[error("the node has several pools: name one of {}", listed(.known))]
    WhichPool { known: Vec<String> },
    #[error("no volume {name:?} on this node; `sluice volume list` shows those there are")]
    NoVolume { name: String },
    #[error("no snapshot {name:?} on this node; `sluice snapshot list` shows those there are")]
    NoSnapshot { name: String },
    #[error(
        "no volume or snapshot {name:?} on this node; `sluice volume list` and `sluice snapshot list` show all"
    )]
    NoSource { name: String },
    #[error("no snapshots to take: name at least one volume")]
    NoSnapshots,
    #[error("volume {other:?} is not in pool {pool:?} as {first:?} is: a group's volumes must share a pool")]
    Pools { first: String, other: String, pool: String },
    #[error("volume {name:?} exists, but {differs}: choose another name or ask for the same")]
    Exists { name: String, differs: String },
    #[error("another call is changing volume {name:?}: wait until it is done, then ask again")]
    InUse { name: String },
    #[error("a block size of {0} bytes: it must be 512 or 4096")]
    BlockSize(u32),
    #[error(
        "pool {name:?} holds volumes ({volumes}) or snapshots ({snapshots}): delete them before its drive is erased"
    )]
    HasVolumes { name: String, volumes: u32, snapshots: u32 },
    #[error("it is not said how to erase the drive: name a format, or a method to sanitize by")]
    NoErase,
    #[error("a lease of {0} s: it must last 1 to 2592000 s (30 days)")]
    LeaseLength(u32),
    #[error("burst credit without a burst: set the burst's IOPS too")]
    CreditWithoutBurst,
    #[error("nobody is given access: name host NQNs, or any host")]
    NoAccess,
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Reactor(#[from] ReactorError),
    #[error(transparent)]
    Erase(#[from] EraseError),
    #[error("the call's task ended early: see the node's log")]
    Task,
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl From<NodeError> for Status {
    fn from(error: NodeError) -> Status {
        let code = code(&error);
        if matches!(code, Code::Internal | Code::DataLoss) {
            tracing::error!(%error, "a call failed");
        }
        Status::new(code, error.to_string())
    }
}

/// The table of `sluice.node.v1`: each failure's code.
fn code(error: &NodeError) -> Code {
    match error {
        NodeError::NoDevice { .. }
        | NodeError::NoPool { .. }
        | NodeError::NoVolume { .. }
        | NodeError::NoSnapshot { .. }
        | NodeError::NoSource { .. } => Code::NotFound,
        NodeError::Idle { .. }
        | NodeError::NoPools
        | NodeError::Pools { .. }
        | NodeError::HasVolumes { .. } => Code::FailedPrecondition,
        NodeError::WhichPool { .. }
        | NodeError::BlockSize(_)
        | NodeError::NoErase
        | NodeError::LeaseLength(_)
        | NodeError::CreditWithoutBurst
        | NodeError::NoSnapshots
        | NodeError::NoAccess => Code::InvalidArgument,
        NodeError::Exists { .. } => Code::AlreadyExists,
        NodeError::InUse { .. } => Code::Aborted,
        NodeError::Control(error) => control_code(error),
        NodeError::Reactor(error) => reactor_code(error),
        NodeError::Erase(error) => erase_code(error),
        NodeError::Task => Code::Internal,
    }
}

fn erase_code(error: &EraseError) -> Code {
    match error {
        EraseError::NoDrive { .. } => Code::InvalidArgument,
        EraseError::Holds(_) | EraseError::Unreadable(_) | EraseError::Drive(_) => Code::FailedPrecondition,
        EraseError::Buffers(_) => Code::ResourceExhausted,
        EraseError::Busy => Code::Aborted,
    }
}

fn control_code(error: &ControlError) -> Code {
    match error {
        ControlError::NotFound { .. } | ControlError::AppNotFound { .. } => Code::NotFound,
        ControlError::Exists { .. } | ControlError::GroupExists { .. } => Code::AlreadyExists,
        ControlError::Published { .. }
        | ControlError::AppInUse { .. }
        | ControlError::Connected { .. }
        | ControlError::NotSnapshot { .. } => Code::FailedPrecondition,
        ControlError::App(_) => Code::InvalidArgument,
        ControlError::Scheduler(error) => scheduler_code(error),
        ControlError::Busy | ControlError::ShuttingDown => Code::Unavailable,
        ControlError::Volume(error) => volume_code(error),
    }
}

fn scheduler_code(error: &sluice_qos::ControlError) -> Code {
    use sluice_qos::ControlError as E;
    match error {
        E::Admission(_) | E::TooManyApps { .. } | E::TooManyVolumes { .. } => Code::ResourceExhausted,
        E::LeaseMinAboveMax { .. } | E::LeaseTooHigh { .. } | E::LeaseLowers { .. } | E::Profile(_) => {
            Code::InvalidArgument
        }
        E::AppInUse { .. } | E::VolumeInUse { .. } => Code::FailedPrecondition,
        E::NoSuchApp { .. } | E::NoSuchVolume { .. } | E::Twice { .. } => Code::Internal,
    }
}

fn volume_code(error: &VolumeError) -> Code {
    use VolumeError as E;
    match error {
        E::Name { .. }
        | E::Size { .. }
        | E::BlockSize { .. }
        | E::TooManyHosts { .. }
        | E::HostNqn { .. }
        | E::TooLong { .. }
        | E::Shrink { .. }
        | E::Group { .. }
        | E::GroupTwice { .. }
        | E::TooManyLabels { .. }
        | E::Label { .. } => Code::InvalidArgument,
        E::NoSuchVolume { .. } | E::NoSuchApp { .. } => Code::NotFound,
        E::NameTaken { .. } => Code::AlreadyExists,
        E::Published { .. }
        | E::NotOpen
        | E::NotFormatted
        | E::Foreign
        | E::AlreadyFormatted { .. }
        | E::NewerFormat { .. }
        | E::OlderFormat { .. }
        | E::OtherPool { .. }
        | E::IsSnapshot { .. }
        | E::NotItsSnapshot { .. }
        | E::NothingPrepared
        | E::AppInUse { .. }
        | E::DeviceTooSmall { .. }
        | E::DeviceBlockSize { .. }
        | E::DeviceShrunk { .. }
        | E::DeviceBlockSizeChanged { .. } => Code::FailedPrecondition,
        E::PoolFull { .. } | E::TooManyVolumes | E::TooManyApps | E::NoBuffer { .. } => {
            Code::ResourceExhausted
        }
        E::Busy => Code::Unavailable,
        E::PrepareExpired => Code::DeadlineExceeded,
        E::Suspended | E::Corrupt { .. } | E::Damaged { .. } | E::Malformed(_) | E::Io { .. } => {
            Code::DataLoss
        }
        E::AlreadyOpen | E::NilUuid | E::UuidTaken { .. } => Code::Internal,
    }
}

fn reactor_code(error: &ReactorError) -> Code {
    use sluice_target::StartError as E;
    match error {
        E::Volume(error) => volume_code(error),
        E::Apps(error) => control_code(error),
        E::Config(_) => Code::InvalidArgument,
        E::Buffers(_) => Code::ResourceExhausted,
        E::Open(_) | E::Reactor(_) => Code::FailedPrecondition,
    }
}

#[cfg(test)]
mod test {
    use sluice_device::IoError;
    use sluice_target::ControlError;
    use sluice_volume::map::Malformed;
    use sluice_volume::{BlockSize, VolumeError};
    use tonic::{Code, Status};
    use uuid::Uuid;

    use super::{EraseError, NodeError};

    fn name() -> String {
        "x".to_owned()
    }

    fn control() -> [(ControlError, Code); 8] {
        [
            (ControlError::NotFound { name: name() }, Code::NotFound),
            (ControlError::Exists { name: name(), differs: "size" }, Code::AlreadyExists),
            (ControlError::Published { name: name() }, Code::FailedPrecondition),
            (ControlError::GroupExists { name: name() }, Code::AlreadyExists),
            (ControlError::Connected { name: name(), connections: 3 }, Code::FailedPrecondition),
            (ControlError::NotSnapshot { name: name() }, Code::FailedPrecondition),
            (ControlError::Busy, Code::Unavailable),
            (ControlError::ShuttingDown, Code::Unavailable),
        ]
    }

    fn thin() -> [(VolumeError, Code); 18] {
        use VolumeError as E;
        let (found, expected) = (Uuid::nil(), Uuid::max());
        [
            (E::OlderFormat { version: 1 }, Code::FailedPrecondition),
            (E::OtherPool { expected, found }, Code::FailedPrecondition),
            (E::Damaged { structure: "node", block: 1, detail: "torn" }, Code::DataLoss),
            (E::Malformed(Malformed::Slot { slot: 1 }), Code::DataLoss),
            (E::PoolFull { needed_bytes: 2, free_bytes: 1 }, Code::ResourceExhausted),
            (E::TooLong { size_bytes: 1 }, Code::InvalidArgument),
            (E::Shrink { size_bytes: 1, current_bytes: 2 }, Code::InvalidArgument),
            (E::IsSnapshot { name: name() }, Code::FailedPrecondition),
            (E::NotItsSnapshot { volume: name(), snapshot: name() }, Code::FailedPrecondition),
            (E::Group { count: 0 }, Code::InvalidArgument),
            (E::GroupTwice { name: name() }, Code::InvalidArgument),
            (E::NothingPrepared, Code::FailedPrecondition),
            (E::PrepareExpired, Code::DeadlineExceeded),
            (E::TooManyLabels { count: 17 }, Code::InvalidArgument),
            (E::Label { key: name() }, Code::InvalidArgument),
            (E::TooManyApps, Code::ResourceExhausted),
            (E::AppInUse { name: name() }, Code::FailedPrecondition),
            (E::NoSuchApp { name: name() }, Code::NotFound),
        ]
    }

    fn volume() -> [(VolumeError, Code); 23] {
        use VolumeError as E;
        [
            (E::Busy, Code::Unavailable),
            (E::NotOpen, Code::FailedPrecondition),
            (E::AlreadyOpen, Code::Internal),
            (E::Suspended, Code::DataLoss),
            (E::DeviceTooSmall { size_bytes: 1, needed_bytes: 2 }, Code::FailedPrecondition),
            (E::DeviceBlockSize { block_size: 1024 }, Code::FailedPrecondition),
            (E::NoBuffer { needed_bytes: 4096 }, Code::ResourceExhausted),
            (E::NotFormatted, Code::FailedPrecondition),
            (E::Foreign, Code::FailedPrecondition),
            (E::AlreadyFormatted { uuid: Uuid::nil() }, Code::FailedPrecondition),
            (E::NewerFormat { version: 9 }, Code::FailedPrecondition),
            (E::Corrupt { detail: "checksum" }, Code::DataLoss),
            (E::DeviceShrunk { recorded_bytes: 2, actual_bytes: 1 }, Code::FailedPrecondition),
            (E::DeviceBlockSizeChanged { recorded: 512, actual: 4096 }, Code::FailedPrecondition),
            (E::Name { of: "volume", name: name() }, Code::InvalidArgument),
            (E::Size { size_bytes: 1, block_size: BlockSize::B512 }, Code::InvalidArgument),
            (E::BlockSize { volume: BlockSize::B512, device: 4096 }, Code::InvalidArgument),
            (E::NilUuid, Code::Internal),
            (E::NameTaken { name: name() }, Code::AlreadyExists),
            (E::UuidTaken { uuid: Uuid::nil() }, Code::Internal),
            (E::TooManyVolumes, Code::ResourceExhausted),
            (E::Published { name: name() }, Code::FailedPrecondition),
            (E::Io { doing: "writing the superblock", cause: IoError::WriteFault }, Code::DataLoss),
        ]
    }

    #[test]
    fn every_failure_has_its_code_and_keeps_its_text() {
        let own = [
            (NodeError::NoDevice { name: name(), known: vec![] }, Code::NotFound),
            (NodeError::NoPool { name: name(), known: vec![name()] }, Code::NotFound),
            (NodeError::NoVolume { name: name() }, Code::NotFound),
            (NodeError::Idle { name: name(), reason: name() }, Code::FailedPrecondition),
            (NodeError::NoPools, Code::FailedPrecondition),
            (NodeError::WhichPool { known: vec![name()] }, Code::InvalidArgument),
            (NodeError::BlockSize(1024), Code::InvalidArgument),
            (NodeError::NoAccess, Code::InvalidArgument),
            (NodeError::NoErase, Code::InvalidArgument),
            (NodeError::HasVolumes { name: name(), volumes: 0, snapshots: 2 }, Code::FailedPrecondition),
            (NodeError::Erase(EraseError::NoDrive { uri: name() }), Code::InvalidArgument),
            (NodeError::Erase(EraseError::Holds("a pool of volumes")), Code::FailedPrecondition),
            (NodeError::Erase(EraseError::Busy), Code::Aborted),
            (NodeError::Exists { name: name(), differs: name() }, Code::AlreadyExists),
            (NodeError::InUse { name: name() }, Code::Aborted),
            (NodeError::Task, Code::Internal),
        ];
        let control = control().map(|(error, code)| (NodeError::Control(error), code));
        let volume = volume().into_iter().chain(thin());
        let volume = volume.map(|(error, code)| (NodeError::Control(error.into()), code));
        for (error, code) in own.into_iter().chain(control).chain(volume) {
            let text = error.to_string();
            let status = Status::from(error);
            assert_eq!((status.code(), status.message()), (code, text.as_str()));
        }
    }
}
