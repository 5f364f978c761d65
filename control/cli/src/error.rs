//! What a command can fail with, and the exit code that says so.

use std::error::Error;
use std::io;

use sluice_host::HostError;
use sluice_node_api::ApiAddress;
use sluice_volume::VolumeError;
use sluiced::OfflineError;
use tonic::{Code, Status};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Nothing answers at the address.
    #[error(
        "cannot reach a node at {address}: {reason}; is sluiced running? --node or SLUICE_NODE give another address"
    )]
    Unreachable {
        /// Where it was looked for.
        address: ApiAddress,
        /// The innermost cause.
        reason: String,
    },
    /// The node refused; its message says what to do.
    #[error("{}", message(.0))]
    Refused(#[from] Status),
    /// The node has no such pool.
    #[error("no pool {name:?} on this node; `sluice pool list` shows those there are")]
    NoPool {
        /// What was asked for.
        name: String,
    },
    /// No pool knows the application.
    #[error("no application {name:?} on this node; `sluice app list` shows those there are")]
    NoApp {
        /// What was asked for.
        name: String,
    },
    /// An answer that lacks a part the API promises.
    #[error("the node's answer lacks its {0}: is it of another version? (`sluice node`)")]
    Incomplete(&'static str),
    /// This host cannot be prepared, or put back.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A device that was to be checked cannot be had.
    #[error(transparent)]
    Offline(#[from] OfflineError),
    /// A check or repair could not be ended.
    #[error(transparent)]
    Check(#[from] VolumeError),
    /// A check has ended, and not everything is as it must be.
    #[error("{findings} findings")]
    Unsound {
        /// How many.
        findings: usize,
        /// Whether opening or repairing the pool puts all of them right.
        repairable: bool,
    },
    /// Output could not be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// The demo's node, load or folder.
    #[error(transparent)]
    Demo(#[from] crate::demo::DemoError),
}

impl CliError {
    /// From a failed connection attempt.
    pub(crate) fn unreachable(address: &ApiAddress, error: &tonic::transport::Error) -> CliError {
        CliError::Unreachable { address: address.clone(), reason: innermost(error) }
    }

    /// What the process exits with; the table stands in `sluice --help`.
    pub fn exit_code(&self) -> u8 {
        match self {
            CliError::Unreachable { .. } => 3,
            CliError::Refused(status) => code(status.code()),
            CliError::NoApp { .. } | CliError::NoPool { .. } => 4,
            CliError::Demo(error) => error.exit_code(),
            CliError::Host(HostError::NoDrive { .. }) => 4,
            CliError::Host(HostError::InUse { .. } | HostError::Busy { .. }) => 5,
            CliError::Host(HostError::TooFewPages { .. }) => 6,
            CliError::Offline(OfflineError::Uri(_) | OfflineError::Volatile { .. }) => 2,
            CliError::Offline(OfflineError::InUse { .. }) => 5,
            CliError::Unsound { repairable: true, .. } => 7,
            CliError::Unsound { repairable: false, .. } => 8,
            CliError::Host(_) | CliError::Offline(_) | CliError::Check(_) => 1,
            CliError::Incomplete(_) | CliError::Write(_) => 1,
        }
    }
}

/// The one place where gRPC codes become exit codes.
fn code(code: Code) -> u8 {
    match code {
        Code::InvalidArgument | Code::OutOfRange => 2,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => 3,
        Code::NotFound => 4,
        Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => 5,
        Code::ResourceExhausted => 6,
        _ => 1,
    }
}

/// Codes without a message of the node's own come from the transport.
fn message(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        text => text.to_owned(),
    }
}

/// A transport error's text says only "transport error"; its cause says which.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod test {
    use tonic::{Code, Status};

    use super::CliError;

    #[test]
    fn exit_codes() {
        let table = [
            (Code::InvalidArgument, 2),
            (Code::OutOfRange, 2),
            (Code::Unavailable, 3),
            (Code::DeadlineExceeded, 3),
            (Code::Cancelled, 3),
            (Code::NotFound, 4),
            (Code::AlreadyExists, 5),
            (Code::FailedPrecondition, 5),
            (Code::Aborted, 5),
            (Code::ResourceExhausted, 6),
            (Code::Internal, 1),
            (Code::DataLoss, 1),
            (Code::Unimplemented, 1),
            (Code::Unknown, 1),
        ];
        for (code, exit) in table {
            assert_eq!(CliError::from(Status::new(code, "x")).exit_code(), exit, "{code:?}");
        }
        assert_eq!(CliError::Incomplete("volume").exit_code(), 1);
        assert_eq!(CliError::NoApp { name: "shop".into() }.exit_code(), 4);
    }

    #[test]
    fn a_status_is_shown_by_its_message() {
        assert_eq!(CliError::from(Status::not_found("no volume `a`")).to_string(), "no volume `a`");
        assert_eq!(CliError::from(Status::unimplemented("")).to_string(), Code::Unimplemented.description());
    }
}
